"""Programs that are measured: started on a core of their own, their CPU time and memory read.

Needs Linux (/proc, affinities, the clocks of other processes).
"""

import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import uvloop

T = TypeVar("T")

MB = 2**20
DESCRIPTORS = 8192
PATIENCE = 20.0  # seconds that a program may take to end


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core the proxies run on, and which the load and upstream."""

    proxy: int
    load: int

    @classmethod
    def of_this_machine(cls) -> "Cores":
        """Return the last and the first core; they are the same where there is one only."""
        usable = sorted(os.sched_getaffinity(0))
        return cls(proxy=usable[-1], load=usable[0])


@dataclass(frozen=True, slots=True)
class Command:
    """A command line, its working directory and what is added to its environment."""

    arguments: tuple[str, ...]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Process:
    """A running program."""

    child: subprocess.Popen[bytes]

    @property
    def cpu(self) -> float:
        """Seconds of CPU time so far, of all its threads and those of its children."""
        return sum(map(_cpu, _family(self.child.pid)))

    @property
    def resident(self) -> float:
        """MB that lie in memory."""
        status = Path(f"/proc/{self.child.pid}/status").read_text()
        kilobytes = status.partition("VmRSS:")[2].split(maxsplit=1)[0]
        return int(kilobytes) * 1024 / MB

    @property
    def descriptors(self) -> int:
        """How many are open."""
        return len(os.listdir(f"/proc/{self.child.pid}/fd"))  # noqa: PTH208 - counted only

    def line(self) -> str:
        """Return the next line that it prints."""
        assert self.child.stdout is not None
        return self.child.stdout.readline().decode().strip()


def _family(pid: int) -> Iterator[int]:
    """Yield a process and its descendants."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # the thread has just ended
            for child in (thread / "children").read_text().split():
                yield from _family(int(child))


def _cpu(pid: int) -> float:
    return time.clock_gettime(~pid << 3 | 2)  # the clock of a process: clock_getcpuclockid(3)


def environment() -> dict[str, str]:
    """Return this process' environment without settings of the proxy and of Python.

    A start that compiles every module would be slow, and its memory large.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if not name.upper().startswith(("ANTHROPIC_PROXY_", "PYTHON"))
    }


def allow_descriptors() -> None:
    """Let this process and its children open many files."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(DESCRIPTORS, most), most))


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Keep this thread, and what it starts meanwhile, on one core."""
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


def run_on(core: int, work: Coroutine[Any, Any, T]) -> T:
    """Run to the end on one core, on the fastest event loop."""
    with pinned(core):
        return uvloop.run(work)


@contextmanager
def running(command: Command, core: int | None, *, log: Path | None = None) -> Iterator[Process]:
    """Run a program; its output goes to ``log``, or is read by line.

    It ends with the benchmark, also when a signal ends that.
    """
    _unwind_at_signals()
    output = None if log is None else log.open("ab")
    with nullcontext() if core is None else pinned(core):
        child = subprocess.Popen(
            command.arguments,
            cwd=command.directory,
            env=environment() | dict(command.environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if output is None else output,
            stderr=None if output is None else output,
        )
    if output is not None:
        output.close()
    try:
        yield Process(child)
    finally:
        _end(child)


def _unwind_at_signals() -> None:
    """Let signals that would end this process at once, or never, end it as an error does.

    A shell's background jobs begin with interrupts ignored.
    """
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.SIG_IGN):
            signal.signal(number, _exit)


def _exit(number: int, _frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)  # once: the programs are being ended
    sys.exit(128 + number)


def _end(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        print(f"{child.args!r} did not end: killed", file=sys.stderr)
        child.kill()
        child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()
