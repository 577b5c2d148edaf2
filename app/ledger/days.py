"""Sums by day and model. A day is one of this machine's time zone, found as a range of quarters."""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from .queries import NEVER, TOTALS, Totals, names
from .reader import Reader
from .rows import MILLI, QUARTER


class Day(NamedTuple):
    """A day that has requests: its quarter hours begin with ``first`` and end before ``end``."""

    name: str
    first: int
    end: int


def newest_days(reader: Reader, count: int, before: str | None = None) -> list[Day]:
    """Return up to ``count`` days that have requests, newest first, all before the day ``before``.

    Days without requests cost nothing.
    """
    end = None if before is None else _first_quarter(date.fromisoformat(before))
    return [day for day, _ in zip(_days(reader, end), range(count), strict=False)]


def by_day_and_model(
    reader: Reader, days: Sequence[Day]
) -> list[tuple[Day, list[tuple[str | None, Totals]]]]:
    """Return the sums of each day by model, the most expensive model first."""
    if not days:
        return []
    ranges = ", ".join(["(?, ?)"] * len(days))
    found = reader.rows(
        f"WITH days (first, beyond) AS (VALUES {ranges})"
        f" SELECT days.first, model, {TOTALS} FROM days CROSS JOIN quarters"
        " WHERE quarter >= days.first AND quarter < days.beyond GROUP BY days.first, model",
        *(quarter for day in days for quarter in (day.first, day.end)),
    )
    known = names(reader, {row[1] for row in found})
    models: dict[int, list[tuple[str | None, Totals]]] = {day.first: [] for day in days}
    for first, model, *sums in found:
        models[first].append((known.get(model), Totals.of(sums)))
    return [
        (day, sorted(models[day.first], key=lambda one: (-one[1].cost, one[0] or "")))
        for day in days
    ]


def _days(reader: Reader, end: int | None) -> Iterator[Day]:
    """Yield the days that have requests, from ``end`` backwards."""
    while True:
        found = reader.rows(
            "SELECT max(quarter) FROM quarters WHERE quarter < ?",
            NEVER // QUARTER if end is None else end,
        )
        newest = found[0][0]
        if newest is None:
            return
        day = datetime.fromtimestamp(newest * QUARTER / MILLI, UTC).astimezone().date()
        yield Day(day.isoformat(), _first_quarter(day), _first_quarter(day + timedelta(days=1)))
        end = _first_quarter(day)


def _first_quarter(day: date) -> int:
    """Return the number of the first quarter hour that begins on ``day``."""
    midnight = datetime.combine(day, time.min).astimezone()
    return -(-int(midnight.timestamp() * MILLI) // QUARTER)
