"""An ended exchange as a span. Pure.

The names follow the semantic conventions of OpenTelemetry for GenAI clients, which are still in
development: https://opentelemetry.io/docs/specs/semconv/gen-ai/. What they have no name for begins
with ``anthropic_proxy.``. The tables below are an allow-list: nothing else is exported, and no
value is content. Ids and words of clients and upstream must look like ones.

The convention counts cached tokens inside ``gen_ai.usage.input_tokens``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ..anthropic.token_types import PROMPT
from ..telemetry.entry import Entry
from ..telemetry.words import word

Value = str | int | float | bool | tuple[str, ...]

CHAT = "chat"
PROVIDER = "anthropic"
CHAT_ROUTE = "messages"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
OTHER_METHOD = "_OTHER"  # as the convention for HTTP says
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


@dataclass(frozen=True, slots=True)
class Span:
    """A span of kind CLIENT; ``start`` and ``end`` are seconds since the epoch."""

    name: str
    start: float
    end: float
    attributes: Mapping[str, Value]
    events: tuple[Event, ...]
    failed: bool


def span_of(entry: Entry, api: Api) -> Span:
    """Return the span of an exchange."""
    exchange = entry.exchange
    chat = exchange.route == CHAT_ROUTE
    attributes: dict[str, Value] = {"server.address": api.address, "server.port": api.port}
    if chat:
        attributes |= models_of(entry, api.exact)
    for name, read in _BOTH if chat else _GENERAL:
        value = read(entry)
        if value is not None:
            attributes[name] = value
    return Span(
        name=_name(attributes) if chat else f"{_method(entry)} {exchange.route}",
        start=exchange.started_at,
        end=exchange.started_at + exchange.duration,
        attributes=attributes,
        events=tuple(_events(entry)),
        failed=exchange.failure is not None,
    )


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


def models_of(entry: Entry, name_of: Callable[[str], str]) -> dict[str, str]:
    """Return the names of the model that was asked for, and of the one that answered."""
    said = {
        "gen_ai.request.model": entry.exchange.requested_model,
        "gen_ai.response.model": entry.exchange.model,
    }
    return {name: name_of(model) for name, model in said.items() if model is not None}


def _name(attributes: Mapping[str, Value]) -> str:
    """Return the operation and the model asked for."""
    model = attributes.get("gen_ai.request.model")
    return CHAT if model is None else f"{CHAT} {model}"


def _method(entry: Entry) -> str:
    method = entry.exchange.method
    return method if method in METHODS else OTHER_METHOD


def _stop_reasons(entry: Entry) -> tuple[str, ...] | None:
    reason = word(entry.exchange.stop_reason)
    return None if reason is None else (reason,)


def _verdict(entry: Entry) -> str | None:
    return None if entry.exchange.cache is None else entry.exchange.cache.verdict.reason


Reader = Callable[[Entry], Value | None]

_GENERAL: tuple[tuple[str, Reader], ...] = (
    ("http.request.method", _method),
    ("http.response.status_code", lambda entry: entry.exchange.status),
    ("error.type", error_type),
    ("anthropic_proxy.route", lambda entry: entry.exchange.route),
    ("anthropic_proxy.outcome", lambda entry: entry.exchange.outcome.value),
    ("anthropic_proxy.request_id", lambda entry: entry.ids.get("request_id")),
)
_CHAT: tuple[tuple[str, Reader], ...] = (
    ("gen_ai.operation.name", lambda _: CHAT),
    ("gen_ai.provider.name", lambda _: PROVIDER),
    ("gen_ai.request.stream", lambda entry: entry.exchange.streamed or None),
    ("gen_ai.response.finish_reasons", _stop_reasons),
    ("gen_ai.response.time_to_first_chunk", lambda entry: entry.exchange.first_token),
    ("gen_ai.usage.input_tokens", input_tokens),
    ("gen_ai.usage.cache_read.input_tokens", lambda entry: _sum(entry, ("cache_read",))),
    (
        "gen_ai.usage.cache_creation.input_tokens",
        lambda entry: _sum(entry, ("cache_write_5m", "cache_write_1h")),
    ),
    ("gen_ai.usage.output_tokens", output_tokens),
    ("gen_ai.usage.reasoning.output_tokens", lambda entry: _sum(entry, ("thinking",)) or None),
    ("gen_ai.conversation.id", lambda entry: entry.ids.get("session_id")),
    ("gen_ai.agent.id", lambda entry: entry.ids.get("agent_id")),
    ("gen_ai.agent.name", lambda entry: entry.exchange.hints.agent_type),
    ("anthropic_proxy.prompt_id", lambda entry: entry.exchange.hints.prompt_id),
    ("anthropic_proxy.request_class", lambda entry: entry.exchange.hints.request_class),
    ("anthropic_proxy.cache_verdict", _verdict),
    ("anthropic_proxy.cost_usd", lambda entry: entry.total_cost),
)
_BOTH = (*_GENERAL, *_CHAT)


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
