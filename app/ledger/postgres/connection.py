"""A connection to PostgreSQL. Nothing is prepared or set for a session: a pooler may be between."""

import functools
import itertools
import os
import re
import ssl
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import psycopg
from psycopg import conninfo, pq
from psycopg.abc import RV, Buffer, PQGen
from psycopg.adapt import Loader

from ..server import Server
from .text import clean

CONNECT_TIMEOUT = 5  # seconds
MARGIN = 3.0  # seconds that a server may be silent beyond the time that it gives a statement
# What neither the URL nor the environment says. A network that swallows packets is noticed after
# 20 seconds at the latest.
DEFAULTS: Mapping[str, str | int] = {
    "fallback_application_name": "anthropic-proxy",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": 20_000,
}
ANY_TEXT = {"UTF8", "SQL_ASCII"}  # encodings of servers that take every character
SYSTEM_ROOTS = "system"  # libpq's word for the CAs that the system trusts
PARAMETERS = "https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS"


class Silent(psycopg.OperationalError):
    """A server has not answered a statement in its time."""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that ends when one statement has no answer after ``patience`` seconds.

    A server that hangs, or a pooler whose server does, is no dead peer for the kernel. So its own
    time-outs, and those of a statement in it, never come.
    """

    patience: float | None = None

    def wait(self, gen: PQGen[RV], *args: Any, **options: Any) -> RV:
        """Wait for the answer to a statement; raises `Silent`."""
        if self.patience is None:
            return super().wait(gen, *args, **options)
        try:
            return super().wait(_bounded(gen, self.patience), *args, **options)
        except Silent:
            self.pgconn.finish()
            raise


def _bounded(gen: PQGen[RV], seconds: float) -> PQGen[RV]:
    """Return what is waited for in ``gen``; who waits looks at it several times a second."""
    end = time.monotonic() + seconds
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() > end:
                raise Silent(f"the server has not answered for {seconds:g} s")
            wanted = gen.send(ready)
    except StopIteration as answered:
        answer: RV = answered.value
        return answer


class _Whole(Loader):
    """Reads sums: whole numbers as such, others as floating-point numbers."""

    def load(self, data: Buffer) -> int | float:
        text = bytes(data)
        return float(text) if b"." in text or text == b"NaN" else int(text)


def check(server: Server) -> None:
    """Raise ValueError for a URL that libpq cannot read; its own words may hold the password."""
    try:
        conninfo.conninfo_to_dict(server.url)
    except psycopg.ProgrammingError:
        raise ValueError(_what_is_wrong(server.url)) from None


def _what_is_wrong(url: str) -> str:
    """Return why libpq cannot read a URL; what is wrong may be a part of a password."""
    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} | {"ssl"}
    names = [part.partition("=")[0] for part in url.partition("?")[2].split("&")]
    for number, name in enumerate(names, 1):
        if unquote(name) not in known:
            return f'parameter {number} after the "?" is none of libpq\'s: {PARAMETERS}'
    return 'libpq cannot read it: check the host (an IPv6 address is in []) and what follows "?"'


def connect(
    server: Server, timeout: int = CONNECT_TIMEOUT, *, patience: float | None
) -> Connection:
    """Return a connection that begins a transaction only when it is told to.

    An address may take ``timeout`` seconds, unless the URL or the environment says otherwise; a
    statement ``patience`` seconds.
    """
    connection = Connection.connect(
        conninfo.make_conninfo("", **options(server, timeout)),
        autocommit=True,
        cursor_factory=psycopg.RawCursor,
        prepare_threshold=None,
    )
    connection.patience = patience
    connection.adapters.register_loader("numeric", _Whole)
    return connection


def options(server: Server, timeout: int = CONNECT_TIMEOUT) -> dict[str, Any]:
    """Return the parameters of a connection, except for those that libpq's environment has."""
    said = conninfo.conninfo_to_dict(server.url)
    if "PGCONNECT_TIMEOUT" not in os.environ:
        said.setdefault("connect_timeout", timeout)
    roots = ssl.get_default_verify_paths().cafile
    if said.get("sslrootcert") == SYSTEM_ROOTS and roots is not None:
        # psycopg's wheels have an OpenSSL of their own, which looks where no system has them.
        said["sslrootcert"] = roots
        said.setdefault("sslmode", "verify-full")
    return {**DEFAULTS, **said, "client_encoding": "UTF8"}


def takes_ascii_only(connection: Connection) -> bool:
    """Return True for a database whose encoding lacks characters."""
    return connection.info.parameter_status("server_encoding") not in ANY_TEXT


def find(connection: Connection, statement: str, values: Sequence[Any]) -> list[Any]:
    """Return what ``statement`` finds; values take the places of question marks."""
    only = takes_ascii_only(connection)
    cleaned = [clean(one, ascii_only=only) if isinstance(one, str) else one for one in values]
    return connection.execute(numbered(statement), cleaned).fetchall()


@functools.lru_cache(256)
def numbered(statement: str) -> str:
    """Return a statement with PostgreSQL's placeholders."""
    numbers = itertools.count(1)
    marked = re.sub(r"\?(\d*)", lambda mark: f"${mark[1] or next(numbers)}", statement)
    return marked.replace("IN ()", "IN (NULL)")
