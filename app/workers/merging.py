"""The metrics of several processes as those of one. Pure.

Each sample has one value. Counters and histograms are summed, and so are gauges of amounts, such
as connections. For the other gauges `RULES` has a function for each name.
"""

from collections.abc import Callable, Iterable

from ..telemetry.instruments import PREFIX
from .messages import Exemplar, Family, Value

Rule = Callable[[float, float], float]
Key = tuple[str, tuple[tuple[str, str], ...]]

BUCKET = "le"  # the label of a histogram's buckets, which are one series
CUMULATIVE = ("counter", "histogram")
ROUNDING = 1e-12  # of a sum: what its order may make of it
RUN = f"{PREFIX}run_"  # totals of one run of one process: they end with it
# Gauges that are not summed.
RULES: dict[str, Rule] = {
    "process_start_time_seconds": min,
    "python_info": max,
    f"{PREFIX}build": max,
    f"{PREFIX}config": max,
    f"{PREFIX}pricing": max,
    f"{PREFIX}upstream_rtt_seconds": max,
    # Each process knows the spend of all: the one that has read the ledger last knows most.
    f"{PREFIX}budget_limit_usd": max,
    f"{PREFIX}budget_spent_usd": max,
    f"{PREFIX}budget_unpriced_responses": max,
    f"{PREFIX}budget_exceeded": max,
}
LATEST = f"{PREFIX}upstream_ratelimit_"  # upstream states these: the newest statement holds


def merged(reports: Iterable[Iterable[Family]]) -> list[Family]:
    """Return the sums of reports; the last one has upstream's newest statements."""
    families: dict[str, Family] = {}
    values: dict[str, dict[Key, Value]] = {}
    for report in reports:
        for family in report:
            families.setdefault(family.name, family)
            _add(values.setdefault(family.name, {}), family)
    return [
        Family(one.name, one.text, one.type, one.unit, _grouped(values[one.name].values()))
        for one in families.values()
    ]


def overlaid(below: Iterable[Family], above: Iterable[Family]) -> list[Family]:
    """Return ``below`` with its samples replaced by those of ``above``."""
    families = {family.name: family for family in below}
    for family in above:
        old = families.get(family.name)
        values = {} if old is None else {_key(value): value for value in old.values}
        values.update((_key(value), value) for value in family.values)
        families[family.name] = Family(
            family.name, family.text, family.type, family.unit, [*values.values()]
        )
    return [*families.values()]


def rising(families: Iterable[Family], shown: dict[Key, float]) -> list[Family]:
    """Return families with no total below the one ``shown`` before, and note what is shown now.

    A sum of floats depends on their order by the last bit, and that is enough for a scrape to see
    a restart and count everything again.
    """
    return [
        Family(one.name, one.text, one.type, one.unit, [_risen(v, shown) for v in one.values])
        if _is_lasting(one)
        else one
        for one in families
    ]


def _risen(value: Value, shown: dict[Key, float]) -> Value:
    key, number = _key(value), value[2]
    before = shown.get(key, number)
    if number < before <= number * (1 + ROUNDING):
        return (*value[:2], before, value[3])
    shown[key] = number
    return value


def cumulative(report: Iterable[Family]) -> list[Family]:
    """Return what a process has counted, which stays true when it has ended."""
    return [one for one in report if _is_lasting(one)]


def _is_lasting(family: Family) -> bool:
    return family.type in CUMULATIVE and not family.name.startswith(RUN)


def counted(report: Iterable[Family]) -> list[Family]:
    """Return what a process that does not answer has counted, as far as it is known."""
    return [one for one in report if one.type in CUMULATIVE]


def _add(values: dict[Key, Value], family: Family) -> None:
    created = f"{family.name}_created"
    rule = _rule(family)
    for value in family.values:
        key = _key(value)
        old = values.get(key)
        if old is None:
            values[key] = value
            continue
        combine = min if value[0] == created else rule
        values[key] = (*value[:2], combine(old[2], value[2]), _newer(old[3], value[3]))


def _rule(family: Family) -> Rule:
    if family.name.startswith(LATEST):
        return _second
    return RULES.get(family.name, _sum)


def _grouped(values: Iterable[Value]) -> list[Value]:
    """Return the samples of each series together, as OpenMetrics demands."""
    groups: dict[tuple[tuple[str, str], ...], list[Value]] = {}
    for value in values:
        series = tuple(sorted((name, text) for name, text in value[1].items() if name != BUCKET))
        groups.setdefault(series, []).append(value)
    return [value for group in groups.values() for value in group]


def _sum(first: float, second: float) -> float:
    return first + second


def _second(_: float, second: float) -> float:
    return second


def _newer(first: Exemplar | None, second: Exemplar | None) -> Exemplar | None:
    """Return the exemplar of the later observation."""
    known = [one for one in (first, second) if one is not None]
    return max(known, key=lambda one: one[2] or 0.0, default=None)


def _key(value: Value) -> Key:
    return value[0], tuple(sorted(value[1].items()))
