"""Which model a request asks for, as far as its body is here."""

from ...anthropic.request import leading_model, requested_model
from .body import Body

ROUTES = ("messages", "count_tokens")
WINDOW = 1024  # bytes of a body that is not whole yet, searched for its model
LIMIT = 4 * 2**20  # bytes of a body whose model is read before the body is released


def early_model(body: Body) -> str | None:
    """Return the model that a body names at its start, or anywhere if it is whole."""
    return leading_model(body.start(WINDOW)) or (requested_model(body.held) if body.held else None)


def late_model(body: Body) -> str | None:
    """Return the model that a whole body names, before it is released.

    That takes a third of a millisecond per megabyte, so long bodies are spared it.
    """
    held = body.held
    return requested_model(held) if held and len(held) <= LIMIT else None
