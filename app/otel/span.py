"""An ended exchange as a span. Pure.

The names follow the semantic conventions of OpenTelemetry for GenAI clients, which are still in
development: https://opentelemetry.io/docs/specs/semconv/gen-ai/. What they have no name for begins
with ``anthropic_proxy.``. The tables below are an allow-list: nothing else is exported, and no
value is content. Ids and words of clients and upstream must look like ones.

The convention counts cached tokens inside ``gen_ai.usage.input_tokens``.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..anthropic.token_types import CACHE_WRITES, PROMPT
from ..telemetry.entry import Entry
from ..telemetry.words import word

Value = str | int | float | bool | tuple[str, ...]

CHAT = "chat"
PROVIDER = "anthropic"
CHAT_ROUTE = "messages"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
OTHER_METHOD = "_OTHER"  # as the convention for HTTP says
COMMONS = 1024  # common parts that are remembered; with about 2 KB each, 2 MB
STALL = 1.0  # seconds of silence, or of a client that reads nothing, that are worth an event


@dataclass(frozen=True, slots=True)
class Api:
    """The API: ``server.address`` and ``server.port``, and the names of its models.

    ``exact`` returns a model's name, with its date, for what a client or upstream calls it;
    ``canonical`` one of a closed set. Both return ``other`` for what is no known model.
    """

    address: str
    port: int
    exact: Callable[[str], str]
    canonical: Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened ``at`` seconds after the span's start."""

    name: str
    at: float
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True, eq=False)
class Common:
    """What many spans have alike: their name, and attributes of few values.

    Two of them are equal if they are the same object, so that looking its bytes up is quick.
    """

    name: str
    attributes: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Span:
    """A span of kind CLIENT; ``start`` and ``end`` are seconds since the epoch."""

    common: Common
    start: float
    end: float
    own: Mapping[str, Value]
    events: tuple[Event, ...]
    failed: bool

    @property
    def attributes(self) -> Mapping[str, Value]:
        """All attributes."""
        return {**self.common.attributes, **self.own}


def span_of(entry: Entry, api: Api) -> Span:
    """Return the span of an exchange."""
    exchange, hints, cache = entry.exchange, entry.exchange.hints, entry.exchange.cache
    chat = exchange.route == CHAT_ROUTE
    common = _common(
        api.address,
        api.port,
        exchange.method if exchange.method in METHODS else OTHER_METHOD,
        exchange.status,
        error_type(entry),
        exchange.route,
        exchange.outcome.value,
        *(
            (
                *models_of(entry, api.exact),
                exchange.streamed,
                word(exchange.stop_reason),
                hints.agent_type,
                hints.request_class,
                None if cache is None else cache.verdict.reason,
            )
            if chat
            else ()
        ),
    )
    own: dict[str, Value] = {}
    for name, read in _OWN if chat else _ID:
        value = read(entry)
        if value is not None:
            own[name] = value
    return Span(
        common,
        start=exchange.started_at,
        end=exchange.started_at + exchange.duration,
        own=own,
        events=tuple(_events(entry)),
        failed=exchange.failure is not None,
    )


# Names of the arguments of `_common`: those of every exchange, and those of Messages requests.
_GENERAL = (
    "server.address",
    "server.port",
    "http.request.method",
    "http.response.status_code",
    "error.type",
    "anthropic_proxy.route",
    "anthropic_proxy.outcome",
)
REQUEST_MODEL, RESPONSE_MODEL = "gen_ai.request.model", "gen_ai.response.model"
_CHAT = (
    REQUEST_MODEL,
    RESPONSE_MODEL,
    "gen_ai.request.stream",
    "gen_ai.response.finish_reasons",
    "gen_ai.agent.name",
    "anthropic_proxy.request_class",
    "anthropic_proxy.cache_verdict",
)


@functools.lru_cache(COMMONS)
def _common(*values: str | int | bool | None) -> Common:
    """Return the common part of spans; values are None for what is not known."""
    chat = len(values) > len(_GENERAL)
    named = dict(zip((*_GENERAL, *_CHAT), values, strict=False))
    attributes: dict[str, Value] = {name: one for name, one in named.items() if one is not None}
    if not chat:
        return Common(
            f"{named['http.request.method']} {named['anthropic_proxy.route']}", attributes
        )
    if not named["gen_ai.request.stream"]:
        del attributes["gen_ai.request.stream"]
    if (reason := named["gen_ai.response.finish_reasons"]) is not None:
        attributes["gen_ai.response.finish_reasons"] = (str(reason),)
    attributes |= {"gen_ai.operation.name": CHAT, "gen_ai.provider.name": PROVIDER}
    model = named[REQUEST_MODEL]
    return Common(CHAT if model is None else f"{CHAT} {model}", attributes)


