"""The thread that exports spans and metrics. A dead collector costs spans, never a request.

Ended exchanges are measured and encoded a few at a time, on the event loop: the second one finds
the code in the processor's cache, so that it costs a third of the first. Their spans wait as bytes
in a bounded queue. The thread sends up to a batch of them. So it hardly ever needs the interpreter,
which the event loop would have to wait for. While the collector hangs, the queue fills up; further
spans are dropped and counted.
"""

import random
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from ..telemetry.entry import Entry
from ..wire.trace_context import TraceContext
from .environment import Wanted
from .histograms import Histograms
from .measures import Meter
from .protobuf import Head, request
from .span import Api, encode

FLUSH = 2.0  # seconds that the end of the process waits for what is queued
FEW = 32  # exchanges that are encoded at a time: in less time than one request takes
LAST = 0.5  # seconds before the end of `FLUSH` at which a retry in progress is given up

log = structlog.get_logger(__name__)


class Collector(Protocol):
    """What exports; see `app.otel.sdk`."""

    head: Head
    problem: str  # what was wrong with the last export, if it failed

    def trace(self, parent: TraceContext | None) -> TraceContext:
        """Return the trace of a new span, and whether it is to be recorded."""

    def send_spans(self, body: bytes, count: int) -> int:
        """Export ``count`` spans; return how many the collector took. May block for seconds."""

    def send_metrics(self, histograms: Histograms) -> bool:
        """Export metrics; True if the collector took them. May block for seconds."""

    def stop(self) -> None:
        """Give up a retry in progress."""


class Exporter:
    """Takes ended exchanges and exports them; ``count`` is told what becomes of their spans.

    ``limit`` shortens an encoded span, if the user has set limits.

    State: ``_ended`` exchanges, each with its trace if it gets a span, ``_waiting`` spans,
    ``_closing``, ``_ready`` once a batch or the end is there, and ``_meter`` under ``_lock``. Of
    the thread: ``_metrics_at`` when metrics are exported next, and ``_failing`` once a warning was
    given.
    """

    def __init__(
        self,
        collector: Collector,
        api: Api,
        wanted: Wanted,
        clock: Callable[[], float],
        limit: Callable[[bytes], bytes] | None = None,
    ) -> None:
        self.count: Callable[[str, int], None] = lambda _result, _number: None
        self._collector = collector
        self._api = api
        self._wanted = wanted
        self._clock = clock
        self._limit = limit
        self._few = min(FEW, wanted.batches.size)
        self._ended: deque[tuple[Entry, TraceContext | None]] = deque()
        self._waiting: deque[bytes] = deque()
        self._closing = False
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._meter = Meter(api)
        self._lock = threading.Lock()
        self._metrics_at = clock() + wanted.interval
        self._failing = False

    def trace(self, parent: TraceContext | None) -> TraceContext | None:
        """Return the trace of the span to come; without spans, the client's."""
        return parent if self._wanted.traces is None else self._collector.trace(parent)

    def start(self) -> None:
        """Start the thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="otel", daemon=True)
            self._thread.start()

    def put(self, entry: Entry) -> None:
        """Take an ended exchange; returns at once."""
        self.start()
        trace = self._with_room(entry.trace)
        if trace is not None or self._wanted.metrics is not None:
            self._ended.append((entry, trace))
            if len(self._ended) >= self._few:
                self._digest()
            if len(self._waiting) >= self._wanted.batches.size:
                self._ready.set()

    def _with_room(self, trace: TraceContext | None) -> TraceContext | None:
        """Return the trace if there is a span to make; one without room is counted."""
        if trace is None or not trace.sampled or self._wanted.traces is None:
            return None
        if len(self._waiting) + len(self._ended) < self._wanted.batches.queue and not self._closing:
            return trace
        self.count("dropped", 1)
        return None

    def _digest(self) -> None:
        """Measure and encode the exchanges that have ended. A defect costs one of them."""
        with self._lock:
            while self._ended:
                entry, trace = self._ended.popleft()
                try:
                    if self._wanted.metrics is not None:
                        self._meter.record(entry)
                    if trace is not None:
                        self._waiting.append(self._span(entry, trace))
                except Exception:
                    log.exception("an exchange could not be exported")
                    self.count("failed", int(trace is not None))

    def _span(self, entry: Entry, trace: TraceContext) -> bytes:
        own = random.randbytes(8)  # noqa: S311 - as the SDK's, it is no secret
        span = encode(entry, self._api, trace.trace_id, own)
        return span if self._limit is None else self._limit(span)

    def close(self, deadline: float = FLUSH) -> None:
        """Export what waits, for at most ``deadline`` seconds; later exchanges are dropped."""
        self._closing = True
        self._ready.set()
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - LAST))
            self._collector.stop()
            self._thread.join(LAST)
        left = len(self._waiting) + sum(trace is not None for _, trace in self._ended)
        if left:
            self.count("dropped", left)

    # In the thread

    def _run(self) -> None:
        while (spans := self._take()) is not None:
            if spans:
                self._export(spans)
            if self._clock() >= self._metrics_at:
                self._export_metrics()
        self._export_metrics()

    def _take(self) -> Sequence[bytes] | None:
        """Wait for a batch; nothing when only metrics are due, None at the end."""
        if len(self._waiting) < self._wanted.batches.size and not self._closing:
            self._ready.wait(self._wanted.batches.delay)
        self._ready.clear()
        self._digest()
        if self._closing and not self._waiting:
            return None
        size = min(self._wanted.batches.size, len(self._waiting))
        return [self._waiting.popleft() for _ in range(size)]

    def _export(self, spans: Sequence[bytes]) -> None:
        body, count = request(self._collector.head, spans), len(spans)
        taken = self._sent(lambda: self._collector.send_spans(body, count))
        for result, number in (("exported", taken), ("failed", count - taken)):
            if number:
                self.count(result, number)

    def _export_metrics(self) -> None:
        self._metrics_at = self._clock() + self._wanted.interval
        if self._wanted.metrics is None:
            return
        with self._lock:
            taken = self._meter.take(clear=self._wanted.delta)
        if not self._sent(lambda: self._collector.send_metrics(taken)) and self._wanted.delta:
            with self._lock:
                self._meter.restore(taken)

    def _sent(self, send: Callable[[], int]) -> int:
        """Send something; 0 if it failed. A defect is logged."""
        try:
            sent = send()
        except Exception:
            log.exception("OpenTelemetry export failed")
            return 0
        self._note(sent=bool(sent))
        return sent

    def _note(self, *, sent: bool) -> None:
        """Log a warning at the first failure, and again after a success."""
        if not sent and not self._failing:
            log.warning(
                "OpenTelemetry data cannot be exported; requests continue without it",
                reason=self._collector.problem,
            )
        self._failing = not sent
