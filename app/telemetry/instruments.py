"""Metrics as recorders use them: one registry, cached children, closed label sets.

Finding a child by its labels costs ``prometheus_client`` about 7 µs, a dictionary a tenth of it.
Label values that a client or upstream chooses go through a `LabelSet`, so the number of series
is bounded.
"""

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    enable_created_metrics,
)
from prometheus_client.metrics_core import Metric as Collected
from prometheus_client.registry import Collector

PREFIX = "anthropic_proxy_"
OTHER = "other"

Metric = TypeVar("Metric", Counter, Gauge, Histogram)


class Family(Collector, Generic[Metric]):
    """A metric with labels.

    State: ``_children``, each made on its first use; ``_known``, which the first collection makes
    at 0: a start would take twice as long with them; and what was ``_counted`` since the last one.
    """

    def __init__(self, metric: Metric, known: Iterable[tuple[str, ...]] = ()) -> None:
        self._metric: Metric = metric
        self._known = tuple(known)
        self._children: dict[tuple[str, ...], Metric] = {}
        self._counted: dict[tuple[str, ...], int] = {}

    def describe(self) -> Iterable[Collected]:
        """Return the metric without its samples."""
        return self._metric.describe()

    def collect(self) -> Iterable[Collected]:
        """Return the metric with the samples of all its children."""
        known, self._known = self._known, ()
        for values in known:
            self(*values)
        counted, self._counted = self._counted, {}
        for values, count in counted.items():
            counter: Any = self(*values)  # as `count` demands
            counter.inc(count)
        return self._metric.collect()

    def count(self: "Family[Counter]", *values: str) -> None:
        """Add 1 to a counter by the next collection, while somebody waits: that takes no time."""
        self._counted[values] = self._counted.get(values, 0) + 1

    def __call__(self, *values: str) -> Metric:
        """Return the child of these label values, in the order of the label names."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._metric.labels(*values)
        return child


class LabelSet:
    """The values that a label may take: the ``known`` ones and the first ``room`` others.

    All other values become `OTHER`, and are counted. State: ``_values``, ``_room``.
    """

    def __init__(self, overflow: Counter, known: Iterable[str], room: int) -> None:
        self._overflow = overflow
        self._values = set(known)
        self._room = room

    def __call__(self, value: str) -> str:
        """Return ``value``, or `OTHER` when there is no room for it."""
        if value in self._values:
            return value
        if self._room and value != OTHER:
            self._room -= 1
            self._values.add(value)
            return value
        self._overflow.inc()
        return OTHER


class SeriesBudget:
    """Decides which combinations of label values get a series.

    These are the ``reserved`` ones and the first ``room`` others. State: ``_taken``, and the
    ``room`` that is left.
    """

    def __init__(self, room: int, reserved: Iterable[tuple[str, ...]] = ()) -> None:
        self._taken = set(reserved)
        self.room = room

    def has(self, values: tuple[str, ...]) -> bool:
        """Return True if ``values`` have a series, or room for one, which they then take."""
        if values in self._taken:
            return True
        if not self.room:
            return False
        self.room -= 1
        self._taken.add(values)
        return True


class Instruments:
    """Makes the metrics of one application, prefix included."""

    def __init__(self) -> None:
        # Created timestamps tell Prometheus that a series began at 0, whatever its first scrape
        # finds. They are for OpenMetrics; the library's only switch is for the whole process.
        enable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self.made: dict[str, Counter] = {}  # the counters, by name
        self._overflow = self.counters(
            "label_overflow_total", "Label values counted as `other` to bound the series", "label"
        )

    def counter(self, name: str, text: str) -> Counter:
        """Return a counter without labels."""
        self.made[name] = Counter(PREFIX + name, text, registry=self.registry)
        return self.made[name]

    def counters(
        self, name: str, text: str, *labels: str, known: Iterable[tuple[str, ...]] = ()
    ) -> Family[Counter]:
        """Return a family of counters; the ``known`` ones start at 0."""
        self.made[name] = Counter(PREFIX + name, text, labels, registry=None)
        return self._family(self.made[name], known)

    def gauge(self, name: str, text: str) -> Gauge:
        """Return a gauge without labels."""
        return Gauge(PREFIX + name, text, registry=self.registry)

    def gauges(self, name: str, text: str, *labels: str) -> Family[Gauge]:
        """Return a family of gauges."""
        return self._family(Gauge(PREFIX + name, text, labels, registry=None))

    def histogram(self, name: str, text: str, buckets: Iterable[float]) -> Histogram:
        """Return a histogram without labels."""
        return Histogram(PREFIX + name, text, registry=self.registry, buckets=tuple(buckets))

    def histograms(
        self,
        name: str,
        text: str,
        *labels: str,
        buckets: Iterable[float],
        known: Iterable[tuple[str, ...]] = (),
    ) -> Family[Histogram]:
        """Return a family of histograms."""
        metric = Histogram(PREFIX + name, text, labels, registry=None, buckets=(*buckets,))
        return self._family(metric, known)

    def info(self, name: str, text: str, values: dict[str, str]) -> None:
        """Publish values that do not change."""
        Info(PREFIX + name, text, registry=self.registry).info(values)

    def label_set(self, label: str, known: Iterable[str] = (), *, room: int = 0) -> LabelSet:
        """Return the label set of ``label``."""
        return LabelSet(self._overflow(label), known, room)

    def _family(self, metric: Metric, known: Iterable[tuple[str, ...]] = ()) -> Family[Metric]:
        family = Family(metric, known)
        self.registry.register(family)
        return family
