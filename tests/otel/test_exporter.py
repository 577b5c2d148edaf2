"""The thread between the queue and the collector: bounded, counted, never in the way."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.otel import exporter
from app.otel.environment import Batches, Destination, Wanted
from app.otel.exporter import FEW, Exporter
from app.otel.histograms import Histograms
from app.otel.protobuf import Head
from app.otel.span import encode
from app.telemetry.entry import Entry
from app.wire.trace_context import TraceContext
from tests.otel.entries import API, OWN, PARENT, entry

PATIENCE = 60.0
THERE = Destination("http://collector.example")
WANTED = Wanted(traces=THERE, metrics=THERE, batches=Batches(queue=4, delay=0.01, size=2))


class Fake:
    """A collector in this process; while ``gate`` is not set, it hangs."""

    head = Head({}, "test", "0")
    problem = "503"

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()
        self.takes = True
        self.rejects = 0
        self.breaks = False
        self.requests: list[bytes] = []
        self.metrics: list[int] = []
        self.stopped = False

    def trace(self, parent: TraceContext | None) -> TraceContext:
        return OWN if parent is not None else PARENT

    def send_spans(self, body: bytes, count: int) -> int:
        self.requests.append(body)
        assert self.gate.wait(PATIENCE)
        if self.breaks:
            raise RuntimeError("a defect")
        return max(0, count - self.rejects) if self.takes else 0

    def send_metrics(self, histograms: Histograms) -> bool:
        sums = [one.count for _, series in histograms for one in series.values()]
        self.metrics.append(sum(sums))
        return self.takes

    def stop(self) -> None:
        self.stopped = True
        self.gate.set()


class Counted:
    """An exporter and what it counted."""

    def __init__(self, collector: Fake, wanted: Wanted = WANTED) -> None:
        self.exporter = Exporter(collector, API, wanted, time.monotonic)
        self.results: Counter[str] = Counter()
        self._told = threading.Condition()
        self.exporter.count = self._count

    def _count(self, result: str, number: int) -> None:
        with self._told:
            self.results[result] += number
            self._told.notify_all()

    def wait(self, **results: int) -> None:
        with self._told:
            assert self._told.wait_for(lambda: self.results == Counter(results), PATIENCE), (
                self.results
            )


@pytest.fixture
def collector() -> Iterator[Fake]:
    fake = Fake()
    yield fake
    fake.gate.set()


def test_every_sampled_exchange_is_exported(collector: Fake) -> None:
    counted = Counted(collector)
    for _ in range(3):
        counted.exporter.put(entry())
    counted.wait(exported=3)
    counted.exporter.close(deadline=PATIENCE)
    assert collector.metrics[-1] == 3 * 4  # duration, first chunk, input and output tokens


def test_what_the_sampler_left_out_is_measured_only(collector: Fake) -> None:
    counted = Counted(collector)
    counted.exporter.put(entry(trace=TraceContext("1" * 32, "2" * 16, sampled=False)))
    counted.exporter.close(deadline=PATIENCE)
    assert (collector.requests, counted.results) == ([], Counter())
    assert collector.metrics[-1] == 4


def test_a_hanging_collector_costs_what_has_no_room_and_no_time(collector: Fake) -> None:
    collector.gate.clear()
    counted = Counted(collector)
    counted.exporter.put(entry())
    while not collector.requests:  # the thread hangs in its first export now
        time.sleep(0.001)
    for _ in range(10):
        counted.exporter.put(entry())
    assert counted.results == Counter(dropped=10 - WANTED.batches.queue)
    collector.gate.set()
    counted.wait(dropped=6, exported=5)
    counted.exporter.close(deadline=PATIENCE)


def test_the_end_does_not_wait_for_a_hanging_collector(collector: Fake) -> None:
    collector.gate.clear()
    counted = Counted(collector)
    for _ in range(4):
        counted.exporter.put(entry())
    while not collector.requests:
        time.sleep(0.001)
    collector.stop = lambda: None  # type: ignore[method-assign] # it does not even end its retry
    counted.exporter.close(deadline=0.51)
    assert counted.results["dropped"] >= 2
    counted.exporter.put(entry())
    assert counted.results["dropped"] >= 3


def test_the_end_gives_up_a_retry(collector: Fake) -> None:
    collector.gate.clear()
    counted = Counted(collector)
    counted.exporter.put(entry())
    while not collector.requests:
        time.sleep(0.001)
    counted.exporter.close(deadline=0.51)
    assert collector.stopped


def test_what_waits_is_exported_at_the_end(collector: Fake) -> None:
    slow = Wanted(traces=THERE, batches=Batches(delay=PATIENCE))
    counted = Counted(collector, slow)
    for _ in range(3):
        counted.exporter.put(entry())
    counted.exporter.close(deadline=PATIENCE)
    assert counted.results == Counter(exported=3)
    assert collector.metrics == []


def test_failures_are_counted_and_logged_once(collector: Fake) -> None:
    collector.takes = False
    with capture_logs() as lines:
        counted = Counted(collector)
        for number in range(1, 4):
            counted.exporter.put(entry())
            counted.wait(failed=number)
        counted.exporter.close(deadline=PATIENCE)
    assert [(line["log_level"], line["reason"]) for line in lines] == [("warning", "503")]


def test_spans_that_the_collector_rejects_are_failed(collector: Fake) -> None:
    collector.rejects = 1
    counted = Counted(collector, Wanted(traces=THERE, batches=Batches(delay=PATIENCE)))
    for _ in range(3):
        counted.exporter.put(entry())
    counted.exporter.close(deadline=PATIENCE)
    assert counted.results == Counter(exported=2, failed=1)


def test_a_few_are_encoded_at_a_time_and_the_rest_when_a_batch_is_due(collector: Fake) -> None:
    counted = Counted(collector, Wanted(traces=THERE, batches=Batches(delay=0.01)))
    for _ in range(FEW + 1):
        counted.exporter.put(entry())
    counted.wait(exported=FEW + 1)
    counted.exporter.close(deadline=PATIENCE)


def test_an_exchange_that_cannot_be_encoded_costs_only_itself(
    collector: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(one: Entry, *arguments: Any) -> bytes:
        if one.exchange.method == "BROKEN":
            raise ValueError("a defect")
        return encode(one, *arguments)

    monkeypatch.setattr(exporter, "encode", broken)
    with capture_logs() as lines:
        counted = Counted(collector)
        for method in ("GET", "BROKEN", "GET"):
            counted.exporter.put(entry(method=method))
        counted.wait(exported=2, failed=1)
        counted.exporter.close(deadline=PATIENCE)
    assert [line["log_level"] for line in lines] == ["error"]


def test_a_defect_costs_one_batch(collector: Fake) -> None:
    collector.breaks = True
    with capture_logs() as lines:
        counted = Counted(collector)
        counted.exporter.put(entry())
        while not lines:
            time.sleep(0.001)
        collector.breaks = False
        counted.exporter.put(entry())
        counted.wait(failed=1, exported=1)
        counted.exporter.close(deadline=PATIENCE)
    assert lines[0]["log_level"] == "error"


def test_metrics_are_exported_at_their_interval_and_new_ones_only_if_asked(collector: Fake) -> None:
    wanted = Wanted(metrics=THERE, delta=True, interval=0.01, batches=Batches(delay=0.01))
    counted = Counted(collector, wanted)
    counted.exporter.put(entry())
    while 4 not in collector.metrics:
        time.sleep(0.001)
    counted.exporter.put(entry())
    counted.exporter.close(deadline=PATIENCE)
    assert sum(collector.metrics) == 8
    assert collector.requests == []


def test_new_metrics_that_were_not_taken_come_again(collector: Fake) -> None:
    collector.takes = False
    wanted = Wanted(metrics=THERE, delta=True, interval=0.01, batches=Batches(delay=0.01))
    with capture_logs():
        counted = Counted(collector, wanted)
        counted.exporter.put(entry())
        while 4 not in collector.metrics:
            time.sleep(0.001)
        collector.takes = True
        counted.exporter.close(deadline=PATIENCE)
    assert collector.metrics[-1] in (0, 4)  # 0 if the retry was the last but one
    assert collector.metrics.count(4) >= 2


def test_without_spans_the_trace_is_the_clients(collector: Fake) -> None:
    measuring = Exporter(collector, API, Wanted(metrics=THERE), time.monotonic)
    assert (measuring.trace(PARENT), measuring.trace(None)) == (PARENT, None)
    tracing = Exporter(collector, API, WANTED, time.monotonic)
    assert (tracing.trace(PARENT), tracing.trace(None)) == (OWN, PARENT)


def test_what_asked_no_model_is_not_measured(collector: Fake) -> None:
    counted = Counted(collector)
    counted.exporter.put(entry(route="models"))
    counted.wait(exported=1)
    counted.exporter.close(deadline=PATIENCE)
    assert collector.metrics[-1] == 0
