"""The ledger in a SQLite file: one connection that writes."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import schema
from .file import UnusableLedger, locked, make_private, set_aside
from .rows import Row
from .store import Unavailable
from .tables import QUARTERS, SESSION, SUMMARIES, Tables

BUSY_TIMEOUT = 5.0  # seconds to wait for another process that writes
SMALLEST = 512  # bytes of a page (sqlite.org/fileformat.html)
INCREMENTAL = 2  # a mode of auto_vacuum: space is given back when asked
WAL_LIMIT = 4 * 2**20  # bytes that the write-ahead log keeps on disk when it is empty
VACUUMED = 500  # pages given back to the file system after rows were deleted
ROOM = 0.95  # of the size limit is used after rows were deleted for it
STATEMENTS = 32  # prepared ones that are kept; of up to 100 KB each
PAGES = 512  # KB of pages that are kept; rows are added at the end, so that more gain nothing
DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
NEVER_OPENED = (*DAMAGED, sqlite3.SQLITE_ERROR)  # such as a file format that does not exist
BROKEN = "it is damaged"
BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
ROWS_FAULT = (
    sqlite3.DataError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
)


def is_one_of(error: Exception, codes: Sequence[int]) -> bool:
    """Return True if the primary result code is one of ``codes`` (sqlite.org/rescode.html)."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF in codes


def never_opens(error: Exception) -> bool:
    """Return True if the error says that the file is damaged."""
    # SQLite quotes from the schema; that of a damaged file may be no text.
    return isinstance(error, UnicodeDecodeError) or is_one_of(error, NEVER_OPENED)


def check(one: Callable[[str], int]) -> None:
    """Refuse a file that another program made, or a newer version of this one.

    ``one`` returns the only value that a statement finds. Raises `UnusableLedger`.
    """
    tables = one("SELECT count(*) FROM sqlite_master")
    if tables and one("PRAGMA application_id") != schema.APPLICATION_ID:
        raise UnusableLedger("it is a database of another program")
    if one("PRAGMA user_version") > schema.VERSION:
        raise UnusableLedger("it was written by a newer version of the proxy")


def open_store(path: Path) -> "SqliteStore":
    """Open the ledger, and begin a new one instead of an unusable file.

    Raises `Unavailable` when that cannot be done.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path.parent):
            try:
                return SqliteStore(path)
            except UnusableLedger as exc:
                set_aside(path, str(exc))
                return SqliteStore(path)
    except OSError as exc:
        raise Unavailable(exc.strerror or str(exc)) from exc
    except sqlite3.Error as exc:
        raise Unavailable(str(exc)) from exc


class SqliteStore(Tables):
    """The file, open.

    State: ``_failed`` after an error that opening it again may cure, ``_shrinking`` while the file
    is too large. Raises `UnusableLedger` for a file that is damaged or no ledger.
    """

    chunk = 16  # more cost more: the values of a statement leave the processor's cache

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._file = make_private(path)
        self._failed = self._shrinking = False
        if 0 < self._file.st_size < SMALLEST:  # SQLite would take it for an empty file
            raise UnusableLedger(BROKEN)
        self._connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT, isolation_level=None, cached_statements=STATEMENTS
        )
        try:
            self._prepare()
        except (sqlite3.Error, UnicodeDecodeError, UnusableLedger) as exc:
            self._connection.close()
            if never_opens(exc):
                raise UnusableLedger(BROKEN) from exc
            raise

    def close(self) -> None:
        """Close the file; the write-ahead log is folded into it by the last who does."""
        with suppress(sqlite3.Error):
            self._connection.close()

    @property
    def usable(self) -> bool:
        """Whether the file is in order, and still the one that the path leads to."""
        return not self._failed and not self._moved

    @property
    def size(self) -> int:
        """Bytes in use."""
        pages = self._one("PRAGMA page_count") - self._one("PRAGMA freelist_count")
        return int(pages * self._one("PRAGMA page_size"))

    def remove_excess(self, limit: float) -> int:
        """Delete some of the oldest exchanges if there are more than ``limit`` bytes."""
        with self._translated():
            self._shrinking = self.size > (limit * ROOM if self._shrinking else limit)
        return self.remove_oldest() if self._shrinking else 0

    def tidy(self) -> None:
        """Delete what belongs to deleted exchanges only, and give some space back."""
        super().tidy()
        # `execute` stops after the first page: the statement has a row for each, and no column.
        with self._translated():
            self._connection.executescript(f"PRAGMA incremental_vacuum({VACUUMED})")

    @property
    def _moved(self) -> bool:
        """Whether the path leads to another file by now, or to none."""
        try:
            return not os.path.samestat(self._file, self._path.lstat())
        except OSError:
            return True

    def _prepare(self) -> None:
        check(self._one)
        if self._one("PRAGMA auto_vacuum") != INCREMENTAL:  # to set it writes
            self._all(f"PRAGMA auto_vacuum = {INCREMENTAL}")  # before the first table
        self._all("PRAGMA journal_mode = WAL")
        self._all(f"PRAGMA cache_size = -{PAGES}")  # SQLite's 2 MB fill within 12,000 rows
        self._all("PRAGMA synchronous = NORMAL")  # a crash of the machine may cost the last rows
        self._all(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
        try:
            self._migrate()
            self._all(f"SELECT {', '.join(Row._fields)} FROM exchanges LIMIT 0")
            self._all(f"SELECT {', '.join(SESSION)} FROM sessions LIMIT 0")
            self._all(f"SELECT {', '.join(QUARTERS)} FROM quarters LIMIT 0")
            self._all(f"SELECT {', '.join(SUMMARIES)} FROM summaries LIMIT 0")
        except sqlite3.OperationalError as exc:
            if is_one_of(exc, (sqlite3.SQLITE_ERROR,)):  # a table or column is there, or is not
                raise UnusableLedger("its tables are not those of a ledger") from exc
            raise

    def _migrate(self) -> None:
        with self._immediate():
            check(self._one)  # another process may have been first
            version = self._one("PRAGMA user_version")
            if version == schema.VERSION:
                return
            for statements in schema.MIGRATIONS[version : schema.VERSION]:
                for statement in statements:
                    self._all(statement)
            self._all(f"PRAGMA application_id = {schema.APPLICATION_ID}")
            self._all(f"PRAGMA user_version = {schema.VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._translated(), self._immediate():
            yield

    @contextmanager
    def _immediate(self) -> Iterator[None]:
        self._all("BEGIN IMMEDIATE")
        try:
            yield
            self._all("COMMIT")
        except BaseException:
            self._known.clear()  # some of the numbers may be those of names that are not there
            with suppress(sqlite3.Error):
                self._all("ROLLBACK")
            raise

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Raise `Unavailable` for an error of the file; a damaged one is set aside first."""
        try:
            yield
        except ROWS_FAULT:
            raise
        except sqlite3.Error as exc:
            self._failed = not is_one_of(exc, BUSY)
            if is_one_of(exc, DAMAGED) and not self._moved:  # else another process has found it
                self.close()
                set_aside(self._path, BROKEN)
            raise Unavailable(str(exc)) from exc

    def _all(self, statement: str, *values: Any) -> list[Any]:
        return self._connection.execute(statement, values).fetchall()

    def _run(self, statement: str, *values: Any) -> None:
        self._connection.execute(statement, values)
