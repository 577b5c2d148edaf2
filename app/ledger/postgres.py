"""The ledger in PostgreSQL, which replicas share. Needs psycopg, the extra ``postgres``.

One transaction writes at a time, under an advisory lock, as in a SQLite file; so replicas that
start together, delete old rows or sum up the same quarter hour never meet. A batch and its number
are written in one transaction: when the answer to a commit was lost, the next try finds out
whether it happened. Everything is set per transaction, so a pooler may stand in front.
"""

import functools
import itertools
import os
import re
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from time import time
from typing import Any

import psycopg
from psycopg import conninfo, errors
from psycopg.abc import Buffer
from psycopg.adapt import Loader

from . import schema
from .file import UnusableLedger
from .reader import NoLedger, Reader, TooSlow, check_version
from .rows import BILLED_NAMES, NAMES, Billed, Record, Row
from .server import Server
from .store import Unavailable
from .tables import DAY, Tables

NAMESPACE = "anthropic_proxy"  # the schema with the tables, in whatever database
STATEMENT_TIMEOUT = 30_000  # milliseconds, waiting for other writers included
IDLE_TIMEOUT = 10_000  # milliseconds until a writer that is gone stops holding up the others
LONGEST_NAME = 2_000  # bytes; an entry of an index takes 2,704
LONGEST_TEXT = 100_000  # bytes
LONGEST_REASON = 300  # characters
CONNECT_TIMEOUT = 5  # seconds
# What neither the URL nor the environment says. A network that swallows packets is noticed after
# 20 seconds at the latest.
DEFAULTS: Mapping[str, str | int] = {
    "fallback_application_name": "anthropic-proxy",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
# What is wrong with the rows, not with the server.
ROWS_FAULT = (errors.DataError, errors.NotNullViolation, errors.ProgramLimitExceeded)

_BOOKKEEPING = (
    "CREATE TABLE ledger (version BIGINT NOT NULL)",
    "INSERT INTO ledger VALUES (0)",
    # The last batch of each process that writes; ``last`` is its day.
    "CREATE TABLE writers (id UUID PRIMARY KEY, batch BIGINT NOT NULL, last BIGINT NOT NULL)",
)
_CLAIM = (
    "INSERT INTO writers (id, batch, last) VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE"
    " SET batch = excluded.batch, last = excluded.last WHERE writers.batch < excluded.batch"
    " RETURNING batch"
)
_SETTINGS = "SELECT {}".format(
    ", ".join(
        f"set_config('{name}', '{value}', true)"
        for name, value in (
            ("search_path", NAMESPACE),
            ("statement_timeout", STATEMENT_TIMEOUT),
            ("idle_in_transaction_session_timeout", IDLE_TIMEOUT),
        )
    )
)
_LOCK = f"SELECT pg_advisory_xact_lock({schema.APPLICATION_ID})"


def check(server: Server) -> None:
    """Raise ValueError for a URL that libpq cannot read; its own words may hold the password."""
    try:
        conninfo.conninfo_to_dict(server.url)
    except psycopg.ProgrammingError:
        raise ValueError("contains something that libpq does not know") from None


class Writer:
    """A process that writes the ledger of ``server``, over one connection after another."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._id = uuid.uuid4()

    def open(self) -> "PostgresStore":
        """Connect, and bring the tables up to date; raises `Unavailable`."""
        with _translated(self._server):
            store = PostgresStore(_connect(self._server), self._server, self._id)
        try:
            store.migrate()
        except BaseException:
            store.close()
            raise
        return store


class PostgresStore(Tables):
    """A connection that writes. State: ``_failed`` after an error that another one may cure.

    It uses no pipeline: there `IDLE_TIMEOUT` would not count.
    """

    chunk = 500  # PostgreSQL takes 65,535 values

    def __init__(self, connection: "_Connection", server: Server, writer: uuid.UUID) -> None:
        super().__init__()
        self._connection = connection
        self._server = server
        self._writer = writer
        self._failed = False

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

    def write(self, records: Sequence[Record], batch: int | None = None) -> None:
        """Add rows and bring the sessions' totals up to date, all or nothing."""
        super().write([*map(_fitting, records)], batch)

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
                raise Unavailable(
                    "its tables are of a newer version of the proxy: upgrade this one"
                )
            for number in range(version, schema.VERSION):
                for statement in schema.MIGRATIONS[number]:
                    self._run(schema.for_postgresql(statement))
            if version < schema.VERSION:
                self._run("UPDATE ledger SET version = ?", schema.VERSION)

    def _version(self) -> int:
        found, tables = self._all(_EXISTING)[0]
        if not found:
            self._run(f"CREATE SCHEMA {NAMESPACE}")
        if not tables:
            for statement in _BOOKKEEPING:
                self._run(statement)
        try:
            return int(self._one("SELECT version FROM ledger"))
        except errors.UndefinedColumn:
            raise Unavailable(f"the schema {NAMESPACE} is another program's") from None

    def _claim(self, batch: int, /) -> bool:
        return bool(self._all(_CLAIM, self._writer, batch, int(time() * 1_000) // DAY))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            with _translated(self._server), self._connection.transaction():
                self._run(_SETTINGS)
                self._run(_LOCK)
                yield
        except BaseException as exc:
            self._known.clear()  # some of the numbers may be those of names that are not there
            self._failed = isinstance(exc, Unavailable)
            raise

    def _all(self, statement: str, *values: Any) -> list[Any]:
        return _found(self._connection, statement, values)

    def _run(self, statement: str, *values: Any) -> None:
        self._connection.execute(_numbered(statement), values)


@contextmanager
def reading(server: Server, *, seconds: float | None = None) -> Iterator[Reader]:
    """Open the ledger for queries that see the same state and change nothing.

    Raises `NoLedger`, `UnusableLedger`, and `TooSlow` for a query that takes ``seconds``.
    """
    limit = 0 if seconds is None else int(seconds * 1_000)
    try:
        with _connect(server) as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            connection.execute(
                f"SELECT set_config('search_path', '{NAMESPACE}', true),"
                f" set_config('statement_timeout', '{limit}', true)"
            )
            if not connection.execute(_EXISTING).fetchall()[0][1]:
                raise NoLedger(f"no ledger is in {server} yet")
            check_version(connection.execute("SELECT version FROM ledger").fetchall()[0][0])
            yield Reader(functools.partial(_found, connection))
    except errors.QueryCanceled as exc:
        raise TooSlow(f"a query took longer than {seconds} s") from exc
    except psycopg.Error as exc:
        raise UnusableLedger(f"{server} cannot be read: {_reason(exc, server)}") from None


class _Whole(Loader):
    """Reads sums: whole numbers as such, others as floating-point numbers."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return float(text) if b"." in text or text == b"NaN" else int(text)


_Connection = psycopg.Connection[tuple[Any, ...]]

_EXISTING = (
    f"SELECT to_regnamespace('{NAMESPACE}') IS NOT NULL,"
    f" to_regclass('{NAMESPACE}.ledger') IS NOT NULL"
)


def _connect(server: Server) -> _Connection:
    said = conninfo.conninfo_to_dict(server.url)
    if "PGCONNECT_TIMEOUT" not in os.environ:
        said.setdefault("connect_timeout", CONNECT_TIMEOUT)
    settings = {**DEFAULTS, **said, "client_encoding": "UTF8"}
    connection = psycopg.connect(
        conninfo.make_conninfo("", **settings),
        autocommit=True,
        cursor_factory=psycopg.RawCursor,
        prepare_threshold=None,
    )
    connection.adapters.register_loader("numeric", _Whole)
    return connection


def _found(connection: _Connection, statement: str, values: Sequence[Any]) -> list[Any]:
    cleaned = [_clean(value, LONGEST_NAME) if isinstance(value, str) else value for value in values]
    return connection.execute(_numbered(statement), cleaned).fetchall()


@contextmanager
def _translated(server: Server) -> Iterator[None]:
    """Raise `Unavailable` for an error that is not the fault of the rows."""
    try:
        yield
    except ROWS_FAULT:
        raise
    except psycopg.Error as exc:
        raise Unavailable(_reason(exc, server)) from None


def _reason(error: psycopg.Error, server: Server) -> str:
    """Return what an error says, in one line, without the password."""
    text = " ".join(str(error).split())[:LONGEST_REASON]
    with suppress(psycopg.Error):
        for name in ("password", "sslpassword"):
            if secret := conninfo.conninfo_to_dict(server.url).get(name):
                text = text.replace(str(secret), "(hidden)")
    return text or type(error).__name__


def _fitting(record: Record) -> Record:
    """Return a record whose text the database takes."""
    row = Row._make(_cleaned(record.row, Row._fields, NAMES))
    billed = (Billed._make(_cleaned(one, Billed._fields, BILLED_NAMES)) for one in record.billed)
    return Record(row, tuple(billed))


def _cleaned(values: Sequence[Any], fields: Sequence[str], names: Collection[str]) -> Iterator[Any]:
    for value, field in zip(values, fields, strict=True):
        longest = LONGEST_NAME if field in names else LONGEST_TEXT
        yield _clean(value, longest) if isinstance(value, str) else value


def _clean(text: str, longest: int) -> str:
    """Return text without NUL and lone surrogates, cut to ``longest`` bytes."""
    if text.isascii() and "\0" not in text and len(text) <= longest:
        return text
    whole = text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace")
    return whole[:longest].decode("utf-8", "ignore")


@functools.lru_cache(256)
def _numbered(statement: str) -> str:
    """Return a statement with PostgreSQL's placeholders."""
    numbers = itertools.count(1)
    marked = re.sub(r"\?(\d*)", lambda mark: f"${mark[1] or next(numbers)}", statement)
    return marked.replace("IN ()", "IN (NULL)")
