"""A Docker engine of the tests' own: its sockets, images and mounts are gone afterwards.

It shares nothing with an engine that may be running: it has its own directory and its own mount
namespace, and leaves firewall, forwarding and the default bridge of the machine alone.
"""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO

START = 240.0  # seconds that the engine may take to start, and to end
TIME_OUT = 1800.0  # seconds that a command may take, building an image included
NOTHING: Mapping[str, str] = MappingProxyType({})
PRIVATE = (
    "--bridge=none",
    "--iptables=false",
    "--ip6tables=false",
    "--ip-forward=false",
    "--ip-masq=false",
)
# Images are in memory, in the mount namespace of the engine: to delete them took up to a minute.
IN_MEMORY = 'mount -t tmpfs -o mode=711 images "$1" && shift && exec "$@"'


class UnavailableError(Exception):
    """No engine or no base image can be had here; the message says why."""


@dataclass(frozen=True)
class Engine:
    """A running engine."""

    address: str

    def docker(
        self,
        *command: str | Path,
        stdin: IO[bytes] | None = None,
        environment: Mapping[str, str] = NOTHING,
    ) -> str:
        """Run a docker command to a good end; return what it printed."""
        done = self.attempt(*command, stdin=stdin, environment=environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout.strip()

    def attempt(
        self,
        *command: str | Path,
        stdin: IO[bytes] | None = None,
        environment: Mapping[str, str] = NOTHING,
        timeout: float = TIME_OUT,
    ) -> subprocess.CompletedProcess[str]:
        """Run a docker command that may fail, with variables added to the environment."""
        return subprocess.run(
            ["docker", *command],
            env={**os.environ, **environment, "DOCKER_HOST": self.address},
            stdin=stdin or subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def check(self, image: str) -> None:
        """Raise `UnavailableError` when the machine does not let it run a container."""
        done = self.attempt("run", "--rm", "--network=host", image, "true")
        if done.returncode != 0:
            raise UnavailableError(f"it cannot run a container: {done.stderr.strip()}")


@contextmanager
def engine() -> Iterator[Engine]:
    """Run an engine.

    Raises `UnavailableError` where that cannot be.
    """
    if os.geteuid() != 0:
        raise UnavailableError("only root can start one")
    program("docker", "docker.io")
    command = [
        # It ends with the tests, however they end, and its mounts with it.
        *(program("setpriv", "util-linux"), "--pdeathsig=TERM"),
        *(program("unshare", "util-linux"), "--mount"),
        *("sh", "-c", IN_MEMORY, "sh"),
    ]
    server = program("dockerd", "docker.io")
    with (
        tempfile.TemporaryDirectory(prefix="engine-") as name,
        (Path(name) / "log").open("w") as log,
    ):
        directory = Path(name)
        made = Engine(f"unix://{directory}/docker.sock")
        data = directory / "data"
        data.mkdir()
        process = subprocess.Popen(
            [*command, data, server, *_options(made, directory, data)],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _wait(made, process, directory / "log")
            yield made
        finally:
            _end(process)


def program(name: str, package: str) -> str:
    """Return where a program is; raises `UnavailableError` when it is not installed."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")
    if found is None:
        raise UnavailableError(f"{name} is not installed (apt-get install {package})")
    return found


def compose_is_installed() -> bool:
    """Return True if ``docker compose`` is installed; it needs no engine for that."""
    if shutil.which("docker") is None:
        return False
    done = subprocess.run(
        ["docker", "compose", "version"], capture_output=True, timeout=TIME_OUT, check=False
    )
    return done.returncode == 0


def _options(made: Engine, directory: Path, data: Path) -> list[str]:
    (directory / "daemon.json").write_text("{}", encoding="utf-8")  # not the machine's
    return [
        f"--config-file={directory / 'daemon.json'}",
        f"--host={made.address}",
        f"--data-root={data}",
        f"--exec-root={directory / 'exec'}",
        f"--pidfile={directory / 'pid'}",
        *PRIVATE,
    ]


def _wait(made: Engine, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START
    while made.attempt("version").returncode != 0:
        if process.poll() is not None or time.monotonic() > end:
            last = log.read_text(encoding="utf-8").splitlines()[-3:]
            raise UnavailableError("dockerd does not start: " + " / ".join(last))
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(START)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
