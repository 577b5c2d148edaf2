"""What a ledger does in SQL, whichever database keeps it: batches of rows, removal of old ones.

A batch is one transaction of few statements: each statement hands the interpreter's lock over and
back, and waits for it while the event loop is busy. One transaction writes at a time, so a number
that was read in it stays true until its end.
"""

import functools
import itertools
import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

from ..anthropic.token_types import COUNTED
from .batch import DAY, Batch, Columns
from .rows import BILLED_NAMES, ENDED, NAMES, QUARTER, Billed, Row

REMOVED = 1_000  # rows deleted in one transaction: a few milliseconds
SUMMED = 5_000  # exchanges summed up in one transaction: some 15 milliseconds
NAMES_KEPT = 20_000  # names whose numbers are remembered; 3 MB

SUMS = ("failed", *COUNTED, "thinking", "cost", "unpriced")
SESSION = ("session", "started", "last", "labels", "requests", *SUMS)
QUARTERS = ("quarter", "model", "requests", *SUMS)
SUMMARIES = (
    *("id", "quarter", "session", "agent", "labels", "agent_type", "started", "last"),
    *("requests", *SUMS),
)
Numbers = Mapping[str | None, int | None]  # of names; that of no name is none
_billed_sums: Callable[[Billed], tuple[int, ...]] = operator.itemgetter(
    *(Billed._fields.index(name) for name in SUMS[1:])
)
_OPTIONAL = {name for name, kind in Row.__annotations__.items() if "None" in str(kind)} | {
    *NAMES,
    *BILLED_NAMES,
}
_BILLED = ("exchange", "number", *Billed._fields)
_first = operator.itemgetter(0)


def _added(table: str) -> str:
    return ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in ("requests", *SUMS))


def _either(table: str, column: str, sign: str) -> str:
    """Return the new value of a column if it is the smaller (<) or the larger one (>)."""
    new, old = f"excluded.{column}", f"{table}.{column}"
    return f"{column} = CASE WHEN {new} {sign} {old} THEN {new} ELSE {old} END"


_SAME_SESSION = (
    f" ON CONFLICT (session) DO UPDATE SET {_either('sessions', 'started', '<')},"
    f" {_either('sessions', 'last', '>')},"
    f" labels = coalesce(excluded.labels, sessions.labels), {_added('sessions')}"
)
_SAME_QUARTER = f" ON CONFLICT (quarter, model) DO UPDATE SET {_added('quarters')}"
# Takes two ids: the last exchange that is in a summary, and the last one to be.
_SUM_UP = (
    f"INSERT INTO summaries ({', '.join(SUMMARIES)})"
    f" SELECT max(id), started / {QUARTER}, session, agent, labels, max(agent_type), min(started),"
    f" max({ENDED}), count(*),"
    f" {', '.join(f'sum({name})' for name in SUMS)}"
    " FROM exchanges WHERE id > ? AND id <= ?"
    f" GROUP BY started / {QUARTER}, session, agent, labels"
)
_LAST = "SELECT max(id) FROM exchanges"
_OLDEST = "SELECT min(started) FROM exchanges"
_SUMMED_UP = "SELECT max(id) FROM summaries"
_NEXT = (
    "SELECT max(id), count(*) FROM"
    " (SELECT id FROM exchanges WHERE id > ? ORDER BY id LIMIT ?) AS following"
)
_SAME_NAME = f" ON CONFLICT (name) DO UPDATE SET {_either('names', 'last', '>')}"


