"""What the schema of the tables holds, and whether it is the proxy's."""

from collections.abc import Callable, Sequence
from typing import Any

from psycopg import errors

from .faults import NAMESPACE

Find = Callable[[str], Sequence[Any]]

BOOKKEEPING = (
    "CREATE TABLE ledger (version BIGINT NOT NULL)",
    "INSERT INTO ledger VALUES (0)",
    # The last batch of each process that writes; ``last`` is its day.
    "CREATE TABLE writers (id UUID PRIMARY KEY, batch BIGINT NOT NULL, last BIGINT NOT NULL)",
)
_EXISTING = (
    f"SELECT to_regnamespace('{NAMESPACE}') IS NOT NULL,"
    f" to_regclass('{NAMESPACE}.ledger') IS NOT NULL"
)
# What a migration makes beside ``ledger``.
_MADE = ("names", "exchanges", "billed", "sessions", "quarters", "summaries", "requests", "writers")
_TAKEN = (
    f"SELECT count(*) FROM pg_class WHERE relnamespace = to_regnamespace('{NAMESPACE}')"
    f" AND relname IN {_MADE}"
)


class ForeignTables(Exception):
    """The tables are not the proxy's, or damaged."""


def existing(find: Find) -> tuple[bool, bool]:
    """Return whether there is a schema, and whether there are tables in it."""
    [(found, tables)] = find(_EXISTING)
    return found, tables


def check_room(find: Find) -> None:
    """Raise `ForeignTables` if tables cannot be made because others have their names."""
    if find(_TAKEN)[0][0]:
        raise ForeignTables


def version_of(find: Find) -> int:
    """Return the version of the tables; raises `ForeignTables`."""
    try:
        rows = find("SELECT version FROM ledger")
    except (errors.UndefinedColumn, errors.UndefinedTable):
        raise ForeignTables from None
    versions = [version for (version,) in rows]
    if len(versions) != 1 or not isinstance(versions[0], int) or versions[0] < 0:
        raise ForeignTables
    return versions[0]