def error_type(entry: Entry) -> str | None:
    """Return upstream's word for an error, or the proxy's reason for one of its own."""
    failure = entry.exchange.failure
    if failure is None:
        return None
    return word(failure.type if failure.source == "upstream" else failure.reason)


def input_tokens(entry: Entry) -> int | None:
    """Return all input tokens, those read from and written to the cache included."""
    return _sum(entry, PROMPT)


def output_tokens(entry: Entry) -> int | None:
    """Return the output tokens."""
    return _sum(entry, ("output",))


def _sum(entry: Entry, kinds: tuple[str, ...]) -> int | None:
    usage = entry.exchange.usage
    return None if usage is None else sum(getattr(usage, kind) for kind in kinds)


def models_of(entry: Entry, name_of: Callable[[str], str]) -> tuple[str | None, str | None]:
    """Return the names of the model that was asked for, and of the one that answered."""
    asked, answered = entry.exchange.requested_model, entry.exchange.model
    return (
        None if asked is None else name_of(asked),
        None if answered is None else name_of(answered),
    )


Reader = Callable[[Entry], Value | None]

# What each span has of its own.
_ID: tuple[tuple[str, Reader], ...] = (
    ("anthropic_proxy.request_id", lambda entry: entry.ids.get("request_id")),
)
_OWN: tuple[tuple[str, Reader], ...] = (
    *_ID,
    ("gen_ai.response.time_to_first_chunk", lambda entry: entry.exchange.first_token),
    ("gen_ai.usage.input_tokens", input_tokens),
    ("gen_ai.usage.cache_read.input_tokens", lambda entry: _sum(entry, ("cache_read",))),
    ("gen_ai.usage.cache_creation.input_tokens", lambda entry: _sum(entry, CACHE_WRITES)),
    ("gen_ai.usage.output_tokens", output_tokens),
    ("gen_ai.usage.reasoning.output_tokens", lambda entry: _sum(entry, ("thinking",)) or None),
    ("gen_ai.conversation.id", lambda entry: entry.ids.get("session_id")),
    ("gen_ai.agent.id", lambda entry: entry.ids.get("agent_id")),
    ("anthropic_proxy.prompt_id", lambda entry: entry.exchange.hints.prompt_id),
    ("anthropic_proxy.cost_usd", lambda entry: entry.total_cost),
)


def _events(entry: Entry) -> Iterator[Event]:
    """Yield what happened, in its order; a duration is in seconds and ends at the event."""
    exchange = entry.exchange
    starts = exchange.attempt_starts
    if starts:
        yield _after("queue", starts[0], starts[0])
        yield from _retries(entry)
        if exchange.slot_wait is not None:
            yield _after("slot", starts[-1] + exchange.slot_wait, exchange.slot_wait)
    if exchange.headers_at is not None and exchange.upstream_headers is not None:
        yield _after("upstream_headers", exchange.headers_at, exchange.upstream_headers)
    if exchange.first_token is not None:
        yield _after("first_token", exchange.first_token, exchange.first_token)
    # Where a stall was is not recorded, so it stands at the end.
    for side, seconds in (
        ("upstream", exchange.longest_byte_gap),
        ("client", exchange.longest_client_stall),
    ):
        if seconds is not None and seconds >= STALL:
            details: dict[str, Value] = {"duration": seconds, "side": side}
            yield Event("anthropic_proxy.stall", exchange.duration, details)


def _retries(entry: Entry) -> Iterator[Event]:
    """Yield a retry for each further request; its reason, if all of them had the same."""
    reasons = {retry.reason for retry in entry.exchange.retries}
    reason = reasons.pop() if len(reasons) == 1 else None
    for number, at in enumerate(entry.exchange.attempt_starts[1:], start=2):
        details: dict[str, Value] = {"attempt": number}
        if reason is not None:
            details["reason"] = reason
        yield Event("anthropic_proxy.retry", at, details)


def _after(name: str, at: float, seconds: float) -> Event:
    return Event(f"anthropic_proxy.{name}", at, {"duration": seconds})
