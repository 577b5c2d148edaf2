"""An ended exchange as measurements, by the semantic conventions for GenAI. Pure.

A proxy is a client of the API, so these are the conventions' *client* metrics: their *server*
metrics are for what runs the model. Claude Code exports none of them, so nothing is counted twice.
Tokens are the billed ones, of every attempt, as the convention demands; models and errors are of
closed sets.
"""

from collections.abc import Iterator

from ..anthropic.prices import OTHER
from ..anthropic.token_types import OUTPUTS, PROMPT
from ..errors import API_TYPES
from ..telemetry.entry import Entry
from .histograms import Attributes, Instrument
from .span import CHAT, CHAT_ROUTE, PROVIDER, Api, models_of

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
_ERRORS = frozenset(API_TYPES.values())

Measurement = tuple[Instrument, float, Attributes]


def measurements(entry: Entry, api: Api) -> Iterator[Measurement]:
    """Yield what an exchange adds to the metrics: nothing if it asked no model."""
    exchange = entry.exchange
    if exchange.route != CHAT_ROUTE:
        return
    common: Attributes = (
        ("gen_ai.operation.name", CHAT),
        ("gen_ai.provider.name", PROVIDER),
        *models_of(entry, api.canonical).items(),
        ("server.address", api.address),
        ("server.port", api.port),
    )
    failure = exchange.failure
    error: Attributes = ()
    if failure is not None:
        error = (("error.type", failure.type if failure.type in _ERRORS else OTHER),)
    yield DURATION, exchange.duration, common + error
    if exchange.first_token is not None:
        yield FIRST_CHUNK, exchange.first_token, common
    if entry.charges:
        for kind, types in (("input", PROMPT), ("output", OUTPUTS)):
            tokens = sum(map(entry.tokens, types))
            yield TOKENS, tokens, (*common, ("gen_ai.token.type", kind))
