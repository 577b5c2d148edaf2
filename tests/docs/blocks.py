"""The shell blocks of the documentation: found in the pages, and run as a reader would.

A block is run unless a comment above it says why not: ``<!-- not run: REASON -->``. ``<!-- serves
-->`` stands above a command that runs until it is stopped, and ``<!-- exit 1: WHY -->`` above one
that ends with another code than 0. The blocks of a page share an environment and a directory.
"""

import os
import re
import signal
import subprocess
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

# What a test cannot have. Everything else is run.
REASONS = frozenset(
    {
        "Docker",
        "a certificate of a CA",
        "a cluster",
        "a database",
        "a terminal",
        "another machine",
        "hosts",
        "root",
        "the package index",
        "the tests run it",
    }
)
DEADLINE = 600.0  # seconds for a block, and for a server to listen
STOPPED = (0, 130, -signal.SIGINT)  # exit codes after Ctrl-C; make's is the last
ERROR = '"level": "error"'
_BLOCK = re.compile(
    r"^( *)(?:<!-- (?P<marker>[^\n]*?) -->\n\s*)?```(?:sh|bash|console)\n"
    r"(?P<text>.*?)^\1```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Block:
    """A shell block. ``code`` is the exit code that it ends with."""

    text: str
    marker: str = ""

    @property
    def reason(self) -> str | None:
        """Return why it is not run."""
        return self.marker.removeprefix("not run: ") if self.marker.startswith("not run") else None

    @property
    def serves(self) -> bool:
        return self.marker == "serves"

    @property
    def code(self) -> int:
        found = re.match(r"exit (\d+): ", self.marker)
        return int(found[1]) if found else 0


def blocks(page: str) -> list[Block]:
    """Return a page's shell blocks."""
    return [
        Block(re.sub(rf"^{match[1]}", "", match["text"], flags=re.MULTILINE), match["marker"] or "")
        for match in _BLOCK.finditer(page)
    ]


@dataclass
class Reader:
    """Runs the blocks of a page. State: ``environment``, ``directory``, and what serves."""

    environment: dict[str, str]
    directory: Path
    ports: dict[str, str]  # the ports that the pages name, and those that stand for them here
    serving: "subprocess.Popen[bytes] | None" = None
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.directory / "served.log"

    def run(self, block: Block) -> None:
        """Run one block to its end, or until it listens."""
        if block.serves:
            self.serve(block.text)
        else:
            self._finish(block)

    def serve(self, text: str) -> None:
        """Start what serves, instead of what served before."""
        self.stop()
        with self.log.open("wb") as log:
            self.serving = subprocess.Popen(
                ["bash", "-euc", f"exec {self._here(text).strip()}"],
                cwd=self.directory,
                env=self.environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._wait()

    def stop(self) -> None:
        """Stop what serves, as Ctrl-C does."""
        if self.serving is None:
            return
        serving, self.serving = self.serving, None
        with suppress(ProcessLookupError):
            os.killpg(serving.pid, signal.SIGINT)
        try:
            assert serving.wait(DEADLINE) in STOPPED, self.log.read_text()
            assert ERROR not in self.log.read_text()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(serving.pid, signal.SIGKILL)

    def _finish(self, block: Block) -> None:
        after = self.log.with_name("environment")
        script = f"trap 'env -0 >{after}; pwd >>{after}' EXIT\n{self._here(block.text)}"
        done = subprocess.run(
            ["bash", "-euc", script],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        assert done.returncode == block.code, f"{block.text}\n{done.stdout}\n{done.stderr}"
        *variables, directory = after.read_text().split("\0")
        self.environment = dict(variable.split("=", 1) for variable in variables)
        self.directory = Path(directory.strip())

    def _here(self, text: str) -> str:
        for port, here in self.ports.items():
            text = re.sub(rf"\b{port}\b", here, text)
        return text

    def _wait(self) -> None:
        url = f"http://127.0.0.1:{self.ports['9090']}/health"
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            assert self.serving is not None
            assert self.serving.poll() is None, self.log.read_text()
            with suppress(OSError):
                urllib.request.urlopen(url, timeout=DEADLINE).close()
                return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text())


def pages(root: Path) -> list[Path]:
    """Return the documents that may hold shell blocks."""
    return [root / "README.md", root / "CONTRIBUTING.md", *sorted((root / "docs").glob("*.md"))]
