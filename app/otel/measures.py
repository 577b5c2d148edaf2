"""An ended exchange as measurements, by the semantic conventions for GenAI. Pure.

A proxy is a client of the API, so these are the conventions' *client* metrics: their *server*
metrics are for what runs the model. Claude Code exports none of them, so nothing is counted twice.
Tokens are the billed ones, of every attempt, as the convention demands; models and errors are of
closed sets.
"""

from ..telemetry.bounds import FIRST
from ..telemetry.entry import Entry
from .histograms import Attributes, Histograms, Instrument, Series
from .span import (
    CHAT,
    CHAT_ROUTE,
    PROVIDER,
    REQUEST_MODEL,
    RESPONSE_MODEL,
    Api,
    error_type,
    first_chunk,
    models_of,
)

DURATION = Instrument(
    "gen_ai.client.operation.duration",
    "s",
    "GenAI operation duration.",
    tuple(0.01 * 2**power for power in range(14)),
)
FIRST_CHUNK = Instrument(
    "gen_ai.client.operation.time_to_first_chunk",
    "s",
    "Time to receive the first chunk of a streamed response.",
    FIRST,
)
TOKENS = Instrument(
    "gen_ai.client.token.usage",
    "{token}",
    "Number of input and output tokens used.",
    tuple(float(4**power) for power in range(14)),
)
# What the series of an exchange depend on: its error and models.
_Key = tuple[str | None, str | None, str | None]
_Bound = tuple[Series, Series, Series, Series]  # duration, first chunk, input, output
BOUND = 2048  # keys whose series are remembered


class Meter:
    """Adds exchanges to histograms.

    State: ``_histograms``, and ``_bound``, the series of each key that was seen.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._histograms = Histograms()
        self._bound: dict[_Key, _Bound] = {}

    def record(self, entry: Entry) -> None:
        """Add an exchange: nothing if it asked no model."""
        exchange = entry.exchange
        if exchange.route != CHAT_ROUTE:
            return
        key = (error_type(exchange, closed=True), *models_of(exchange, self._api.canonical))
        duration, chunk, inputs, outputs = self._bound.get(key) or self._bind(key)
        duration.record(exchange.duration)
        if (until := first_chunk(exchange)) is not None:
            chunk.record(until)
        if entry.charges:
            used = [charge.attempt.usage for charge in entry.charges]
            inputs.record(sum([usage.prompt for usage in used]))
            outputs.record(sum([usage.output for usage in used]))

    def take(self, *, clear: bool) -> Histograms:
        """Return what is there now; begin again at nothing if it is to be cleared."""
        taken = Histograms()
        taken.add(self._histograms)
        if clear:
            self._histograms = Histograms()
            self._bound.clear()
        return taken

    def restore(self, taken: Histograms) -> None:
        """Add what was taken and not exported."""
        self._histograms.add(taken)

    def _bind(self, key: _Key) -> _Bound:
        if len(self._bound) >= BOUND:
            self._bound.clear()
        duration, common, inputs, outputs = _attributes(self._api, *key)
        bound = self._bound[key] = (
            self._histograms.series(DURATION, duration),
            self._histograms.series(FIRST_CHUNK, common),
            self._histograms.series(TOKENS, inputs),
            self._histograms.series(TOKENS, outputs),
        )
        return bound


def _attributes(
    api: Api, error: str | None, asked: str | None, answered: str | None
) -> tuple[Attributes, Attributes, Attributes, Attributes]:
    """Return the attributes of the duration, the first chunk, and input and output tokens."""
    models = ((REQUEST_MODEL, asked), (RESPONSE_MODEL, answered))
    common: Attributes = (
        ("gen_ai.operation.name", CHAT),
        ("gen_ai.provider.name", PROVIDER),
        *((name, model) for name, model in models if model is not None),
        ("server.address", api.address),
        ("server.port", api.port),
    )
    return (
        common if error is None else (*common, ("error.type", error)),
        common,
        (*common, ("gen_ai.token.type", "input")),
        (*common, ("gen_ai.token.type", "output")),
    )
