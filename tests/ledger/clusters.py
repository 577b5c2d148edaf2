"""PostgreSQL servers for tests, on loopback, in a directory of their own."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

import psycopg

from app.ledger.server import Server
from tests.ports import free_port
from tests.programs import TIME_OUT, absent

USER, PASSWORD = "proxy", "fake-password-0000"
NOBODY = "nobody"  # PostgreSQL refuses to run as root
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",  # what a killed server loses is memory, not the kernel's
    "max_connections": "60",
    "shared_buffers": "16MB",
    "jit": "off",
}
_databases = count(1)


@dataclass(frozen=True)
class Cluster:
    """A server whose data is in ``data``, run by pg_ctl."""

    programs: Path
    data: Path
    port: int

    def url(self, database: str, *, password: str = PASSWORD, port: int | None = None) -> str:
        return f"postgresql://{USER}:{password}@127.0.0.1:{port or self.port}/{database}"

    def create(self, options: str = "") -> Server:
        """Return a new database."""
        name = f"ledger{next(_databases)}"
        self.ask("postgres", f"CREATE DATABASE {name} {options}")
        return Server(self.url(name))

    def ask(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        return ask(Server(self.url(database)), statement)

    def control(self, *arguments: str) -> None:
        """Call pg_ctl."""
        options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        command = f"-p {self.port} -k {self.data} {options}"
        _run(
            self.programs / "pg_ctl", "-D", self.data, "-w", f"-t{TIME_OUT:.0f}", "-o", command,
            "-l", self.data / "log", *arguments,
        )  # fmt: skip


def ask(server: Server, statement: str) -> list[tuple[Any, ...]]:
    """Return what the database finds, names of the ledger's tables included."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("SET search_path = anthropic_proxy, public")
        found = connection.execute(statement.encode())
        return found.fetchall() if found.description else []


@contextmanager
def cluster() -> Iterator[Cluster]:
    """Run a server, as an unprivileged user.

    Its directory is none of pytest's: those are for root alone.
    """
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    initdb = str(found[-1]) if found else shutil.which("initdb")
    if initdb is None:
        absent("PostgreSQL is not installed: apt-get install postgresql")
    assert initdb is not None
    with TemporaryDirectory(prefix="postgresql") as directory:
        data, secret = Path(directory, "data"), Path(directory, "password")
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            for path in (directory, secret):
                shutil.chown(path, NOBODY)
        _run(
            initdb, "-D", data, "-U", USER, f"--pwfile={secret}", "--auth=scram-sha-256",
            "--encoding=UTF8", "--no-locale", "--no-sync",
        )  # fmt: skip
        one = Cluster(Path(initdb).parent, data, free_port())
        one.control("start")
        try:
            yield one
        finally:
            one.control("stop", "-m", "immediate")


def _run(*command: str | Path) -> None:
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam(NOBODY)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    # A file, not a pipe: a server that was started would hold its other end as long as it runs.
    with TemporaryFile("w+") as printed:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=printed, stderr=printed,
            timeout=TIME_OUT, check=False, cwd="/", **user,
        )  # fmt: skip
        printed.seek(0)
        assert done.returncode == 0, (command, printed.read())
