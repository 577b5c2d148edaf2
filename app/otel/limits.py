"""The limits that the variables set for spans, such as ``OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT``.

Spans are far below the limits by default. So only who sets others pays for them: the encoded span
is read again, and cut.
"""

from collections.abc import MutableSequence
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from .environment import Limits


def limited(encoded: bytes, limits: Limits) -> bytes:
    """Return a span within the limits; it states how much was left out."""
    span = Span()
    span.ParseFromString(encoded)
    span.dropped_attributes_count = _cut(span.attributes, limits.attributes)
    span.dropped_events_count = _cut(span.events, limits.events)
    for event in span.events:
        event.dropped_attributes_count = _cut(event.attributes, limits.event_attributes)
    if limits.length is not None:
        for one in (span, *span.events):
            for attribute in one.attributes:
                _shorten(attribute.value, limits.length)
    return bytes(span.SerializeToString())


def _cut(items: MutableSequence[Any], most: int | None) -> int:
    """Remove the last items, so that there are ``most``; return how many."""
    surplus = 0 if most is None else max(0, len(items) - most)
    del items[len(items) - surplus :]
    return surplus


def _shorten(value: AnyValue, length: int) -> None:
    """Shorten a text, or each text of a list."""
    if value.HasField("string_value"):
        value.string_value = value.string_value[:length]
    for one in value.array_value.values if value.HasField("array_value") else ():
        _shorten(one, length)
