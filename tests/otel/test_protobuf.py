"""The short way of encoding spans: the SDK encodes the same to equal messages."""

from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as SdkEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from app.otel.protobuf import NANO, Head, encode, request
from app.otel.span import Common, Event, Span, Value, span_of
from app.wire.trace_context import TraceContext
from tests.otel.entries import API, OWN, PARENT, entry
from tests.thorough import scaled

RESOURCE = {"service.name": "anthropic-proxy", "service.version": "0.0.test"}
HEAD = Head(RESOURCE, "anthropic_proxy", "0.0.test")


def by_sdk(spans: list[tuple[Span, TraceContext, TraceContext | None]]) -> object:
    return encode_spans([_readable(*one) for one in spans])


def _readable(span: Span, own: TraceContext, parent: TraceContext | None) -> ReadableSpan:
    start = int(span.start * NANO)
    return ReadableSpan(
        name=span.common.name,
        context=_context(own, remote=False),
        parent=None if parent is None else _context(parent, remote=True),
        resource=Resource(RESOURCE),
        attributes=span.attributes,
        events=[
            SdkEvent(event.name, event.attributes, start + int(event.at * NANO))
            for event in span.events
        ],
        kind=SpanKind.CLIENT,
        status=Status(StatusCode.ERROR if span.failed else StatusCode.UNSET),
        start_time=start,
        end_time=int(span.end * NANO),
        instrumentation_scope=InstrumentationScope("anthropic_proxy", "0.0.test"),
    )


def _context(trace: TraceContext, *, remote: bool) -> SpanContext:
    ids = int(trace.trace_id, 16), int(trace.span_id, 16)
    return SpanContext(*ids, is_remote=remote, trace_flags=TraceFlags(1))


texts = st.text(st.characters(codec="utf-8"), max_size=300)
values: st.SearchStrategy[Value] = (
    texts
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | st.booleans()
    | st.lists(texts, max_size=3).map(tuple)
)
attributes = st.dictionaries(texts, values, max_size=5)
events = st.builds(Event, name=texts, at=st.floats(0, 1e6), attributes=attributes)
spans = st.builds(
    Span,
    common=st.builds(Common, name=texts, attributes=attributes),
    start=st.floats(0, 2e9),
    end=st.floats(0, 2e9),
    own=attributes,
    events=st.lists(events, max_size=3).map(tuple),
    failed=st.booleans(),
)
contexts = st.builds(
    TraceContext,
    trace_id=st.integers(1, 2**128 - 1).map("{:032x}".format),
    span_id=st.integers(1, 2**64 - 1).map("{:016x}".format),
    sampled=st.just(True),
)


def _apart(span: Span) -> bool:
    return not span.common.attributes.keys() & span.own.keys()


@settings(max_examples=scaled(100, 15))
@given(
    st.lists(
        st.tuples(spans.filter(_apart), contexts, st.none() | contexts), min_size=1, max_size=3
    )
)
def test_the_bytes_say_what_the_sdk_says(
    made: list[tuple[Span, TraceContext, TraceContext | None]],
) -> None:
    ours = request(HEAD, [encode(*one) for one in made])
    assert ExportTraceServiceRequest.FromString(ours) == by_sdk(made)


def test_a_real_exchange_says_the_same() -> None:
    made = (span_of(entry(), API), OWN, PARENT)
    decoded = ExportTraceServiceRequest.FromString(request(HEAD, [encode(*made)]))
    assert decoded == by_sdk([made])
    (span,) = decoded.resource_spans[0].scope_spans[0].spans
    assert span.parent_span_id.hex() == PARENT.span_id
