"""Where a command runs in the tests of the command line, and what it announces."""

import json
import os
import shlex
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import __version__
from app.settings import PREFIX
from tests import processes
from tests.processes import DEADLINE, ROOT, Process

LAUNCHER = "or run: "
READ_FROM = "  settings from "
LOOPBACK = {"PORT": 0, "DASHBOARD_PORT": 0, "HOST": "127.0.0.1"}


@dataclass
class Place:
    """A working directory and an environment with nothing of this machine's settings."""

    directory: Path
    path: Path

    @classmethod
    def within(cls, directory: Path) -> "Place":
        """Make one below a directory."""
        for name in ("work", "bin"):
            (directory / name).mkdir()
        return cls(directory / "work", directory / "bin")

    def environment(self, values: Mapping[str, object]) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(PREFIX)}
        own = {PREFIX + name: str(value) for name, value in values.items()}
        places = {
            "PATH": self.path,
            "PYTHONPATH": ROOT,
            "XDG_STATE_HOME": self.directory / "state",
            "XDG_CONFIG_HOME": self.directory / "config",
        }
        return kept | own | {name: str(place) for name, place in places.items()}

    def run(self, *arguments: str, **values: object) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        environment = self.environment(values)
        return processes.run("-m", "app", *arguments, cwd=self.directory, env=environment)

    def run_python(self, *arguments: str, **values: object) -> subprocess.CompletedProcess[str]:
        """Run a Python, from its very start, to its end."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.directory,
            env=self.environment(values),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    @contextmanager
    def start(self, *arguments: str, **values: object) -> Iterator[Process]:
        """Run a command while the block runs; `errors` is what it says."""
        environment = self.environment(values)
        with (
            (self.directory / "stderr").open("w") as stderr,
            processes.start(
                *("-m", "app", *arguments), cwd=self.directory, env=environment, stderr=stderr
            ) as process,
        ):
            yield process

    @contextmanager
    def start_python(self, *arguments: str, **values: object) -> Iterator["subprocess.Popen[str]"]:
        """Run a Python, from its very start, while the block runs."""
        with (
            (self.directory / "stderr").open("w") as stderr,
            subprocess.Popen(
                [sys.executable, *arguments],
                cwd=self.directory,
                env=self.environment(values),
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            ) as process,
        ):
            try:
                yield process
            finally:
                process.kill()

    def logged(self, event: str) -> dict[str, Any]:
        """Wait for an event in the log of the command that was started last."""
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            for line in self.errors.splitlines(keepends=True):
                if line.endswith("}\n") and (fields := json.loads(line))["event"] == event:
                    return dict(fields)
            time.sleep(0.01)
        raise AssertionError(f"{event!r} was not logged: {self.errors}")

    @property
    def errors(self) -> str:
        """What the command that was started last has written to its standard error."""
        return (self.directory / "stderr").read_text()

    def files(self) -> set[str]:
        """Return the files that there are, except for the ledger, which comes and goes."""
        files = (file.relative_to(self.directory) for file in self.directory.rglob("*"))
        return {str(file) for file in files if not file.name.startswith("ledger.")}


@dataclass
class Banner:
    """What a start prints."""

    base: str
    pages: str
    exports: dict[str, str]
    launcher: str  # the command that starts Claude Code
    read_files: list[str]  # that settings come from
    text: str

    @classmethod
    def read(cls, process: "Process | subprocess.Popen[str]") -> "Banner":
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith(LAUNCHER):
                break
        assert lines[0] == f"anthropic-proxy {__version__}"
        exported = [shlex.split(line)[1] for line in lines if line.startswith("  export ")]
        return cls(
            base=lines[1].split()[0],
            pages=lines[2].split()[0],
            exports=dict(pair.split("=", 1) for pair in exported),
            launcher=lines[-1].removeprefix(LAUNCHER),
            read_files=[
                line.removeprefix(READ_FROM) for line in lines if line.startswith(READ_FROM)
            ],
            text="\n".join(lines),
        )

    @property
    def port(self) -> int:
        return int(self.base.rpartition(":")[2])


def get(url: str, ca_file: str) -> bytes:
    """Return what is served at a URL, whose certificate must be of ``ca_file``."""
    context = ssl.create_default_context(cafile=ca_file)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(url, timeout=DEADLINE) as answer:
        return bytes(answer.read())
