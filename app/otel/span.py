"""An ended exchange as a span. Pure.

The names follow the semantic conventions of OpenTelemetry for GenAI clients, which are still in
development: https://opentelemetry.io/docs/specs/semconv/gen-ai/. What they have no name for begins
with ``anthropic_proxy.``. The tables below are an allow-list: nothing else is exported, and no
value is content. Ids and words of clients and upstream must look like ones.

The convention counts cached tokens inside ``gen_ai.usage.input_tokens``.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from ..anthropic.errors import ERROR_EVENT
from ..errors import API_TYPES
from ..exchange import Exchange
from ..telemetry.entry import Entry
from ..telemetry.words import word
from . import protobuf
from .protobuf import NANO, SPAN_ATTRIBUTE, Value, double, integer, text

CHAT = "chat"
PROVIDER = "anthropic"
CHAT_ROUTE = "messages"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
OTHER_METHOD = OTHER_ERROR = "_OTHER"  # as the conventions say
NO_TYPE = "unknown"  # the type of an error that upstream's answer does not name
COMMONS = 1024  # common parts that are remembered; with about 2 KB each, 2 MB
_API_ERRORS = frozenset(API_TYPES.values())
STALL = 1.0  # seconds of silence, or of a client that reads nothing, that are worth an event


class Api(msgspec.Struct, frozen=True):
    """The API: ``server.address`` and ``server.port``, and the names of its models.

    ``exact`` returns a model's name, with its date, for what a client or upstream calls it;
    ``canonical`` one of a closed set. Both return ``other`` for what is no known model.
    """

    address: str
    port: int
    exact: Callable[[str], str]
    canonical: Callable[[str], str]


def encode(entry: Entry, api: Api, trace_id: str, span_id: bytes) -> bytes:
    """Return the span of an exchange, a child of its client's if that has one."""
    exchange, parent = entry.exchange, entry.exchange.hints.trace
    chat = exchange.route == CHAT_ROUTE
    return protobuf.span(
        trace_id,
        span_id,
        None if parent is None else parent.span_id,
        exchange.started_at,
        exchange.started_at + exchange.duration,
        _common(api.address, api.port, *_general(entry), *(_chat(entry, api) if chat else ())),
        *_own(entry, chat=chat),
        *_events(exchange),
        failed=exchange.failure is not None,
    )


# What many spans have alike: values of closed sets, and few others. Their names, for `_common`.
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
_Common = str | int | bool | None


def _general(entry: Entry) -> tuple[_Common, ...]:
    """Return the values of `_GENERAL`, without those of the API."""
    exchange = entry.exchange
    return (
        exchange.method if exchange.method in METHODS else OTHER_METHOD,
        exchange.status,
        error_type(exchange),
        exchange.route,
        exchange.outcome.value,
    )


def _chat(entry: Entry, api: Api) -> tuple[_Common, ...]:
    """Return the values of `_CHAT`."""
    exchange = entry.exchange
    return (
        *models_of(exchange, api.exact),
        exchange.streamed or None,
        word(exchange.stop_reason),
        exchange.hints.agent_type,
        exchange.hints.request_class,
        None if exchange.cache is None else exchange.cache.verdict.reason,
    )


@functools.lru_cache(COMMONS)
def _common(*values: _Common) -> bytes:
    """Return the name and the common attributes of spans; values are None for what is not known."""
    named = dict(zip((*_GENERAL, *_CHAT), values, strict=False))
    attributes: dict[str, Value] = {name: one for name, one in named.items() if one is not None}
    if len(values) == len(_GENERAL):
        name = f"{named['http.request.method']} {named['anthropic_proxy.route']}"
        return protobuf.span_name(name) + protobuf.attributes(SPAN_ATTRIBUTE, attributes)
    if (reason := named["gen_ai.response.finish_reasons"]) is not None:
        attributes["gen_ai.response.finish_reasons"] = (str(reason),)
    attributes |= {"gen_ai.operation.name": CHAT, "gen_ai.provider.name": PROVIDER}
    model = named[REQUEST_MODEL]
    name = CHAT if model is None else f"{CHAT} {model}"
    return protobuf.span_name(name) + protobuf.attributes(SPAN_ATTRIBUTE, attributes)


def error_type(exchange: Exchange, *, closed: bool = False) -> str | None:
    """Return upstream's word for its error, or the proxy's reason for any other.

    Without a word of upstream's it is the status of its answer. If ``closed``, words that the API
    does not document are none.
    """
    failure = exchange.failure
    if failure is None:
        return None
    said, reason = failure.type, failure.reason
    status = reason if reason.isascii() and reason.isdigit() else None
    if status is None and reason != ERROR_EVENT:
        return reason if word(reason) == reason else OTHER_ERROR
    if said in _API_ERRORS or (not closed and said != NO_TYPE and word(said) == said):
        return said
    return OTHER_ERROR if status is None else status


