"""The rows in PostgreSQL, as a thread writes them.

One transaction writes at a time, under an advisory lock, as in a SQLite file; so replicas that
start together, delete old rows or sum up the same quarter hour never meet. A batch and its number
are written in one transaction: when the answer to a commit was lost, the next try finds out
whether it happened. Everything is set per transaction, so a pooler may stand in front.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import time
from typing import Any

import psycopg
from psycopg import IsolationLevel

from .. import schema
from ..batch import DAY, Batch
from ..server import Server
from ..store import Unavailable
from ..tables import Tables
from .connection import MARGIN, Connection, connect, find, numbered, takes_ascii_only
from .faults import FOREIGN, NAMESPACE, NEWER, translated
from .tables import BOOKKEEPING, ForeignTables, existing, version_of
from .text import fitting

STATEMENT_TIMEOUT = 30_000  # milliseconds, waiting for other writers included
PATIENCE = STATEMENT_TIMEOUT / 1_000 + MARGIN  # seconds
IDLE_TIMEOUT = 10_000  # milliseconds until a writer that is gone stops holding up the others

# It finds the number of the last batch that this process wrote, None for no row of it.
_CLAIM = (
    "WITH earlier AS (SELECT batch FROM writers WHERE id = ?1)"
    " INSERT INTO writers (id, batch, last) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE"
    " SET batch = excluded.batch, last = excluded.last WHERE writers.batch < excluded.batch"
    " RETURNING (SELECT batch FROM earlier)"
)
_SETTINGS = "SELECT {}".format(
    ", ".join(
        f"set_config('{name}', '{value}', true)"
        for name, value in (
            ("search_path", NAMESPACE),
            ("statement_timeout", STATEMENT_TIMEOUT),
            ("lock_timeout", 0),
            ("idle_in_transaction_session_timeout", IDLE_TIMEOUT),
        )
    )
)
_LOCK = f"SELECT pg_advisory_xact_lock({schema.APPLICATION_ID})"


class Writer:
    """A process that writes the ledger of ``server``, over one connection after another."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._id = uuid.uuid4()

    def open(self) -> "PostgresStore":
        """Connect, and bring the tables up to date; raises `Unavailable`."""
        with translated(self._server):
            connection = connect(self._server, patience=PATIENCE)
            store = PostgresStore(connection, self._server, self._id)
        try:
            store.migrate()
        except BaseException:
            store.close()
            raise
        return store


class PostgresStore(Tables):
    """A connection that writes. It uses no pipeline: there `IDLE_TIMEOUT` would not count.

    State: ``_failed`` after an error that another connection may cure, ``_batch`` that was
    written last.
    """

    chunk = 100  # so that few statements are remembered (`numbered`), all of them short

    def __init__(self, connection: Connection, server: Server, writer: uuid.UUID) -> None:
        super().__init__()
        # A stricter one would take its snapshot before the lock, so without the last batches.
        connection.set_isolation_level(IsolationLevel.READ_COMMITTED)
        self._connection = connection
        self._server = server
        self._writer = writer
        self._failed = False
        self._batch: int | None = None

    def close(self) -> None:
        """Close the connection."""
        with suppress(psycopg.Error):
            self._connection.close()

    @property
    def usable(self) -> bool:
        """Whether the connection is in order, as far as is known."""
        return not self._failed and not self._connection.closed

    def now(self, wall: float) -> float:
        """Return the server's time if this machine's is ahead: the rows are not its own alone."""
        with self._transaction():
            return min(wall, float(self._one("SELECT extract(epoch FROM now())")))

    def write(self, batch: Batch, number: int | None = None) -> None:
        """Add rows and bring the sessions' totals up to date, all or nothing."""
        super().write(fitting(batch, ascii_only=takes_ascii_only(self._connection)), number)

    def remove_excess(self, _limit: float) -> int:
        """Delete nothing: how much room there is, is for the server to say."""
        return 0

    def tidy(self) -> None:
        """Delete what belongs to deleted exchanges, or to processes that have ended, only."""
        super().tidy()
        with self._transaction():
            self._run("DELETE FROM writers WHERE last < (SELECT min(last) FROM names)")

    def migrate(self) -> None:
        """Make the tables, or bring them up to date; raises `Unavailable`."""
        with self._transaction():
            version = self._version()
            if version > schema.VERSION:
                raise Unavailable(NEWER)
            for number in range(version, schema.VERSION):
                for statement in schema.MIGRATIONS[number]:
                    self._run(schema.for_postgresql(statement))
            if version < schema.VERSION:
                self._run("UPDATE ledger SET version = ?", schema.VERSION)

    def _version(self) -> int:
        found, tables = existing(self._all)
        if not found:
            self._run(f"CREATE SCHEMA {NAMESPACE}")
        if not tables:
            for statement in BOOKKEEPING:
                self._run(statement)
        try:
            return version_of(self._all)
        except ForeignTables:
            raise Unavailable(FOREIGN) from None

    def _claim(self, batch: int, /) -> bool:
        """Return False if the batch was written already; a part of its transaction.

        Without this process's last batch the tables are others: they were made again, restored, or
        are those of a server that took over. There the numbers of names mean something else.
        """
        found = self._all(_CLAIM, self._writer, batch, int(time() * 1_000) // DAY)
        if found and found[0][0] != self._batch:
            self._known.clear()
        self._batch = batch
        return bool(found)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with translated(self._server), self._connection.transaction():
                self._run(_SETTINGS)
                self._run(_LOCK)
                yield
        except BaseException as exc:
            self._known.clear()  # some of the numbers may be those of names that are not there
            self._failed = isinstance(exc, Unavailable)
            raise

    def _all(self, statement: str, *values: Any) -> list[Any]:
        return find(self._connection, statement, values)

    def _run(self, statement: str, *values: Any) -> None:
        self._connection.execute(numbered(statement), values)
