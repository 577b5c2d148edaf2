"""Reads a collection of metrics: sums over labels, buckets, quantiles. Pure."""

import math
from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import Metric

from ..instruments import PREFIX

Buckets = Mapping[float, float]  # upper bound -> cumulative count


class Samples:
    """The samples of one collection by name, without the prefix."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._by_name: dict[str, list[tuple[Mapping[str, str], float]]] = {}
        for family in families:
            for sample in family.samples:
                name = sample.name.removeprefix(PREFIX)
                self._by_name.setdefault(name, []).append((sample.labels, sample.value))

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with these ``labels``."""
        return sum(value for _, value in self._matching(name, labels))

    def by(self, name: str, label: str, **labels: str) -> dict[str, float]:
        """Return the sums for each value of ``label``."""
        sums: dict[str, float] = {}
        for found, value in self._matching(name, labels):
            sums[found[label]] = sums.get(found[label], 0.0) + value
        return sums

    def buckets(self, name: str, **labels: str) -> Buckets:
        """Return a histogram's buckets, added up over its other labels."""
        sums = self.by(f"{name}_bucket", "le", **labels)
        return {float(bound): count for bound, count in sums.items()}

    def _matching(
        self, name: str, labels: Mapping[str, str]
    ) -> Iterator[tuple[Mapping[str, str], float]]:
        for found, value in self._by_name.get(name, []):
            if labels.items() <= found.items():
                yield found, value


def difference(later: Buckets, earlier: Buckets) -> Buckets:
    """Return the buckets of the observations between two collections."""
    return {bound: count - earlier.get(bound, 0.0) for bound, count in later.items()}


def quantile(share: float, buckets: Buckets) -> float | None:
    """Estimate a quantile as Prometheus' ``histogram_quantile`` does; None without observations."""
    rank = share * buckets.get(math.inf, 0.0)
    if rank <= 0:
        return None
    lower, below = 0.0, 0.0
    for bound, count in sorted(buckets.items()):
        if count >= rank:
            if math.isinf(bound):
                break
            return lower + (bound - lower) * (rank - below) / (count - below)
        lower, below = bound, count
    return lower
