"""Queries that see the same state of the ledger and change nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
from psycopg import IsolationLevel, errors

from ..file import UnusableLedger
from ..reader import NoLedger, Reader, TooSlow, check_version
from ..server import Server
from .connection import MARGIN, connect, find
from .faults import FOREIGN, NAMESPACE, reason
from .tables import ForeignTables, existing, version_of


@contextmanager
def reading(server: Server, *, seconds: float | None = None) -> Iterator[Reader]:
    """Open the ledger for queries.

    Raises `NoLedger`, `UnusableLedger`, and `TooSlow` for a query that takes ``seconds``.
    """
    limit = 0 if seconds is None else int(seconds * 1_000)
    patience = None if seconds is None else seconds + MARGIN
    try:
        with connect(server, patience=patience) as connection:
            connection.set_isolation_level(IsolationLevel.REPEATABLE_READ)
            connection.set_read_only(True)
            with connection.transaction():
                reader = Reader(partial(find, connection))
                reader.rows(
                    f"SELECT set_config('search_path', '{NAMESPACE}', true),"
                    f" set_config('statement_timeout', '{limit}', true)"
                )
                if not existing(reader.rows)[1]:
                    raise NoLedger(f"no ledger is in {server} yet")
                check_version(version_of(reader.rows))
                yield reader
    except errors.QueryCanceled as exc:
        raise TooSlow(f"a query took longer than {seconds} s") from exc
    except psycopg.Error as exc:
        raise UnusableLedger(f"{server} cannot be read: {reason(exc, server)}") from None
    except ForeignTables:
        raise UnusableLedger(f"{server} cannot be read: {FOREIGN}") from None
