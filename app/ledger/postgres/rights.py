"""Whether a user may write the ledger, found out without writing anything."""

from collections.abc import Callable
from typing import Any

import psycopg

from .. import schema
from ..file import UnusableLedger
from ..server import Server
from .connection import MARGIN, Connection, connect
from .faults import FOREIGN, NAMESPACE, NEWER, NOT_ALLOWED, READ_ONLY, reason
from .tables import ForeignTables, check_room, existing, version_of

TIMEOUT = 4  # seconds for an address

_READ_ONLY = (
    "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean"
)
_MAY_MAKE_SCHEMA = "SELECT has_database_privilege(current_database(), 'CREATE')"
_MAY_MAKE_TABLES = f"SELECT has_schema_privilege('{NAMESPACE}', 'CREATE')"
# A migration changes tables, so it takes an owner.
_OWNS_TABLES = (
    "SELECT coalesce(bool_and(pg_has_role(relowner, 'USAGE')), true) FROM pg_class"
    f" WHERE relkind = 'r' AND relnamespace = to_regnamespace('{NAMESPACE}')"
)


def examine(server: Server) -> str:
    """Return what is found at ``server``; raises `UnusableLedger` if rows cannot be written."""
    try:
        with connect(server, TIMEOUT, patience=MARGIN) as connection, connection.transaction():
            connection.execute(f"SELECT set_config('search_path', '{NAMESPACE}', true)")
            return _state(connection)
    except psycopg.Error as exc:
        raise UnusableLedger(reason(exc, server)) from None
    except ForeignTables:
        raise UnusableLedger(FOREIGN) from None


def _state(connection: Connection) -> str:
    def find(statement: str) -> list[Any]:
        return connection.execute(statement.encode()).fetchall()

    made, tables = existing(find)
    if not made:
        _require(find, _MAY_MAKE_SCHEMA)
    elif not tables:
        _require(find, _MAY_MAKE_TABLES)
    else:
        _require(find, _OWNS_TABLES)
    if find(_READ_ONLY)[0][0]:
        raise UnusableLedger(f"read-only: {READ_ONLY}")
    if not tables:
        check_room(find)
        return "no tables yet; the proxy makes them when it starts"
    version = version_of(find)
    if version > schema.VERSION:
        raise UnusableLedger(NEWER)
    return f"can be written; version {version} of the tables"


def _require(find: Callable[[str], list[Any]], right: str) -> None:
    if not find(right)[0][0]:
        raise UnusableLedger(f"permission denied: {NOT_ALLOWED}")