def models_of(exchange: Exchange, name_of: Callable[[str], str]) -> tuple[str | None, str | None]:
    """Return the names of the model that was asked for, and of the one that answered."""
    asked, answered = exchange.requested_model, exchange.model
    return (
        None if asked is None else name_of(asked),
        None if answered is None else name_of(answered),
    )


def first_chunk(exchange: Exchange) -> float | None:
    """Return the seconds until the first chunk of a stream, which holds no token yet."""
    return exchange.first_byte if exchange.streamed else None


# What each span has of its own: how an attribute is encoded, and how it is read.
_Attributes = tuple[tuple[Callable[[Any], bytes], Callable[[Any], Value | None]], ...]
_IDS: _Attributes = (
    (text("anthropic_proxy.request_id"), lambda entry: entry.ids.get("request_id")),
)
_OWN: _Attributes = (
    *_IDS,
    (text("gen_ai.conversation.id"), lambda entry: entry.ids.get("session_id")),
    (text("gen_ai.agent.id"), lambda entry: entry.ids.get("agent_id")),
    (text("anthropic_proxy.prompt_id"), lambda entry: entry.exchange.hints.prompt_id),
    (
        double("gen_ai.response.time_to_first_chunk"),
        lambda entry: first_chunk(entry.exchange),
    ),
    (double("anthropic_proxy.cost_usd"), lambda entry: entry.total_cost),
)
# The same, of a ``Usage``.
_USAGE: _Attributes = (
    (integer("gen_ai.usage.input_tokens"), lambda usage: usage.prompt),
    (integer("gen_ai.usage.cache_read.input_tokens"), lambda usage: usage.cache_read),
    (integer("gen_ai.usage.cache_creation.input_tokens"), lambda usage: usage.cache_write),
    (integer("gen_ai.usage.output_tokens"), lambda usage: usage.output),
    (
        integer("gen_ai.usage.reasoning.output_tokens"),
        lambda usage: usage.thinking or None,
    ),
)


def _own(entry: Entry, *, chat: bool) -> Iterator[bytes]:
    """Yield the attributes of one span only."""
    for encoded, read in _OWN if chat else _IDS:
        value = read(entry)
        if value is not None:
            yield encoded(value)
    usage = entry.exchange.usage
    if chat and usage is not None:
        for encoded, read in _USAGE:
            value = read(usage)
            if value is not None:
                yield encoded(value)


_queue, _slot, _headers, _first_token = (
    protobuf.timed_event(f"anthropic_proxy.{name}", "duration")
    for name in ("queue", "slot", "upstream_headers", "first_token")
)


def _events(exchange: Exchange) -> Iterator[bytes]:
    """Yield what happened, in its order; a duration is in seconds and ends at the event."""
    start = int(exchange.started_at * NANO)
    starts = exchange.attempt_starts
    if starts:
        yield _queue(start + int(starts[0] * NANO), starts[0])
        if len(starts) > 1:
            yield from _retries(exchange, start)
        if exchange.slot_wait is not None:
            at = starts[-1] + exchange.slot_wait
            yield _slot(start + int(at * NANO), exchange.slot_wait)
    if exchange.headers_at is not None and exchange.upstream_headers is not None:
        yield _headers(start + int(exchange.headers_at * NANO), exchange.upstream_headers)
    if exchange.first_token is not None:
        yield _first_token(start + int(exchange.first_token * NANO), exchange.first_token)
    # Where a stall was is not recorded, so it stands at the end.
    for side, seconds in (
        ("upstream", exchange.longest_byte_gap),
        ("client", exchange.longest_client_stall),
    ):
        if seconds is not None and seconds >= STALL:
            details: Mapping[str, Value] = {"duration": float(seconds), "side": side}
            at_end = start + int(exchange.duration * NANO)
            yield protobuf.event("anthropic_proxy.stall", at_end, details)


def _retries(exchange: Exchange, start: int) -> Iterator[bytes]:
    """Yield a retry for each further request; its reason, if all of them had the same."""
    reasons = {retry.reason for retry in exchange.retries}
    reason: dict[str, Value] = {"reason": reasons.pop()} if len(reasons) == 1 else {}
    for number, at in enumerate(exchange.attempt_starts[1:], start=2):
        details: Mapping[str, Value] = {"attempt": number, **reason}
        yield protobuf.event("anthropic_proxy.retry", start + int(at * NANO), details)
