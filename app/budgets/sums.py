"""What the ledger says was spent: by all processes that write it, also before they started."""

from collections.abc import Sequence

from ..ledger import queries
from ..ledger.reader import Reader
from ..ledger.rows import MILLI, QUARTER
from .meter import SESSIONS, Key, Spend
from .periods import day_end, day_of, day_start
from .rules import Budget

Sums = dict[Key, tuple[Spend, str]]  # with the date of the last spend


def read_sums(reader: Reader, budgets: Sequence[Budget], now: float, since: float) -> Sums:
    """Return the sums of today, and of sessions that had a request after ``since``.

    Times are in seconds since the epoch.
    """
    sums: Sums = {}
    labels = [budget for budget in budgets if budget.label is not None]
    for budget in budgets:
        if budget.per_session:
            sums |= _sessions(reader, budget, since)
        elif budget.label is None:
            sums[budget.name, day_of(now)] = (_day(reader, now), day_of(now))
    return sums | (_labels(reader, labels, now) if labels else {})


def _day(reader: Reader, now: float) -> Spend:
    (row,) = reader.rows(
        "SELECT sum(cost), sum(unpriced) FROM quarters WHERE quarter >= ? AND quarter < ?",
        _milli(day_start(now)) // QUARTER,
        _milli(day_end(now)) // QUARTER,
    )
    return _spend(row)


def _labels(reader: Reader, budgets: Sequence[Budget], now: float) -> Sums:
    found = reader.rows(
        "SELECT labels, sum(cost), sum(unpriced) FROM exchanges"
        " WHERE started >= ? AND started < ? AND labels IS NOT NULL GROUP BY labels",
        _milli(day_start(now)),
        _milli(day_end(now)),
    )
    names = queries.names(reader, (row[0] for row in found))
    known = [(queries.pairs(names.get(labels)), _spend(sums)) for labels, *sums in found]
    today = day_of(now)
    return {
        (budget.name, today): (
            sum((spend for pairs, spend in known if budget.applies(None, pairs)), Spend()),
            today,
        )
        for budget in budgets
    }


def _sessions(reader: Reader, budget: Budget, since: float) -> Sums:
    found = reader.rows(
        "SELECT session, last, cost, unpriced FROM sessions"
        " WHERE last >= ? ORDER BY last DESC LIMIT ?",
        _milli(since),
        SESSIONS,
    )
    names = queries.names(reader, (row[0] for row in found))
    return {
        (budget.name, names[number]): (_spend(sums), day_of(last / MILLI))
        for number, last, *sums in reversed(found)
        if number in names
    }


def _spend(row: Sequence[int | None]) -> Spend:
    cost, unpriced = row
    return Spend(int(cost or 0), int(unpriced or 0))


def _milli(seconds: float) -> int:
    return int(seconds * MILLI)
