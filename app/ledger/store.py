"""One connection that writes the ledger: batches of rows, and the removal of old ones.

A batch is one transaction of few statements: each statement hands the interpreter's lock over and
back, and waits for it while the event loop is busy.
"""

import functools
import itertools
import operator
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..anthropic.token_types import COUNTED
from . import schema
from .file import UnusableLedger, locked, make_private, set_aside
from .rows import BILLED_NAMES, NAMES, QUARTER, Billed, Record, Row

BUSY_TIMEOUT = 5.0  # seconds to wait for another process that writes
SMALLEST = 512  # bytes of a page (sqlite.org/fileformat.html)
WAL_LIMIT = 4 * 2**20  # bytes that the write-ahead log keeps on disk when it is empty
CHUNK = 20  # rows in a statement; SQLite takes 32,766 values
REMOVED = 1_000  # rows deleted in one transaction: a few milliseconds
VACUUMED = 500  # pages given back to the file system after it
NAMES_KEPT = 20_000  # names whose numbers are remembered; 3 MB
DAY = 86_400_000  # milliseconds
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

SUMS = ("failed", *COUNTED, "thinking", "cost", "unpriced")
_SESSION = ("session", "started", "last", "labels", "requests", *SUMS)
_QUARTER = ("quarter", "model", "requests", *SUMS)
_ADDED = ", ".join(f"{name} = {name} + excluded.{name}" for name in ("requests", *SUMS))
_SAME_SESSION = (
    " ON CONFLICT (session) DO UPDATE SET started = min(started, excluded.started),"
    f" last = max(last, excluded.last), labels = coalesce(excluded.labels, labels), {_ADDED}"
)
_SAME_QUARTER = f" ON CONFLICT (quarter, model) DO UPDATE SET {_ADDED}"
_NAMED = [Row._fields.index(name) for name in NAMES]
_BILLED_NAMED = [Billed._fields.index(name) for name in BILLED_NAMES]


def is_one_of(error: sqlite3.Error, codes: Sequence[int]) -> bool:
    """Return True if the primary result code is one of ``codes`` (sqlite.org/rescode.html)."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in codes


def open_store(path: Path) -> "Store":
    """Open the ledger, and begin a new one instead of an unusable file.

    Raises OSError or sqlite3.Error when that cannot be done.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(path.parent):
        try:
            return Store(path)
        except UnusableLedger as exc:
            set_aside(path, str(exc))
            return Store(path)


