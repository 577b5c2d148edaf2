"""Starts the program as a process that begins at once: forked from one that has imported it.

`run` and `start` take what a Python takes: ``("-m", "app", "check")``, or ``("-c", text)``. A
started program has a process id, an environment, a working directory and standard streams of its
own, and ends as any Python does. Its imports have happened before: a test of imports, or of options
of Python, starts a real one.

``python -m tests.processes`` is the process that is forked, one for all that test. It reads orders
from the socket that is its standard input, and ends with it.
"""

import atexit
import contextlib
import fcntl
import gc
import io
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

ROOT = Path(__file__).parents[1]
DEADLINE = 240.0  # seconds that a program may take
PIECE = 256 * 1024  # bytes of an order that are read at a time
DESCRIPTORS = 256  # the forked process has fewer
ENVIRONMENT = dict(os.environ)  # as it is before a test changes it: coverage is measured by it
STARTING = ("app.asgi", "app.__main__", "simulator.__main__")  # modules that start something


class Process:
    """A started program: the part of `subprocess.Popen` that the tests use.

    State: ``returncode``, None until the end was seen.
    """

    def __init__(self, status: socket.socket, stdout: IO[str] | None) -> None:
        self.returncode: int | None = None
        self.stdout = stdout
        self._status = status
        self.pid = int(self._said())

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, once it has ended."""
        if self.returncode is None:
            self._status.settimeout(timeout)
            self.returncode = int(self._said())
        return self.returncode

    def poll(self) -> int | None:
        """Return the exit code, or None if it runs."""
        with contextlib.suppress(BlockingIOError):
            self.wait(0.0)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # its end is about to be told
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it."""
        self.send_signal(signal.SIGKILL)

    def close(self) -> None:
        """Let go of what leads to it."""
        self._status.close()
        if self.stdout is not None:
            self.stdout.close()

    def _said(self) -> str:
        """Return the next message of `_supervise`."""
        return self._status.recv(PIECE).decode()


def run(
    *arguments: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    said: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with ``said`` as its standard input."""
    with tempfile.TemporaryFile("w+") as stdin, _file() as stdout, _file() as stderr:
        stdin.write(said)
        stdin.seek(0)
        process = _start(arguments, cwd, env, (stdin, stdout, stderr))
        try:
            process.wait(DEADLINE)
        finally:
            process.kill()
            process.close()
        printed = [_whole(file) for file in (stdout, stderr)]
    return subprocess.CompletedProcess(arguments, process.wait(), *printed)


@contextlib.contextmanager
def start(
    *arguments: str | Path,
    stderr: IO[Any],
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Iterator[Process]:
    """Run a program while the block runs; its standard output is a pipe."""
    reader, writer = os.pipe()
    with open(os.devnull) as stdin, os.fdopen(writer, "w") as stdout:  # noqa: PTH123 - no file
        process = _start(arguments, cwd, env, (stdin, stdout, stderr), os.fdopen(reader))
    try:
        yield process
    finally:
        process.kill()
        process.close()


def _file() -> IO[str]:
    return tempfile.TemporaryFile("w+", errors="surrogateescape")


def _whole(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _start(
    arguments: Sequence[str | Path],
    cwd: Path | None,
    env: Mapping[str, str] | None,
    streams: Sequence[IO[Any]],
    stdout: IO[str] | None = None,
) -> Process:
    order = {
        "arguments": [str(argument) for argument in arguments],
        "cwd": str(cwd or Path.cwd()),
        "env": dict(os.environ if env is None else env),
    }
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with theirs:
        descriptors = [theirs.fileno(), *(stream.fileno() for stream in streams)]
        text = json.dumps(order).encode() + b"\n"
        orders, lock = prepared()
        fcntl.lockf(lock, fcntl.LOCK_EX)
        sent = socket.send_fds(orders, [text], descriptors)
        orders.sendall(text[sent:])
        fcntl.lockf(lock, fcntl.LOCK_UN)
    ours.settimeout(DEADLINE)
    return Process(ours, stdout)


@cache
def prepared() -> tuple[socket.socket, IO[bytes]]:
    """Start the process that is forked; return the socket that leads to it, and a lock for it.

    Processes that are forked from this one share it.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        command = [sys.executable, "-m", __name__]
        if "tests.installed" in sys.modules:  # the wheel is tested
            command.append("installed")
        forked = subprocess.Popen(command, stdin=theirs.fileno(), cwd=ROOT, env=ENVIRONMENT)

    lock = tempfile.TemporaryFile()  # noqa: SIM115 - as long as the process

    def end() -> None:
        ours.close()
        lock.close()
        forked.wait(DEADLINE)

    atexit.register(end)
    return ours, lock


def main() -> int:
    """Fork for each order, until there are no more."""
    for package in ("app", "simulator"):
        for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            if module.name not in STARTING:
                import_module(module.name)
    gc.collect()
    gc.freeze()
    orders = socket.socket(fileno=os.dup(0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the system takes those that have ended
    while True:
        text, descriptors = _order(orders)
        if not text:
            return 0
        if os.fork() == 0:
            _supervise(json.loads(text), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _order(orders: socket.socket) -> tuple[bytes, list[int]]:
    """Return the next order and its descriptors; no order at the end."""
    text, descriptors, _, _ = socket.recv_fds(orders, PIECE, 4)
    while text and not text.endswith(b"\n"):
        text += orders.recv(PIECE)
    return text, descriptors


def _supervise(order: dict[str, Any], status: int, *streams: int) -> NoReturn:
    """Fork again, tell about the second process, and let it do what was ordered."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with socket.socket(fileno=status) as told:
        pid = os.fork()
        if pid:
            _report(pid, told)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(len(streams), DESCRIPTORS)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - not a file
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    errors = open(2, "wb", closefd=False)  # noqa: SIM115
    sys.stderr = io.TextIOWrapper(errors, errors="backslashreplace", line_buffering=True)
    _end(_code(*order["arguments"]))


def _report(pid: int, told: socket.socket) -> NoReturn:
    """Tell the process id, and the exit code once there is one."""
    os.closerange(0, told.fileno())
    os.closerange(told.fileno() + 1, DESCRIPTORS)
    with contextlib.suppress(OSError):  # nobody may listen any more
        told.send(str(pid).encode())
        told.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
    os._exit(0)


def _code(*arguments: str) -> int:
    """Run what is given; return its exit code."""
    try:
        return _python(*arguments)
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        print(ended.code, file=sys.stderr)  # noqa: T201 - as Python does
    except BaseException:  # noqa: BLE001 - nothing is above
        traceback.print_exc()
    return 1


def _end(code: int) -> NoReturn:
    """End as Python does, without taking every module apart, which takes 0.1 s."""
    threading._shutdown()  # type: ignore[attr-defined] # waits for those that are no daemons
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):  # a full or closed pipe
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _python(option: str, program: str, *arguments: str) -> int:
    """Do as a Python with these arguments does."""
    if option == "-c":
        sys.argv = ["-c", *arguments]
        exec(compile(program, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - a test's
        return 0
    module = import_module(program)
    sys.argv = [str(Path(str(module.__file__)).with_name("__main__.py")), *arguments]
    return int(import_module(f"{program}.cli").main())


if __name__ == "__main__":
    if sys.argv[1:]:
        import_module("tests.installed")
    sys.exit(main())
