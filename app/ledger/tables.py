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
from .rows import BILLED_NAMES, NAMES, QUARTER, Billed, Record, Row

REMOVED = 1_000  # rows deleted in one transaction: a few milliseconds
NAMES_KEPT = 20_000  # names whose numbers are remembered; 3 MB
DAY = 86_400_000  # milliseconds

SUMS = ("failed", *COUNTED, "thinking", "cost", "unpriced")
SESSION = ("session", "started", "last", "labels", "requests", *SUMS)
QUARTERS = ("quarter", "model", "requests", *SUMS)
Numbers = Mapping[str | None, int | None]  # of names; that of no name is none
_names_of = operator.itemgetter(*map(Row._fields.index, NAMES))
_row_sums: Callable[[Row], tuple[int, ...]] = operator.itemgetter(*map(Row._fields.index, SUMS))
_billed_sums: Callable[[Billed], tuple[int, ...]] = operator.itemgetter(
    *(Billed._fields.index(name) for name in SUMS[1:])
)
_NOTHING = (0,) * len(SUMS[1:])
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
_SAME_NAME = f" ON CONFLICT (name) DO UPDATE SET {_either('names', 'last', '>')}"


class Tables(ABC):
    """The tables of an open ledger. A subclass says how a database is spoken to.

    ``chunk`` is how many rows it writes in a statement. State: ``_known`` names with their number
    and the day they are marked with.
    """

    chunk: int

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, int]] = {}

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
    def newest(self) -> int | None:
        """When the newest exchange began."""
        with self._transaction():
            newest: int | None = self._one("SELECT max(started) FROM exchanges")
        return newest

    def now(self, wall: float) -> float:
        """Return the time that old rows are judged by, given this machine's; seconds."""
        return wall

    def write(self, records: Sequence[Record], batch: int | None = None) -> None:
        """Add rows and bring the sessions' totals up to date, all or nothing."""
        with self._transaction():
            if batch is None or self._claim(batch):
                self._add(records)

    def remove_before(self, cutoff: int) -> int:
        """Delete some of the exchanges that began before ``cutoff``; return how many."""
        return self._remove("WHERE started < ? ORDER BY started", cutoff)

    def remove_oldest(self) -> int:
        """Delete some of the oldest exchanges; return how many."""
        return self._remove("ORDER BY started")

    def tidy(self) -> None:
        """Delete the sessions, sums and names of deleted exchanges only."""
        with self._transaction():
            oldest = self._one("SELECT min(started) FROM exchanges")
            kept = _EVERYTHING if oldest is None else oldest
            self._run("DELETE FROM sessions WHERE last < ?", kept)
            self._run("DELETE FROM quarters WHERE quarter < ?", kept // QUARTER)
            self._run("DELETE FROM names WHERE last < ?", kept // DAY)
            self._known.clear()

    def _add(self, records: Sequence[Record]) -> None:
        numbers = self._numbers(records)
        first = (self._one("SELECT max(id) FROM exchanges") or 0) + 1
        ids = range(first, first + len(records))
        rows = zip(*(record.row for record in records), strict=True)
        exchanges = {"id": ids, **dict(zip(Row._fields, rows, strict=False))}  # of none: no columns
        self._insert_named("exchanges", exchanges, NAMES, numbers)
        attempts = [
            (exchange, number, *one)
            for exchange, record in zip(ids, records, strict=True)
            if record.billed
            for number, one in enumerate(record.billed)
        ]
        billed = dict(zip(_BILLED, zip(*attempts, strict=True), strict=False))
        self._insert_named("billed", billed, BILLED_NAMES, numbers)
        self._insert("sessions", SESSION, _sessions(records, numbers), _SAME_SESSION)
        self._insert("quarters", QUARTERS, _quarters(records, numbers), _SAME_QUARTER)

    def _insert_named(
        self,
        table: str,
        columns: Mapping[str, Sequence[Any]],
        names: Sequence[str],
        numbers: Numbers,
    ) -> None:
        """Insert columns with the numbers of their names, except for those that are empty.

        Nearly half of the columns are empty in most batches, and each costs as much as a full one.
        """
        used = {
            column: values for column, values in columns.items() if values.count(None) < len(values)
        }
        for column in used.keys() & {*names}:
            used[column] = tuple(map(numbers.__getitem__, used[column]))
        self._insert(table, tuple(used), [*zip(*used.values(), strict=True)])

    def _remove(self, which: str, *values: int) -> int:
        with self._transaction():
            found = self._all(f"SELECT id FROM exchanges {which} LIMIT {REMOVED}", *values)
            ids = [number for (number,) in found]
            if ids:
                marks = _marks(len(ids))
                self._run(f"DELETE FROM billed WHERE exchange IN {marks}", *ids)
                self._run(f"DELETE FROM exchanges WHERE id IN {marks}", *ids)
        return len(ids)

    def _numbers(self, records: Sequence[Record]) -> Numbers:
        """Return the number of every name in ``records``; new ones get one."""
        if len(self._known) > NAMES_KEPT:
            self._known.clear()
        said = {(_day(row), _names_of(row)) for row, _ in records}  # most say the same
        said |= {(_day(row), (one.model, one.kind)) for row, billed in records for one in billed}
        last = {
            name: day
            for day, names in sorted(said, key=_first)
            for name in names
            if name is not None
        }
        nobody = (0, -1)
        old = {name: day for name, day in last.items() if self._known.get(name, nobody)[1] < day}
        if old:
            self._mark(old)
        return {None: None, **{name: self._known[name][0] for name in last}}

    def _mark(self, days: dict[str, int]) -> None:
        """Mark names with the day of their last use, and remember their numbers."""
        self._insert("names", ("name", "last"), list(days.items()), _SAME_NAME)
        chosen = f"SELECT name, id FROM names WHERE name IN {_marks(len(days))}"
        self._known |= {name: (number, days[name]) for name, number in self._all(chosen, *days)}

    def _insert(
        self, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]], more: str = ""
    ) -> None:
        for start in range(0, len(rows), self.chunk):
            chunk = rows[start : start + self.chunk]
            values = itertools.chain.from_iterable(chunk)
            self._run(_insertion(table, columns, len(chunk)) + more, *values)

    def _one(self, statement: str) -> Any:
        return self._all(statement)[0][0]


