"""The metrics of one process, as a message and back. Pure."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.samples import Exemplar, Sample

from .messages import Family, Value


def packed(families: Iterable[Metric]) -> list[Family]:
    """Return metrics as a message holds them."""
    return [
        Family(
            family.name,
            family.documentation,
            family.type,
            family.unit,
            [_value(sample) for sample in family.samples],
        )
        for family in families
    ]


def unpacked(families: Iterable[Family]) -> tuple[Metric, ...]:
    """Return the metrics of a message."""
    return tuple(_metric(family) for family in families)


def _value(sample: Sample) -> Value:
    exemplar = sample.exemplar
    return (
        sample.name,
        sample.labels,
        sample.value,
        None
        if exemplar is None
        else (dict(exemplar.labels), exemplar.value, _seconds(exemplar.timestamp)),
    )


def _seconds(timestamp: object) -> float | None:
    return None if timestamp is None else float(timestamp)  # type: ignore[arg-type] # number or Timestamp


def _metric(family: Family) -> Metric:
    metric = Metric(family.name, family.text, family.type, family.unit)
    metric.samples = [
        Sample(name, labels, value, None, None if exemplar is None else Exemplar(*exemplar))
        for name, labels, value, exemplar in family.values
    ]
    return metric