class Store:
    """The file, open. State: ``_known`` names with their number and the day they are marked with.

    Used by one thread. Raises `UnusableLedger` for a file that is damaged or no ledger.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = make_private(path)
        self._known: dict[str, tuple[int, int]] = {}
        if 0 < self._file.st_size < SMALLEST:  # SQLite would take it for an empty file
            raise UnusableLedger("it is damaged")
        self._connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
        try:
            self._prepare()
        except sqlite3.Error as exc:
            self._connection.close()
            if is_one_of(exc, DAMAGED):
                raise UnusableLedger("it is damaged") from exc
            raise
        except UnusableLedger:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file; the write-ahead log is folded into it by the last who does."""
        with suppress(sqlite3.Error):
            self._connection.close()

    @property
    def moved(self) -> bool:
        """Whether the path leads to another file by now, or to none."""
        try:
            return not os.path.samestat(self._file, self._path.lstat())
        except OSError:
            return True

    @property
    def newest(self) -> int | None:
        """When the newest exchange began."""
        newest: int | None = self._one("SELECT max(started) FROM exchanges")
        return newest

    @property
    def size(self) -> int:
        """Bytes in use."""
        pages = self._one("PRAGMA page_count") - self._one("PRAGMA freelist_count")
        return int(pages * self._one("PRAGMA page_size"))

    def write(self, records: Sequence[Record]) -> None:
        """Add rows and bring the sessions' totals up to date, all or nothing."""
        with self._transaction():
            numbers = self._numbers(records)
            first = (self._one("SELECT max(id) FROM exchanges") or 0) + 1
            rows = [
                (number, *_numbered(record.row, _NAMED, numbers))
                for number, record in enumerate(records, first)
            ]
            billed = [
                (exchange, number, *_numbered(one, _BILLED_NAMED, numbers))
                for exchange, record in enumerate(records, first)
                for number, one in enumerate(record.billed)
            ]
            self._insert("exchanges", ("id", *Row._fields), rows)
            self._insert("billed", ("exchange", "number", *Billed._fields), billed)
            self._insert("sessions", _SESSION, _sessions(records, numbers), _SAME_SESSION)
            self._insert("quarters", _QUARTER, _quarters(records, numbers), _SAME_QUARTER)

    def remove_before(self, cutoff: int) -> int:
        """Delete some of the exchanges that began before ``cutoff``; return how many."""
        return self._remove("WHERE started < ? ORDER BY started", cutoff)

    def remove_oldest(self) -> int:
        """Delete some of the oldest exchanges; return how many."""
        return self._remove("ORDER BY started")

    def _remove(self, which: str, *values: int) -> int:
        with self._transaction():
            found = self._all(f"SELECT id FROM exchanges {which} LIMIT {REMOVED}", *values)
            ids = [number for (number,) in found]
            marks = _marks(len(ids))
            self._all(f"DELETE FROM billed WHERE exchange IN {marks}", *ids)
            self._all(f"DELETE FROM exchanges WHERE id IN {marks}", *ids)
        return len(ids)

    def tidy(self) -> None:
        """Delete the sessions and names of deleted exchanges only, and give some space back."""
        with self._transaction():
            oldest = self._one("SELECT min(started) FROM exchanges")
            self._all("DELETE FROM sessions WHERE ?1 IS NULL OR last < ?1", oldest)
            self._all(f"DELETE FROM quarters WHERE ?1 IS NULL OR quarter < ?1 / {QUARTER}", oldest)
            self._all("DELETE FROM names WHERE ?1 IS NULL OR last < ?1 / ?2", oldest, DAY)
            self._known.clear()
        # `execute` stops after the first page: the statement has a row for each, and no column.
        self._connection.executescript(f"PRAGMA incremental_vacuum({VACUUMED})")

    def _prepare(self) -> None:
        self._check()
        self._all("PRAGMA auto_vacuum = INCREMENTAL")  # before the first table
        self._all("PRAGMA journal_mode = WAL")
        self._all("PRAGMA synchronous = NORMAL")  # a crash of the machine may cost the last rows
        self._all(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
        try:
            self._migrate()
            self._all(f"SELECT {', '.join(Row._fields)} FROM exchanges LIMIT 0")
            self._all(f"SELECT {', '.join(_SESSION)} FROM sessions LIMIT 0")
            self._all(f"SELECT {', '.join(_QUARTER)} FROM quarters LIMIT 0")
        except sqlite3.OperationalError as exc:
            if is_one_of(exc, (sqlite3.SQLITE_ERROR,)):  # a table or column is there, or is not
                raise UnusableLedger("its tables are not those of a ledger") from exc
            raise

    def _migrate(self) -> None:
        with self._transaction():
            self._check()  # another process may have been first
            for number in range(self._one("PRAGMA user_version"), schema.VERSION):
                for statement in schema.MIGRATIONS[number]:
                    self._all(statement)
            self._all(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            self._all(f"PRAGMA user_version = {schema.VERSION}")

    def _check(self) -> None:
        """Refuse a file that another program made, or a newer version of this one."""
        tables = self._one("SELECT count(*) FROM sqlite_master")
        if tables and self._one("PRAGMA application_id") != schema.APPLICATION_ID:
            raise UnusableLedger("it is a database of another program")
        if self._one("PRAGMA user_version") > schema.VERSION:
            raise UnusableLedger("a newer version of the proxy wrote it")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._all("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._known.clear()  # some of the numbers may be those of names that are not there
            with suppress(sqlite3.Error):
                self._all("ROLLBACK")
            raise
        self._all("COMMIT")

    def _numbers(self, records: Sequence[Record]) -> dict[str | None, int | None]:
        """Return the number of every name in ``records``; new ones get one."""
        if len(self._known) > NAMES_KEPT:
            self._known.clear()
        days: dict[str, int] = {}
        for record in records:
            day = (record.row.started + record.row.duration // 1_000) // DAY
            for name in _names(record):
                days[name] = max(day, days.get(name, day))
        nobody = (0, -1)
        old = {name: day for name, day in days.items() if self._known.get(name, nobody)[1] < day}
        if old:
            self._mark(old)
        return {None: None, **{name: self._known[name][0] for name in days}}

    def _mark(self, days: dict[str, int]) -> None:
        """Mark names with the day of their last use, and remember their numbers."""
        self._insert(
            "names",
            ("name", "last"),
            list(days.items()),
            " ON CONFLICT (name) DO UPDATE SET last = max(last, excluded.last)",
        )
        chosen = f"SELECT name, id FROM names WHERE name IN {_marks(len(days))}"
        self._known |= {name: (number, days[name]) for name, number in self._all(chosen, *days)}

    def _insert(
        self, table: str, columns: tuple[str, ...], rows: Sequence[Sequence[Any]], more: str = ""
    ) -> None:
        for start in range(0, len(rows), CHUNK):
            chunk = rows[start : start + CHUNK]
            values = [value for row in chunk for value in row]
            self._all(_insertion(table, columns, len(chunk)) + more, *values)

    def _all(self, statement: str, *values: Any) -> list[Any]:
        return self._connection.execute(statement, values).fetchall()

    def _one(self, statement: str) -> Any:
        return self._all(statement)[0][0]


@functools.lru_cache(128)
def _insertion(table: str, columns: tuple[str, ...], rows: int) -> str:
    values = ", ".join([_marks(len(columns))] * rows)
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values}"


def _marks(number: int) -> str:
    return f"({', '.join('?' * number)})"


def _names(record: Record) -> Iterator[str]:
    """Yield the names that a record has."""
    for place in _NAMED:
        if (name := record.row[place]) is not None:
            yield str(name)
    for one in record.billed:
        yield from (one.model, one.kind)


def _numbered(
    row: Sequence[Any], places: Sequence[int], numbers: dict[str | None, int | None]
) -> list[Any]:
    """Return a row with the numbers of its names."""
    numbered = list(row)
    for place in places:
        numbered[place] = numbers[numbered[place]]
    return numbered


def _sessions(
    records: Sequence[Record], numbers: dict[str | None, int | None]
) -> list[tuple[Any, ...]]:
    """Return what ``records`` add to the sessions, one row for each."""
    added: dict[str, list[Row]] = {}
    for record in records:
        if record.row.session is not None:
            added.setdefault(record.row.session, []).append(record.row)
    return [
        (
            numbers[session],
            min(row.started for row in rows),
            max(row.started + row.duration // 1_000 for row in rows),
            next((numbers[row.labels] for row in reversed(rows) if row.labels), None),
            len(rows),
            *(sum(getattr(row, name) for row in rows) for name in SUMS),
        )
        for session, rows in added.items()
    ]


def _quarters(
    records: Sequence[Record], numbers: dict[str | None, int | None]
) -> list[tuple[Any, ...]]:
    """Return what ``records`` add to the quarter hours, one row for each and its models."""
    added: dict[tuple[int, str], list[int]] = {}
    for row, billed in records:
        quarter = row.started // QUARTER
        _add(added, (quarter, row.model), (1, row.failed))
        for one in billed or (row,):
            _add(added, (quarter, one.model), (0, 0, *_amounts(one)))
    return [
        (quarter, numbers[model], *sums, *[0] * (len(SUMS) + 1 - len(sums)))
        for (quarter, model), sums in added.items()
    ]


_amounts = operator.attrgetter(*(name for name in SUMS if name != "failed"))


def _add(
    added: dict[tuple[int, str], list[int]], key: tuple[int, str], amounts: Sequence[int]
) -> None:
    before = added.get(key, ())
    added[key] = [a + b for a, b in itertools.zip_longest(before, amounts, fillvalue=0)]
