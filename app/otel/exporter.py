"""The thread that exports spans and metrics. A dead collector costs spans, never a request.

Ended exchanges wait in a bounded queue. The thread takes up to a batch of them, encodes it and
sends it. While the collector hangs, the queue fills up; further spans are dropped and counted.
Encoding pauses after every few spans, so that the event loop never waits long for the interpreter.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import structlog

from ..telemetry.entry import Entry
from ..wire.trace_context import TraceContext
from .environment import Wanted
from .histograms import Histograms
from .measures import measurements
from .protobuf import Head, encode, request
from .span import Api, span_of

FLUSH = 2.0  # seconds that the end of the process waits for what is queued
PAUSE_AFTER = 8  # spans: a quarter of a millisecond
LAST = 0.5  # seconds before the end of `FLUSH` at which a retry under way is given up

log = structlog.get_logger(__name__)


class Collector(Protocol):
    """What exports; see `app.otel.sdk`."""

    head: Head

    def trace(self, parent: TraceContext | None) -> TraceContext:
        """Return the context of a new span, and whether it is to be recorded."""

    def send_spans(self, body: bytes) -> bool:
        """Export spans; True if the collector took them. May block for seconds."""

    def send_metrics(self, histograms: Histograms) -> bool:
        """Export metrics; True if the collector took them. May block for seconds."""

    def stop(self) -> None:
        """Give up a retry that is under way."""


class Exporter:
    """Takes ended exchanges and exports them; ``count`` is told what becomes of their spans.

    State: ``_waiting``, ``_closing``, and ``_ready`` once a batch or the end is there. Of the
    thread: ``_histograms``, ``_metrics_at`` when metrics are exported next, and ``_failing`` once a
    warning was given.
    """

    def __init__(
        self, collector: Collector, api: Api, wanted: Wanted, clock: Callable[[], float]
    ) -> None:
        self.count: Callable[[str, int], None] = lambda _result, _number: None
        self._collector = collector
        self._api = api
        self._wanted = wanted
        self._clock = clock
        self._waiting: deque[Entry] = deque()
        self._closing = False
        self._ready = threading.Event()
        self._thread: threading.Thread | None = None
        self._histograms = Histograms()
        self._metrics_at = clock() + wanted.interval
        self._failing = False

    def trace(self, parent: TraceContext | None) -> TraceContext | None:
        """Return the context of the span to come; without spans, that of the client's."""
        return self._collector.trace(parent) if self._wanted.traces else parent

    def start(self) -> None:
        """Start the thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="otel", daemon=True)
            self._thread.start()

    def put(self, entry: Entry) -> None:
        """Take an ended exchange; returns at once."""
        self.start()
        waiting, batches = len(self._waiting) + 1, self._wanted.batches
        if waiting <= batches.queue and not self._closing:
            self._waiting.append(entry)
            if waiting == batches.size:
                self._ready.set()
        elif self._exported(entry):
            self.count("dropped", 1)

    def close(self, deadline: float = FLUSH) -> None:
        """Export what waits, for at most ``deadline`` seconds; later exchanges are dropped."""
        self._closing = True
        self._ready.set()
        if self._thread is not None:
            self._thread.join(max(0.0, deadline - LAST))
            self._collector.stop()
            self._thread.join(LAST)
        left = len(self._waiting)
        if left:
            self.count("dropped", left)

    # In the thread

    def _run(self) -> None:
        while (entries := self._take()) is not None:
            try:
                self._export(entries)
            except Exception:
                log.exception("OpenTelemetry export failed")
                self.count("failed", sum(map(self._exported, entries)))
            if self._clock() >= self._metrics_at:
                self._export_metrics()
        self._export_metrics()

    def _take(self) -> Sequence[Entry] | None:
        """Wait for a batch; nothing when only metrics are due, None at the end."""
        if len(self._waiting) < self._wanted.batches.size and not self._closing:
            self._ready.wait(self._wanted.batches.delay)
        self._ready.clear()
        if self._closing and not self._waiting:
            return None
        size = min(self._wanted.batches.size, len(self._waiting))
        return [self._waiting.popleft() for _ in range(size)]

    def _exported(self, entry: Entry) -> bool:
        return self._wanted.traces and entry.trace is not None and entry.trace.sampled

    def _export(self, entries: Iterable[Entry]) -> None:
        spans = []
        for number, entry in enumerate(entries, start=1):
            if self._wanted.metrics:
                for measurement in measurements(entry, self._api):
                    self._histograms.record(*measurement)
            if self._exported(entry):
                spans.append(self._encoded(entry))
            if number % PAUSE_AFTER == 0:
                time.sleep(0)  # lets the event loop have the interpreter
        if spans:
            sent = self._collector.send_spans(request(self._collector.head, spans))
            self.count("exported" if sent else "failed", len(spans))
            self._note(sent=sent)

    def _encoded(self, entry: Entry) -> bytes:
        assert entry.trace is not None  # noqa: S101 - for mypy: `_exported` has looked
        return encode(span_of(entry, self._api), entry.trace, entry.exchange.hints.trace)

    def _export_metrics(self) -> None:
        self._metrics_at = self._clock() + self._wanted.interval
        if not self._wanted.metrics:
            return
        sent = self._collector.send_metrics(self._histograms)
        self._note(sent=sent)
        if sent and self._wanted.delta:
            self._histograms.clear()

    def _note(self, *, sent: bool) -> None:
        """Log a warning at the first failure, and again after a success."""
        if not sent and not self._failing:
            log.warning("OpenTelemetry data cannot be exported; requests continue without it")
        self._failing = not sent
