"""Runs the tests in several processes, forked when all tests are collected: ``--processes N``.

Each process (`parallel_process`) takes the tests of a scope (`scheduling`), one scope after the
other. So tests are collected once, and what they import is imported once. pytest-xdist does both
in each process: that took 58 of 208 seconds of processor time, where this takes 16.
"""

import itertools
import os
import signal
import sys
import time
from collections import deque
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any

import pytest

from tests import parallel_process, processes
from tests.scheduling import scope

LOOK = 1.0  # seconds between looks for processes that have ended without a word
PATIENCE = 20.0  # seconds that an interrupted process has for its fixtures


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--processes", type=int, default=1, help="run the tests in so many processes")


def pytest_configure(config: pytest.Config) -> None:
    """Begin what takes long and is shared, so that it is there when the tests are collected."""
    if config.option.processes > 1:
        processes.prepared()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the tests, or leave them to pytest, which runs them here."""
    option = session.config.option
    if option.processes < 2 or option.collectonly or option.usepdb or session.testsfailed:
        return None
    run = Run(session)
    try:
        run.start(option.processes)
        run.watch()
    finally:
        run.end()
    return True


@dataclass
class Process:
    """A process that runs tests. State: the tests that are ``left`` to it, and its ``code``."""

    pid: int
    connection: "Connection[Any, Any]"
    left: deque[int]
    code: int | None = None  # the exit code, once it was seen

    def has_ended(self) -> bool:
        """Return True if the process has ended."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.code = os.waitstatus_to_exitcode(status) if pid else None
        return self.code is not None

    def wait(self, seconds: float) -> None:
        """Wait for the end; after so many seconds, bring it about."""
        until = time.monotonic() + seconds
        while not self.has_ended():
            if time.monotonic() > until:
                os.kill(self.pid, signal.SIGKILL)
            time.sleep(0.01)


class Run:
    """A run of all tests. State: the ``_scopes`` to give out, and the ``_running`` processes."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._scopes = deque(_scopes(session.items))
        self._running: list[Process] = []
        self._numbers = itertools.count()
        parallel_process.directories(session.config).getbasetemp()  # theirs are in this one

    def start(self, count: int) -> None:
        """Start so many processes, if there is a scope for each."""
        for _ in range(min(count, len(self._scopes))):
            self._start()

    def watch(self) -> None:
        """Take the reports, and give out the scopes, until all tests have run."""
        while self._running:
            ready = wait([one.connection for one in self._running], LOOK)
            for process in [*self._running]:
                if process.connection in ready:
                    self._receive(process)
                elif process.has_ended() and not process.connection.poll():
                    self._ended(process)
            if self._session.shouldfail:
                raise self._session.Failed(self._session.shouldfail)
            if self._session.shouldstop:
                raise self._session.Interrupted(self._session.shouldstop)

    def end(self) -> None:
        """Interrupt the processes that still run; they leave their fixtures."""
        for process in self._running:
            if not process.has_ended():
                os.kill(process.pid, signal.SIGINT)
        for process in self._running:
            process.wait(PATIENCE)
            process.connection.close()

    def _start(self) -> None:
        """Start a process for the next scope."""
        ours, theirs = Pipe()
        number, tests = next(self._numbers), self._scopes.popleft()
        sys.stdout.flush()
        sys.stderr.flush()
        pid = os.fork()
        if pid == 0:
            ours.close()
            parallel_process.run(self._session, number, theirs, tests)
        theirs.close()
        self._running.append(Process(pid, ours, deque(tests)))

    def _receive(self, process: Process) -> None:
        """Take the next message of a process: the reports of a test, or that it wants a scope."""
        try:
            reports = process.connection.recv()
        except (EOFError, ConnectionResetError):
            process.wait(PATIENCE)
            self._ended(process)
            return
        if reports is None:
            tests = self._scopes.popleft() if self._scopes else []
            process.left.extend(tests)
            process.connection.send(tests)
            return
        process.left.popleft()
        config = self._session.config
        for data in reports:
            report = config.hook.pytest_report_from_serializable(config=config, data=data)
            config.hook.pytest_runtest_logreport(report=report)

    def _ended(self, process: Process) -> None:
        """Forget a process; if it ended in a test, that has failed, and a new one goes on."""
        self._running.remove(process)
        process.connection.close()
        if not process.left:
            return
        item = self._session.items[process.left.popleft()]
        reason = f"the process that ran the test ended with {process.code}"
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed", reason, "call")
        self._session.config.hook.pytest_runtest_logreport(report=report)
        if process.left:
            self._scopes.appendleft([*process.left])
        if self._scopes:
            self._start()


def _scopes(items: list[pytest.Item]) -> list[list[int]]:
    """Return where the tests of each scope are in the list, in the order of the first of each."""
    scopes: dict[str, list[int]] = {}
    for number, item in enumerate(items):
        scopes.setdefault(scope(item.nodeid), []).append(number)
    return [*scopes.values()]
