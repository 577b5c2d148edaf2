"""Sums of measurements, as explicit-bucket histograms. Pure.

The SDK's instruments take 11 µs for each measurement, and an exchange has four.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

# The attributes of a series, as pairs.
Attributes = tuple[tuple[str, str | int], ...]


@dataclass(frozen=True, slots=True)
class Instrument:
    """A histogram by its name, unit, description and upper bounds."""

    name: str
    unit: str
    text: str
    bounds: tuple[float, ...]


@dataclass(slots=True)
class Series:
    """The measurements with the same attributes. Mutable: sums grow."""

    buckets: list[int]
    count: int = 0
    sum: float = 0.0
    smallest: float = float("inf")
    largest: float = float("-inf")

    def add(self, other: "Series") -> None:
        """Add the measurements of another."""
        self.buckets = [one + more for one, more in zip(self.buckets, other.buckets, strict=True)]
        self.count += other.count
        self.sum += other.sum
        self.smallest = min(self.smallest, other.smallest)
        self.largest = max(self.largest, other.largest)


@dataclass(slots=True)
class Histogram:
    """One instrument and its series; at most ``capacity`` of them, further ones are left out."""

    instrument: Instrument
    capacity: int = 500
    series: dict[Attributes, Series] = field(default_factory=dict)

    def record(self, value: float, attributes: Attributes) -> None:
        """Add a measurement."""
        series = self.series.get(attributes)
        if series is None:
            if len(self.series) >= self.capacity:
                return
            series = self.series[attributes] = _empty(self.instrument)
        series.buckets[bisect_left(self.instrument.bounds, value)] += 1
        series.count += 1
        series.sum += value
        series.smallest = min(series.smallest, value)
        series.largest = max(series.largest, value)


class Histograms:
    """The histograms of a process. State: ``_histograms`` by the name of their instrument."""

    def __init__(self) -> None:
        self._histograms: dict[str, Histogram] = {}

    def record(self, instrument: Instrument, value: float, attributes: Attributes) -> None:
        """Add a measurement."""
        histogram = self._histograms.get(instrument.name)
        if histogram is None:
            histogram = self._histograms[instrument.name] = Histogram(instrument)
        histogram.record(value, attributes)

    def __iter__(self) -> Iterator[tuple[Instrument, Mapping[Attributes, Series]]]:
        """Yield every instrument with its series."""
        return ((one.instrument, one.series) for one in self._histograms.values())

    def copy(self) -> "Histograms":
        """Return what is there now."""
        made = Histograms()
        made.add(self)
        return made

    def add(self, other: "Histograms") -> None:
        """Add what another has."""
        for instrument, found in other:
            histogram = self._histograms.setdefault(instrument.name, Histogram(instrument))
            for attributes, series in found.items():
                histogram.series.setdefault(attributes, _empty(instrument)).add(series)

    def clear(self) -> None:
        """Begin again at nothing."""
        self._histograms.clear()


def _empty(instrument: Instrument) -> Series:
    return Series([0] * (len(instrument.bounds) + 1))
