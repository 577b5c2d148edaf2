"""The ledger in PostgreSQL, which replicas share. Needs psycopg, the extra ``postgres``.

- ``text``        pure: text that every database takes.
- ``faults``      what an error means, in one line and without the password.
- ``connection``  a connection, and how a statement is run on it.
- ``tables``      what the schema of the tables holds, and whose it is.
- ``store``       the rows, as a thread writes them.
- ``reading``     queries that change nothing.
- ``rights``      whether a user may write.
"""

from .connection import check
from .reading import reading
from .rights import examine
from .store import PostgresStore, Writer

__all__ = ["PostgresStore", "Writer", "check", "examine", "reading"]