class Tables(ABC):
    """The tables of an open ledger. A subclass says how a database is spoken to.

    ``chunk`` is how many rows it writes in a statement. State: ``_known`` names with their number
    and the day they are marked with, and the columns that are always ``_bound``.
    """

    chunk: int

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}
        self._bound: set[tuple[str, str]] = set()

    @abstractmethod
    def _all(self, statement: str, *values: Any) -> list[Any]:
        """Return what ``statement`` finds; values take the places of question marks."""

    @abstractmethod
    def _run(self, statement: str, *values: Any) -> None:
        """Carry out ``statement``."""

    @abstractmethod
    def _transaction(self) -> AbstractContextManager[None]:
        """Begin a transaction, alone among those that write; raises `Unavailable`."""

    def _claim(self, _batch: int, /) -> bool:
        """Return False if the batch was written already; a part of its transaction."""
        return True  # a file says itself whether a transaction was completed

    @property
    def oldest(self) -> int | None:
        """When the oldest exchange began."""
        with self._transaction():
            oldest: int | None = self._one(_OLDEST)
        return oldest

    def now(self, wall: float) -> float:
        """Return the time that old rows are judged by, given this machine's; seconds."""
        return wall

    def write(self, batch: Batch, number: int | None = None) -> None:
        """Add rows and bring the sessions' totals up to date, all or nothing."""
        with self._transaction():
            if number is None or self._claim(number):
                self._add(batch)

    def remove_before(self, cutoff: int) -> int:
        """Delete some of the exchanges that began before ``cutoff``; return how many.

        Its quarter hour stays whole: it is in sums that go all at once.
        """
        return self._remove("WHERE started < ? ORDER BY started", cutoff // QUARTER * QUARTER)

    def remove_oldest(self) -> int:
        """Delete some of the oldest exchanges; return how many."""
        return self._remove("ORDER BY started")

    def sum_up(self) -> bool:
        """Sum up the next `SUMMED` exchanges that no summary has, if there are so many."""
        with self._transaction():
            summed = self._one(_SUMMED_UP) or 0
            [(last, count)] = self._all(_NEXT, summed, SUMMED)
            enough = int(count) == SUMMED
            if enough:
                self._run(_SUM_UP, summed, last)
        return enough

    def tidy(self) -> None:
        """Delete the sessions, sums and names of deleted exchanges only."""
        with self._transaction():
            oldest = self._one(_OLDEST)
            kept = _EVERYTHING if oldest is None else oldest
            self._run("DELETE FROM sessions WHERE last < ?", kept)
            self._run("DELETE FROM quarters WHERE quarter < ?", kept // QUARTER)
            self._run("DELETE FROM summaries WHERE quarter < ?", kept // QUARTER)
            self._run("DELETE FROM names WHERE last < ?", kept // DAY)
            self._known.clear()

    def _add(self, batch: Batch) -> None:
        numbers = self._numbers(batch)
        # An id that is in a summary is never used again, also when its exchange was deleted.
        first = max(self._one(last) or 0 for last in (_LAST, _SUMMED_UP)) + 1
        ids = range(first, first + len(batch.columns["started"]))
        self._insert_named("exchanges", {"id": ids, **batch.columns}, NAMES, numbers)
        if batch.attempts:
            attempts = [(ids[place], number, *one) for place, number, one in batch.attempts]
            billed = dict(zip(_BILLED, zip(*attempts, strict=True), strict=True))
            self._insert_named("billed", billed, BILLED_NAMES, numbers)
        self._insert("sessions", SESSION, _sessions(batch, numbers), more=_SAME_SESSION)
        self._insert("quarters", QUARTERS, _quarters(batch, numbers), more=_SAME_QUARTER)

    def _insert_named(
        self,
        table: str,
        columns: Mapping[str, Sequence[Any]],
        names: Sequence[str],
        numbers: Numbers,
    ) -> None:
        """Insert columns with the numbers of their names.

        A value that is bound costs much: columns without any are left out, and those with zeros
        only are a part of the statement. A column that had others once is always bound, or there
        would be a statement for every mixture.
        """
        bound, zeros = {}, []
        for name, values in columns.items():
            if (table, name) not in self._bound and not any(values):
                if name not in _OPTIONAL:
                    zeros.append(name)
                    continue
                if values.count(None) == len(values):
                    continue
            self._bound.add((table, name))
            bound[name] = values
        for name in bound.keys() & {*names}:
            bound[name] = tuple(map(numbers.__getitem__, bound[name]))
        rows = [*zip(*bound.values(), strict=True)]
        self._insert(table, tuple(bound), rows, zeros=tuple(zeros))

    def _remove(self, which: str, *values: int) -> int:
        with self._transaction():
            found = self._all(f"SELECT id FROM exchanges {which} LIMIT {REMOVED}", *values)
            ids = [number for (number,) in found]
            if ids:
                marks = _marks(len(ids))
                self._run(f"DELETE FROM billed WHERE exchange IN {marks}", *ids)
                self._run(f"DELETE FROM exchanges WHERE id IN {marks}", *ids)
        return len(ids)

    def _numbers(self, batch: Batch) -> Numbers:
        """Return the number of every name in ``batch``; new ones get one."""
        if len(self._known) > NAMES_KEPT:
            self._known.clear()
        last = {name: day for day, *names in sorted(batch.names, key=_first) for name in names}
        last.pop(None, None)
        nobody = (0, -1)
        old = {name: day for name, day in last.items() if self._known.get(name, nobody)[1] < day}
        if old:
            self._mark(old)
        return {None: None, **{name: self._known[name][0] for name in last}}

    def _mark(self, days: dict[str, int]) -> None:
        """Mark names with the day of their last use, and remember their numbers."""
        self._insert("names", ("name", "last"), list(days.items()), more=_SAME_NAME)
        chosen = f"SELECT name, id FROM names WHERE name IN {_marks(len(days))}"
        self._known |= {name: (number, days[name]) for name, number in self._all(chosen, *days)}

    def _insert(
        self,
        table: str,
        columns: tuple[str, ...],
        rows: Sequence[Sequence[Any]],
        *,
        zeros: tuple[str, ...] = (),
        more: str = "",
    ) -> None:
        """Insert rows, with 0 in the columns ``zeros``."""
        values, width = [*itertools.chain.from_iterable(rows)], len(columns)
        for start in range(0, len(rows), self.chunk):
            count = min(self.chunk, len(rows) - start)
            statement = _insertion(table, columns, zeros, count) + more
            self._run(statement, *values[start * width : (start + count) * width])

    def _one(self, statement: str) -> Any:
        return self._all(statement)[0][0]


_EVERYTHING = 2**62


@functools.lru_cache(128)
def _insertion(table: str, columns: tuple[str, ...], zeros: tuple[str, ...], rows: int) -> str:
    values = ", ".join(["?"] * len(columns) + ["0"] * len(zeros))
    named = ", ".join((*columns, *zeros))
    return f"INSERT INTO {table} ({named}) VALUES {', '.join([f'({values})'] * rows)}"


def _marks(number: int) -> str:
    return f"({', '.join('?' * number)})"


def _sessions(batch: Batch, numbers: Numbers) -> list[tuple[Any, ...]]:
    """Return what a batch adds to the sessions, one row for each."""
    columns, ended = batch.columns, batch.ended
    labels = columns.get("labels", ())
    return [
        (
            numbers[session],
            min(pick(columns["started"])),
            max(pick(ended)),
            _newest(pick(labels), numbers) if any(labels) else None,
            len(pick(ended)),
            *(sum(pick(columns[name])) for name in SUMS),
        )
        for session, pick in _groups(columns.get("session", (None,)))
        if session is not None
    ]


def _newest(labels: Sequence[str | None], numbers: Numbers) -> int | None:
    return next((numbers[one] for one in reversed(labels) if one), None)


def _quarters(batch: Batch, numbers: Numbers) -> list[tuple[Any, ...]]:
    """Return what a batch adds to the quarter hours, one row for each and its models."""
    columns = batch.columns
    if batch.attempts:
        columns = {**columns, **_undetailed(columns)}
    quarters = [started // QUARTER for started in columns["started"]]
    added = {
        key: [(len(pick(quarters)), *(sum(pick(columns[name])) for name in SUMS))]
        for key, pick in _groups([*zip(quarters, columns["model"], strict=True)])
    }
    for place, _, one in batch.attempts:
        more = (0, 0, *_billed_sums(one))
        added.setdefault((quarters[place], one.model), []).append(more)
    return [(quarter, numbers[model], *_totals(rows)) for (quarter, model), rows in added.items()]


def _undetailed(columns: Columns) -> Columns:
    """Return the sums of those exchanges that have no rows of their attempts."""
    detailed = columns["detailed"]
    return {
        name: [0 if apart else value for apart, value in zip(detailed, columns[name], strict=True)]
        for name in SUMS[1:]
    }


def _groups(keys: Sequence[Any]) -> Iterator[tuple[Any, Callable[[Sequence[Any]], Sequence[Any]]]]:
    """Yield each key with what picks its values of a column; often there is only one."""
    if len({*keys}) == 1:
        yield keys[0], _whole
        return
    places: dict[Any, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    for key, chosen in places.items():
        yield key, functools.partial(_picked, chosen)


def _whole(column: Sequence[Any]) -> Sequence[Any]:
    return column


def _picked(places: Sequence[int], column: Sequence[Any]) -> Sequence[Any]:
    return [column[place] for place in places]


def _totals(rows: Iterable[Sequence[int]]) -> Iterator[int]:
    """Return the sum of each column."""
    return map(sum, zip(*rows, strict=True))