_EVERYTHING = 2**62


def _day(row: Row) -> int:
    """Return the day on which an exchange ended."""
    return (row.started + row.duration // 1_000) // DAY


@functools.lru_cache(128)
def _insertion(table: str, columns: tuple[str, ...], rows: int) -> str:
    values = ", ".join([_marks(len(columns))] * rows)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values}"


def _marks(number: int) -> str:
    return f"({', '.join('?' * number)})"


def _sessions(records: Sequence[Record], numbers: Numbers) -> list[tuple[Any, ...]]:
    """Return what ``records`` add to the sessions, one row for each."""
    added: dict[str, list[Row]] = {}
    for row, _ in records:
        if row.session is not None:
            added.setdefault(row.session, []).append(row)
    return [
        (
            numbers[session],
            min(row.started for row in rows),
            max(row.started + row.duration // 1_000 for row in rows),
            next((numbers[row.labels] for row in reversed(rows) if row.labels), None),
            len(rows),
            *_totals(map(_row_sums, rows)),
        )
        for session, rows in added.items()
    ]


def _quarters(records: Sequence[Record], numbers: Numbers) -> list[tuple[Any, ...]]:
    """Return what ``records`` add to the quarter hours, one row for each and its models."""
    added: dict[tuple[int, str], list[tuple[int, ...]]] = {}
    for row, billed in records:
        quarter = row.started // QUARTER
        own = added.setdefault((quarter, row.model), [])
        own.append((1, row.failed, *_NOTHING) if billed else (1, *_row_sums(row)))
        for one in billed:
            added.setdefault((quarter, one.model), []).append((0, 0, *_billed_sums(one)))
    return [(quarter, numbers[model], *_totals(rows)) for (quarter, model), rows in added.items()]


def _totals(rows: Iterable[Sequence[int]]) -> Iterator[int]:
    """Return the sum of each column."""
    return map(sum, zip(*rows, strict=True))
