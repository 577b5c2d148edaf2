"""The short way of encoding spans: the SDK encodes the same to equal messages."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message
from opentelemetry.proto.trace.v1.trace_pb2 import Status as MessageStatus
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as SdkEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app.exchange import Exchange
from app.otel import protobuf
from app.otel.protobuf import SPAN_ATTRIBUTE, Head, Value, request
from app.otel.span import encode
from app.wire.trace_context import TraceContext
from tests.otel.entries import API, OWN, TRACED, entry
from tests.otel.receiver import attributes
from tests.telemetry.exchanges import exchanges
from tests.thorough import scaled

RESOURCE = {"service.name": "anthropic-proxy", "service.version": "0.0.test"}
HEAD = Head(RESOURCE, "anthropic_proxy", "0.0.test")


def read(encoded: bytes) -> ExportTraceServiceRequest:
    message = ExportTraceServiceRequest()
    message.ParseFromString(request(HEAD, [encoded]))
    return message


def by_sdk(encoded: bytes, *, remote: bool = True) -> object:
    """Return what the SDK's encoder makes of an encoded span."""
    message = Message.FromString(encoded)
    trace_id = int.from_bytes(message.trace_id)
    parent = int.from_bytes(message.parent_span_id)
    failed = message.status.code == MessageStatus.STATUS_CODE_ERROR
    return encode_spans(
        [
            ReadableSpan(
                name=message.name,
                context=_context(trace_id, int.from_bytes(message.span_id), remote=False),
                parent=_context(trace_id, parent, remote=remote) if parent else None,
                resource=Resource(RESOURCE),
                attributes=attributes(message.attributes),
                events=[
                    SdkEvent(one.name, attributes(one.attributes), one.time_unix_nano)
                    for one in message.events
                ],
                kind=SpanKind.CLIENT,
                status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
                start_time=message.start_time_unix_nano,
                end_time=message.end_time_unix_nano,
                instrumentation_scope=InstrumentationScope("anthropic_proxy", "0.0.test"),
            )
        ]
    )


def _context(trace_id: int, span_id: int, *, remote: bool) -> SpanContext:
    return SpanContext(trace_id, span_id, is_remote=remote, trace_flags=TraceFlags(1))


contexts = st.builds(
    TraceContext,
    trace_id=st.integers(1, 2**128 - 1).map("{:032x}".format),
    span_id=st.integers(1, 2**64 - 1).map("{:016x}".format),
    sampled=st.just(True),
)


@settings(max_examples=scaled(100, 15))
@given(exchanges | st.just(TRACED), contexts)
def test_the_sdk_encodes_any_span_the_same(exchange: Exchange, own: TraceContext) -> None:
    encoded = encode(entry(exchange), API, own.trace_id, bytes.fromhex(own.span_id))
    said = read(encoded)
    assert said == by_sdk(encoded)
    (span,) = said.resource_spans[0].scope_spans[0].spans
    assert (span.trace_id.hex(), span.span_id.hex()) == (own.trace_id, own.span_id)
    parent = exchange.hints.trace
    assert span.parent_span_id.hex() == ("" if parent is None else parent.span_id)
    assert attributes(said.resource_spans[0].resource.attributes) == RESOURCE


texts = st.text(st.characters(codec="utf-8"), max_size=300)
wholes = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False)
values: st.SearchStrategy[Value] = (
    texts | wholes | floats | st.booleans() | st.lists(texts, max_size=3).map(tuple)
)


def decoded(*parts: bytes) -> Message:
    """Return a span that has these parts."""
    ids = OWN.trace_id, bytes.fromhex(OWN.span_id), None
    encoded = protobuf.span(*ids, 1.0, 2.0, *parts, failed=False)
    assert read(encoded) == by_sdk(encoded)
    message = Message()
    message.ParseFromString(encoded)
    return message


@settings(max_examples=scaled(100, 15))
@given(st.dictionaries(texts, values, max_size=5))
@example({f"{number}": number for number in (-1, 0, 2**7, 2**14, 2**20, 2**21, 2**63 - 1)})
@example({"texts": ("a", ""), "yes": True, "no": False, "float": 0.5})
def test_attributes_are_read_as_they_were_written(pairs: dict[str, Value]) -> None:
    read_again = attributes(decoded(protobuf.attributes(SPAN_ATTRIBUTE, pairs)).attributes)
    lists = {name: [*one] if isinstance(one, tuple) else one for name, one in pairs.items()}
    assert read_again == lists
    assert [*map(type, read_again.values())] == [*map(type, lists.values())]


@pytest.mark.parametrize(
    ("encoder", "numbers"),
    [(protobuf.text, texts), (protobuf.integer, wholes), (protobuf.double, floats)],
)
def test_an_encoder_writes_what_is_written_without_it(
    encoder: Callable[[str], Callable[[Any], bytes]], numbers: st.SearchStrategy[Any]
) -> None:
    @settings(max_examples=scaled(60, 20))
    @given(texts, numbers)
    def law(name: str, value: Any) -> None:
        assert encoder(name)(value) == protobuf.attributes(SPAN_ATTRIBUTE, {name: value})

    law()


@settings(max_examples=scaled(60, 15))
@given(texts, texts, st.integers(0, 2**64 - 1), floats)
def test_an_event_with_a_number_is_written_as_any_other(
    name: str, attribute: str, at: int, number: float
) -> None:
    encoded = protobuf.timed_event(name, attribute)(at, number)
    assert encoded == protobuf.event(name, at, {attribute: number})
    (one,) = decoded(encoded).events
    assert (one.name, one.time_unix_nano, attributes(one.attributes)) == (
        name,
        at,
        {attribute: number},
    )


@pytest.mark.parametrize("size", [0, 63, 64, 300])
def test_a_text_of_any_length_is_written_as_any_attribute(size: int) -> None:
    text = "x" * size
    expected = protobuf.attributes(SPAN_ATTRIBUTE, {"name": text})
    assert protobuf.text("name")(text) == expected
