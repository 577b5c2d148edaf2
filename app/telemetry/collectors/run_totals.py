"""Totals of this run of the process, with a label that is unique to the run.

`increase()` extrapolates to the ends of its range, so a session of $0.44 shows as $0.45, and a
restart resets every counter. A series of one run never falls: the increase over a time range is its
last value minus its first, exact to the cent, also after a restart. Series at 0 are left out.
"""

from collections.abc import Iterator, Mapping

from prometheus_client import Counter, Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from ..instruments import PREFIX

RUN = "run_"
# The counters that dashboards show as totals, with the labels that are kept.
TOTALS: Mapping[str, tuple[str, ...]] = {
    "requests_total": ("model",),
    "tokens_total": ("model", "type"),
    "cost_usd_total": ("model",),
    "cache_miss_cost_usd_total": ("reason",),
    "scrub_matches_total": ("detector",),
    "scrub_restored_total": ("detector",),
    "scrub_skipped_total": ("reason",),
    "bytes_modified_requests_total": (),
}


class RunTotals(Collector):
    """Sums ``counters`` at each collection; ``run`` is the label value of this run."""

    def __init__(self, counters: Mapping[str, Counter], run: str) -> None:
        self._counters = {name: counters[name] for name in TOTALS}
        self._run = run

    def collect(self) -> Iterator[Metric]:
        """Yield one family per counter."""
        for name, labels in TOTALS.items():
            counter = self._counters[name]
            family = CounterMetricFamily(
                PREFIX + RUN + name.removesuffix("_total"),
                f"{name} of this run of the process, for exact totals",
                labels=["run", *labels],
            )
            for values, total in _sums(counter, labels).items():
                family.add_metric([self._run, *values], total)
            yield family


def _sums(counter: Counter, labels: tuple[str, ...]) -> dict[tuple[str, ...], float]:
    """Return the sums above 0 by the values of ``labels``."""
    sums: dict[tuple[str, ...], float] = {}
    for metric in counter.collect():
        for sample in metric.samples:
            if sample.name.endswith("_total") and sample.value:
                values = tuple(sample.labels[label] for label in labels)
                sums[values] = sums.get(values, 0.0) + sample.value
    return sums
