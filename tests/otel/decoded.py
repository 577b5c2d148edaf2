"""Spans as a collector reads them."""

from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from app.otel.span import encode
from app.telemetry.entry import Entry
from tests.otel.entries import API, OWN
from tests.otel.receiver import attributes


@dataclass(frozen=True)
class Event:
    """An event, ``at`` seconds after the span's start."""

    name: str
    at: float
    attributes: dict[str, Any]


@dataclass(frozen=True)
class Span:
    """A span; ``start`` and ``end`` are nanoseconds since the epoch."""

    encoded: bytes
    name: str
    start: int
    end: int
    attributes: dict[str, Any]
    events: tuple[Event, ...]
    failed: bool


def span_of(entry: Entry) -> Span:
    """Return the span of an exchange."""
    encoded = encode(entry, API, OWN.trace_id, bytes.fromhex(OWN.span_id))
    message = Message.FromString(encoded)
    assert message.kind == Message.SPAN_KIND_CLIENT
    start = message.start_time_unix_nano
    return Span(
        encoded,
        message.name,
        start,
        message.end_time_unix_nano,
        attributes(message.attributes),
        tuple(
            Event(one.name, (one.time_unix_nano - start) / 1e9, attributes(one.attributes))
            for one in message.events
        ),
        failed=message.status.code == Status.STATUS_CODE_ERROR,
    )
