"""The answer to a request whose head is not to be trusted (behaviour E4, `app.wire.heads`)."""

from typing import Any

import h2.events

from .. import errors
from ..anthropic.errors import ErrorAnswer
from ..anthropic.errors import answer as answer_to
from ..errors import ProxyFailure
from ..wire.headers import first

_FAILURES: tuple[ProxyFailure, ...] = (
    errors.BadRequest("malformed_request", "The request is not well-formed HTTP."),
    errors.HeadTooLarge("malformed_request", "The header section of the request is too large."),
    errors.InternalError("internal_error", "The proxy failed: see its log."),
    errors.CodingUnsupported(
        "malformed_request", "The transfer-encoding of the request is not supported."
    ),
    errors.VersionUnsupported(
        "malformed_request", "The HTTP version of the request is not supported."
    ),
)
_ANSWERS = {failure.status: answer_to(failure) for failure in _FAILURES}


def awaits_continue(request: h2.events.RequestReceived) -> bool:
    """Return True if the client waits for a 100 before it sends its body (RFC 9110 §10.1.1)."""
    expected = first(request.headers, b"expect") or b""
    return request.stream_ended is None and expected.lower() == b"100-continue"


def answer(status: int) -> ErrorAnswer:
    """Return the answer of a status that `known` has returned."""
    return _ANSWERS[status]


def known(status: int) -> int:
    """Return ``status``, or 400 where there is no answer of that status."""
    return status if status in _ANSWERS else 400


def messages(status: int, *extra: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    """Return the answer as ASGI messages, with ``extra`` fields."""
    _, fields, body = answer(status)
    return [
        {"type": "http.response.start", "status": status, "headers": [*fields, *extra]},
        {"type": "http.response.body", "body": body},
    ]


def application(status: int, *extra: tuple[bytes, bytes]) -> Any:
    """Return an application, as Hypercorn calls it, that answers every request with a refusal."""

    async def refuse(_scope: Any, _receive: Any, send: Any, *_rest: Any) -> None:
        for message in messages(status, *extra):
            await send(message)

    return refuse
