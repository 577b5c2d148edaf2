"""The official SDK: its sampler, ids and resource, and its exporters over HTTP.

The standard variables that are not read in `environment` are read by the SDK: samplers, resource
attributes, headers, compression and certificates. Nothing is instrumented and no global provider is
set.
"""

import logging
import random
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk.metrics import export as sdk_metrics
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    set_span_in_context,
)

from ..wire.trace_context import TraceContext
from .environment import PARENT, Destination, Wanted
from .histograms import Histograms, Instrument, Series
from .protobuf import Head, Value
from .session import Session

# They log the collector's address again and again, and a header that they cannot read, which may
# be a secret; `exporter` gives one warning.
SILENT = ("opentelemetry.exporter", "opentelemetry.util", "opentelemetry.sdk")
SERVICE = "anthropic-proxy"
SCOPE = "anthropic_proxy"
AT_A_TIME = 64  # new traces
NO_LIMITS = SpanLimits(*(0,) * 8)  # numbers, so that a sampler's provider reads no variables


class _SpanExporter(OTLPSpanExporter):
    """Sends spans that are encoded already. ``_client`` is not public, so the version is pinned."""

    def __init__(self, to: Destination, session: Session) -> None:
        self._own = session
        super().__init__(endpoint=to.url, timeout=to.timeout, session=session)
        if not hasattr(getattr(self, "_client", None), "export"):
            raise ImportError("opentelemetry-exporter-otlp-proto-http is of another version")

    def send(self, body: bytes, count: int) -> int:
        """Send a request of ``count`` spans, with the exporter's retries; return the taken ones."""
        if not self._client.export(body).success:
            return 0
        return count - min(count, _rejected(self._own.answer))


class Sdk:
    """Exports what is ``wanted``; ``version`` is the proxy's.

    ``wall`` is the time of day in nanoseconds since the epoch. State: the exporters, ``_since``
    when the metrics begin, ``_new`` traces for requests that come without one, and ``problem``,
    what was wrong with the last export that failed.
    """

    def __init__(self, wanted: Wanted, version: str, wall: Callable[[], int]) -> None:
        for name in SILENT:
            logging.getLogger(name).setLevel(logging.CRITICAL)
        self._resource = _resource(version)
        self._scope = InstrumentationScope(SCOPE, version)
        self.head = Head(_values(self._resource), SCOPE, version)
        # The default one is decided here, in a tenth of the time.
        self._sampler = None if wanted.sampler == PARENT else _sampler()
        self.problem = ""
        self._sessions = Session(), Session()  # each signal may have certificates of its own
        spans, metrics = self._sessions
        self._spans = None if wanted.traces is None else _SpanExporter(wanted.traces, spans)
        self._metrics = (
            None if wanted.metrics is None else _metric_exporter(wanted.metrics, metrics)
        )
        self._new: list[TraceContext] = []
        self._delta = wanted.delta
        self._wall = wall
        self._since = wall()

    def trace(self, parent: TraceContext | None) -> TraceContext:
        """Return the trace of a new span, and whether it is to be recorded.

        It is the client's, else a new one, which has no span yet.
        """
        trace = parent or self._new_trace()
        if self._sampler is None:
            return trace
        context = Context() if parent is None else _context(parent)
        number = int(trace.trace_id, 16)
        decided = self._sampler.should_sample(context, number, SCOPE, SpanKind.CLIENT)
        return replace(trace, sampled=decided.decision is Decision.RECORD_AND_SAMPLE)

    def _new_trace(self) -> TraceContext:
        """Return a trace of a random id; as the SDK's, it is no secret. Many are made at a time."""
        if not self._new:
            ids = (random.getrandbits(128) or 1 for _ in range(AT_A_TIME))
            self._new = [TraceContext(f"{one:032x}", "", sampled=True) for one in ids]
        return self._new.pop()

    def send_spans(self, body: bytes, count: int) -> int:
        """Export ``count`` spans; return how many the collector took."""
        if self._spans is None:
            return 0
        taken = self._spans.send(body, count)
        self.problem = self._sessions[0].problem
        return taken

    def send_metrics(self, histograms: Histograms) -> bool:
        """Export metrics; True if the collector took them."""
        if self._metrics is None:
            return False
        now = self._wall()
        made = [self._metric(kind, series, now) for kind, series in histograms]
        if not made:
            return True
        scope = sdk_metrics.ScopeMetrics(scope=self._scope, metrics=made, schema_url="")
        resource = sdk_metrics.ResourceMetrics(
            resource=self._resource, scope_metrics=[scope], schema_url=""
        )
        result = self._metrics.export(sdk_metrics.MetricsData(resource_metrics=[resource]))
        self.problem = self._sessions[1].problem
        sent = result is sdk_metrics.MetricExportResult.SUCCESS
        if sent and self._delta:
            self._since = now
        return sent

    def stop(self) -> None:
        """Give up a retry in progress, and send nothing more."""
        for exporter in (self._spans, self._metrics):
            if exporter is not None:
                exporter.shutdown()

    def _metric(
        self, kind: Instrument, series: Mapping[Any, Series], now: int
    ) -> sdk_metrics.Metric:
        temporality = sdk_metrics.AggregationTemporality
        points = [
            sdk_metrics.HistogramDataPoint(
                attributes=dict(attributes),
                start_time_unix_nano=self._since,
                time_unix_nano=now,
                count=one.count,
                sum=one.sum,
                bucket_counts=one.buckets,
                explicit_bounds=kind.bounds,
                min=one.smallest,
                max=one.largest,
            )
            for attributes, one in series.items()
        ]
        chosen = temporality.DELTA if self._delta else temporality.CUMULATIVE
        data = sdk_metrics.Histogram(data_points=points, aggregation_temporality=chosen)
        return sdk_metrics.Metric(kind.name, kind.text, kind.unit, data)


def _metric_exporter(to: Destination, session: Session) -> OTLPMetricExporter:
    return OTLPMetricExporter(endpoint=to.url, timeout=to.timeout, session=session)


def _rejected(answer: bytes) -> int:
    """Return how many spans a collector states that it did not take (a partial success)."""
    try:
        partial = ExportTraceServiceResponse.FromString(answer).partial_success
    except Exception:  # noqa: BLE001 - it is no message; protobuf's own error has no types
        return 0
    return max(0, int(partial.rejected_spans))


def _sampler() -> Sampler:
    """Return the sampler that OTEL_TRACES_SAMPLER names, as the SDK reads it."""
    empty = Resource.get_empty()
    return TracerProvider(resource=empty, shutdown_on_exit=False, span_limits=NO_LIMITS).sampler


def _context(parent: TraceContext) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if parent.sampled else TraceFlags.DEFAULT)
    remote = SpanContext(int(parent.trace_id, 16), int(parent.span_id, 16), True, flags)
    return set_span_in_context(NonRecordingSpan(remote), Context())


def _resource(version: str) -> Resource:
    """Return what describes this process; the variables for the resource win."""
    ours = {
        "service.name": SERVICE,
        "service.version": version,
        "service.instance.id": str(uuid.uuid4()),
    }
    return Resource.create(ours).merge(OTELResourceDetector().detect())


def _values(resource: Resource) -> dict[str, Value]:
    return {name: value for name, value in resource.attributes.items() if isinstance(value, str)}
