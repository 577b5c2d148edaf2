"""An ended exchange as measurements, by the semantic conventions for GenAI. Pure.

A proxy is a client of the API, so these are the conventions' *client* metrics: their *server*
metrics are for what runs the model. Claude Code exports none of them, so nothing is counted twice.
Tokens are the billed ones, of every attempt, as the convention demands; models and errors are of
closed sets.
"""

import functools
from collections.abc import Iterator

from ..anthropic.prices import OTHER
from ..anthropic.token_types import OUTPUTS, PROMPT
from ..errors import API_TYPES
from ..telemetry.entry import Entry
from .histograms import Attributes, Instrument
from .span import (
    CHAT,
    CHAT_ROUTE,
    PROVIDER,
    REQUEST_MODEL,
    RESPONSE_MODEL,
    Api,
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
    (0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 7.5, 10, 15, 20, 30, 60, 120),
)
TOKENS = Instrument(
    "gen_ai.client.token.usage",
    "{token}",
    "Number of input and output tokens used.",
    tuple(float(4**power) for power in range(14)),
)
SERIES = 500  # combinations of models and errors whose attributes are remembered
_ERRORS = frozenset(API_TYPES.values())

Measurement = tuple[Instrument, float, Attributes]


def measurements(entry: Entry, api: Api) -> Iterator[Measurement]:
    """Yield what an exchange adds to the metrics: nothing if it asked no model."""
    exchange = entry.exchange
    if exchange.route != CHAT_ROUTE:
        return
    failure, models = exchange.failure, models_of(entry, api.canonical)
    error = None
    if failure is not None:
        error = failure.type if failure.type in _ERRORS else OTHER
    series = _series(api.address, api.port, error, *models)
    yield DURATION, exchange.duration, series[0]
    if exchange.first_token is not None:
        yield FIRST_CHUNK, exchange.first_token, series[1]
    if entry.charges:
        yield TOKENS, sum(map(entry.tokens, PROMPT)), series[2]
        yield TOKENS, sum(map(entry.tokens, OUTPUTS)), series[3]


@functools.lru_cache(SERIES)
def _series(
    address: str, port: int, error: str | None, asked: str | None, answered: str | None
) -> tuple[Attributes, Attributes, Attributes, Attributes]:
    """Return the attributes of the duration, the first chunk, and input and output tokens."""
    models = ((REQUEST_MODEL, asked), (RESPONSE_MODEL, answered))
    common: Attributes = (
        ("gen_ai.operation.name", CHAT),
        ("gen_ai.provider.name", PROVIDER),
        *((name, model) for name, model in models if model is not None),
        ("server.address", address),
        ("server.port", port),
    )
    return (
        common if error is None else (*common, ("error.type", error)),
        common,
        (*common, ("gen_ai.token.type", "input")),
        (*common, ("gen_ai.token.type", "output")),
    )
