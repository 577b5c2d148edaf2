"""What PostgreSQL's errors mean, and what to do about them. The password is in no message."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import psycopg
from psycopg import conninfo, errors

from ..server import Server
from ..store import Unavailable

NAMESPACE = "anthropic_proxy"  # the schema with the tables, in whatever database
LONGEST_REASON = 600  # characters
SHORTEST_SECRET = 4  # characters; shorter ones are parts of ordinary words

# What is wrong with the rows, not with the server.
ROWS_FAULT = (errors.DataError, errors.NotNullViolation, errors.ProgramLimitExceeded)

FOREIGN = (
    f"the schema {NAMESPACE} is another program's, or damaged: rename it (ALTER SCHEMA), and the "
    "proxy makes a new one"
)
NEWER = "its tables are of a newer version of the proxy: upgrade this one"
NOT_ALLOWED = (
    "the user of the URL needs GRANT CREATE ON DATABASE, or must own the schema "
    f"{NAMESPACE} and all that is in it"
)
READ_ONLY = (
    "the server is a standby, or its administrator made the database or the user read-only: name "
    "the primary in the URL, or all servers with ?target_session_attrs=read-write"
)
_NO_ROOM = "make room on the database server"
_SLOW = "the server is overloaded, or a program holds a lock: see pg_stat_activity"
# What to do about an error.
_ADVICE: Mapping[type[psycopg.Error], str] = {
    errors.InsufficientPrivilege: NOT_ALLOWED,
    errors.ReadOnlySqlTransaction: READ_ONLY,
    errors.DiskFull: _NO_ROOM,
    errors.OutOfMemory: _NO_ROOM,
    errors.QueryCanceled: _SLOW,
    errors.LockNotAvailable: _SLOW,
    errors.UndefinedTable: FOREIGN,
    errors.UndefinedColumn: FOREIGN,
    errors.DuplicateTable: FOREIGN,
    errors.WrongObjectType: FOREIGN,
}


@contextmanager
def translated(server: Server) -> Iterator[None]:
    """Raise `Unavailable` for an error that is not the fault of the rows."""
    try:
        yield
    except ROWS_FAULT:
        raise
    except psycopg.Error as exc:
        raise Unavailable(reason(exc, server)) from None


def reason(error: psycopg.Error, server: Server) -> str:
    """Return what an error says and what to do, in one line.

    Of an answer of the server it is the first line only: the others may quote a row.
    """
    text = " ".join((error.diag.message_primary or str(error)).split())[:LONGEST_REASON]
    advice = _ADVICE.get(type(error))
    said = _without_secrets(text, server) or type(error).__name__
    return f"{said} ({advice})" if advice else said


def _without_secrets(text: str, server: Server) -> str:
    with suppress(psycopg.Error):
        for name in ("password", "sslpassword"):
            secret = str(conninfo.conninfo_to_dict(server.url).get(name, ""))
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, "(hidden)")
    return text
