"""Spans as OTLP bytes: a message ``ExportTraceServiceRequest`` (opentelemetry-proto 1). Pure.

The SDK's encoder builds a Python object for each attribute: 110 to 130 µs for a span, a tenth of
what a request costs. This one writes the bytes, in 25 to 30 µs. A law of the tests holds that the
SDK encodes the same spans to equal messages.
"""

import functools
import struct
from collections.abc import Iterable, Mapping

from ..wire.trace_context import TraceContext
from .span import COMMONS, Common, Event, Span, Value

NANO = 1_000_000_000
TEXTS = 2048  # attributes whose bytes are remembered; with some 200 bytes each, below 1 MB
CLIENT = b"\x30\x03"  # Span.kind
ERROR = b"\x7a\x02\x18\x02"  # Span.status.code
# Span.flags (fixed32): whether the parent is remote is known, and whether it is.
NO_PARENT = b"\x85\x01" + struct.pack("<I", 0x100)
REMOTE_PARENT = b"\x85\x01" + struct.pack("<I", 0x300)
_fixed64 = struct.Struct("<Q").pack
_double = struct.Struct("<d").pack
_MORE = 0x80  # set in every byte of a varint except the last
_SMALL = [bytes([number]) for number in range(_MORE)]
_UNSIGNED = 2**64 - 1


def request(head: "Head", spans: Iterable[bytes]) -> bytes:
    """Return the request that exports encoded spans."""
    scope = head.scope + b"".join(map(_span_field, spans))
    return _field(b"\x0a", head.resource + _field(b"\x12", scope))


class Head:
    """What all spans of a process share, encoded: its resource and its instrumentation scope."""

    def __init__(self, resource: Mapping[str, Value], name: str, version: str) -> None:
        self.resource = _field(b"\x0a", _attributes(b"\x0a", resource))
        scope = _field(b"\x0a", name.encode()) + _field(b"\x12", version.encode())
        self.scope = _field(b"\x0a", scope)


def encode(span: Span, own: TraceContext, parent: TraceContext | None) -> bytes:
    """Return a message ``Span``."""
    start = int(span.start * NANO)
    return b"".join(
        (
            b"\x0a\x10",
            bytes.fromhex(own.trace_id),
            b"\x12\x08",
            bytes.fromhex(own.span_id),
            b"" if parent is None else b"\x22\x08" + bytes.fromhex(parent.span_id),
            _common(span.common),
            CLIENT,
            b"\x39",
            _fixed64(start),
            b"\x41",
            _fixed64(int(span.end * NANO)),
            _attributes(b"\x4a", span.own),
            b"".join([_field(b"\x5a", _event(event, start)) for event in span.events]),
            ERROR if span.failed else b"\x7a\x00",
            NO_PARENT if parent is None else REMOTE_PARENT,
        )
    )


@functools.lru_cache(COMMONS)
def _common(common: Common) -> bytes:
    """Return the name and the attributes that many spans have."""
    name = _field(b"\x2a", common.name.encode())
    return name + _attributes(b"\x4a", common.attributes)


def _event(event: Event, start: int) -> bytes:
    at = b"\x09" + _fixed64(start + int(event.at * NANO))
    return at + _named(event.name) + _attributes(b"\x1a", event.attributes)


def _attributes(tag: bytes, attributes: Mapping[str, Value]) -> bytes:
    """Return a field ``tag`` for each attribute, a message ``KeyValue``."""
    return b"".join(
        [
            _text(tag, name, value) if value.__class__ is str else _attribute(tag, name, value)
            for name, value in attributes.items()
        ]
    )


def _attribute(tag: bytes, name: str, value: Value) -> bytes:
    any_value = _value(value)
    return _field(tag, _key(name) + _length(any_value) + any_value)


# Most texts are the same from span to span: models, words, the ids of a session.
_text = functools.lru_cache(TEXTS)(_attribute)


def _value(value: Value) -> bytes:
    """Return a message ``AnyValue``."""
    if isinstance(value, str):
        return _field(b"\x0a", value.encode())
    if isinstance(value, bool):
        return b"\x10\x01" if value else b"\x10\x00"
    if isinstance(value, int):
        return b"\x18" + _varint(value & _UNSIGNED)
    if isinstance(value, float):
        return b"\x21" + _double(value)
    return _field(b"\x2a", b"".join([_field(b"\x0a", _value(one)) for one in value]))


@functools.cache
def _key(name: str) -> bytes:
    """Return the key of an attribute, and the tag of its value; names are our own, so few."""
    return _field(b"\x0a", name.encode()) + b"\x12"


@functools.cache
def _named(name: str) -> bytes:
    return _field(b"\x12", name.encode())


def _span_field(span: bytes) -> bytes:
    return _field(b"\x12", span)


def _field(tag: bytes, value: bytes) -> bytes:
    """Return a field with a length."""
    return tag + _length(value) + value


def _length(value: bytes) -> bytes:
    return _varint(len(value))


def _varint(number: int) -> bytes:
    if number < _MORE:
        return _SMALL[number]
    out = bytearray()
    while number >= _MORE:
        out.append(number & 0x7F | _MORE)
        number >>= 7
    out.append(number)
    return bytes(out)
