"""A connection to the ledger that only reads, whether or not the proxy runs."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from . import schema
from .file import UnusableLedger
from .sqlite import BROKEN, DAMAGED, check, is_one_of, never_opens

BUSY_TIMEOUT = 2.0  # seconds; writers do not hold up readers, except while the file is set up
INSTRUCTIONS = 100_000  # of SQLite's machine between two looks at the clock: about a millisecond
DENIED = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)


class NoLedger(Exception):
    """There is no ledger to read; the message says where it was looked for."""


class TooSlow(Exception):
    """A query took longer than it may."""


class OlderLedger(UnusableLedger):
    """The ledger is of an older version; a proxy that has just started is about to convert it."""


class Reader:
    """Answers queries, by means of ``find``. Rows are tuples of numbers and text."""

    def __init__(self, find: Callable[[str, Sequence[Any]], Sequence[Any]]) -> None:
        self._find = find

    def rows(self, statement: str, *values: Any) -> Sequence[Any]:
        """Return what ``statement`` finds; ``values`` take the places of question marks."""
        return self._find(statement, values)


@contextmanager
def reading(path: Path, *, seconds: float | None = None) -> Iterator[Reader]:
    """Open the ledger at ``path``; everything asked of it sees the same state.

    Raises `NoLedger`, `UnusableLedger`, and `TooSlow` after ``seconds``.
    """
    if not _is_there(path):
        raise NoLedger(f"there is no ledger at {path}")
    try:
        connection = _connect(path)
        try:
            if _is_empty(connection):
                raise NoLedger(f"nothing is in the ledger at {path} yet")
            _check(connection)
            if seconds is not None:
                end = time.monotonic() + seconds
                connection.set_progress_handler(lambda: time.monotonic() > end, INSTRUCTIONS)
            connection.execute("BEGIN")
            yield Reader(lambda statement, values: connection.execute(statement, values).fetchall())
        finally:
            connection.close()
    except UnicodeDecodeError as exc:  # of what SQLite quotes from a damaged schema
        raise UnusableLedger(f"{path} is damaged") from exc
    except sqlite3.Error as exc:
        if is_one_of(exc, DAMAGED):
            raise UnusableLedger(f"{path} is damaged") from exc
        if is_one_of(exc, (sqlite3.SQLITE_INTERRUPT,)):
            raise TooSlow(f"a query took longer than {seconds} s") from exc
        raise UnusableLedger(f"{path} cannot be read: {exc}") from exc


def unusable(path: Path) -> str | None:
    """Return why the proxy would set the file aside at its start, or None.

    Nothing is created beside it: where there is no write-ahead log, none is needed to read it.
    """
    how = "mode=ro" if Path(f"{path}-wal").exists() else "mode=ro&immutable=1"
    try:
        with closing(_opened(path, how)) as connection:
            check(lambda statement: connection.execute(statement).fetchone()[0])
    except UnusableLedger as exc:
        return str(exc)
    except (sqlite3.Error, UnicodeDecodeError) as exc:  # of one that is not there, too
        return BROKEN if never_opens(exc) else None
    return None


def _is_there(path: Path) -> bool:
    """Return True if the file exists; the directory may be another user's."""
    try:
        return path.is_file()
    except OSError as exc:
        raise UnusableLedger(f"{path} cannot be read: {exc.strerror}") from exc


def _connect(path: Path) -> sqlite3.Connection:
    """Open the file for reading; one that may not be written to needs no log beside it."""
    try:
        return _opened(path, "mode=ro")
    except sqlite3.OperationalError as exc:
        if not is_one_of(exc, DENIED) or Path(f"{path}-wal").exists():
            raise
    return _opened(path, "mode=ro&immutable=1")


def _opened(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}", uri=True, timeout=BUSY_TIMEOUT, isolation_level=None
    )
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _is_empty(connection: sqlite3.Connection) -> bool:
    """Return True for a file that the proxy has made and not set up yet."""
    objects, mark = (
        connection.execute(statement).fetchone()[0]
        for statement in ("SELECT count(*) FROM sqlite_master", "PRAGMA application_id")
    )
    return not objects and not mark


def _check(connection: sqlite3.Connection) -> None:
    mark, version = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("application_id", "user_version")
    )
    if mark != schema.APPLICATION_ID:
        raise UnusableLedger("the file is not a ledger of anthropic-proxy")
    check_version(version)


def check_version(version: int) -> None:
    """Raise `UnusableLedger` for a ledger whose tables are not those of this version."""
    if version > schema.VERSION:
        raise UnusableLedger("the ledger is of a newer version: upgrade anthropic-proxy")
    if version < schema.VERSION:
        raise OlderLedger("the ledger is of an older version: start the proxy once to convert it")
