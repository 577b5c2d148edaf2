"""What a process of `parallel` does: it runs tests, and sends what pytest reports about them.

It asks for the next scope when the last test of the one before is due, so that each test's fixtures
are kept for the next one or not, as if all tests ran here.
"""

import atexit
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Iterator
from multiprocessing.connection import Connection
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest
from _pytest._io import TerminalWriter

NUMBER = "TESTS_PROCESS"  # the variable that holds a process's number, from 0 on


class Reporter:
    """Keeps what is reported about a test. State: ``reports``, as pytest serializes them."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.reports: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep a report."""
        hook = self._config.hook
        data = hook.pytest_report_to_serializable(config=self._config, report=report)
        self.reports.append(data)


def run(
    session: pytest.Session, number: int, connection: "Connection[Any, Any]", tests: list[int]
) -> NoReturn:
    """Run tests until there are no more, and end the process."""
    code = 1
    try:
        _part(session.config, number)
        _work(session, connection, tests)
        code = 0
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        session.config.pluginmanager.getplugin("runner").pytest_sessionfinish(session)
    except BaseException:  # noqa: BLE001 - nothing is above
        traceback.print_exc(file=sys.__stderr__)
    threading._shutdown()  # type: ignore[attr-defined] # waits for those that are no daemons
    atexit._run_exitfuncs()
    os._exit(code)


def _part(config: pytest.Config, number: int) -> None:
    """Share nothing with the other processes: no terminal, no captured output, no directory."""
    os.environ[NUMBER] = str(number)
    config.pluginmanager.unregister(name="terminalreporter")
    # A time-out writes where a test hangs to what is found under this name.
    writer = SimpleNamespace(_tw=TerminalWriter(sys.__stderr__))
    config.pluginmanager.register(writer, "terminalreporter")
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    factory: Any = directories(config)
    factory._basetemp = factory.mktemp(f"process-{number}-")


def directories(config: pytest.Config) -> pytest.TempPathFactory:
    """Return what makes temporary directories: pytest has no public way to move it."""
    return config._tmp_path_factory  # type: ignore[attr-defined,no-any-return]


def _work(session: pytest.Session, connection: "Connection[Any, Any]", tests: list[int]) -> None:
    """Run each test as pytest does, and send its reports."""
    config = session.config
    reporter = Reporter(config)
    config.pluginmanager.register(reporter)
    for test, following in _in_turn(connection, tests):
        item = session.items[test]
        nextitem = None if following is None else session.items[following]
        config.hook.pytest_runtest_protocol(item=item, nextitem=nextitem)
        connection.send(reporter.reports)
        reporter.reports = []


def _in_turn(
    connection: "Connection[Any, Any]", tests: list[int]
) -> Iterator[tuple[int, int | None]]:
    """Return each test and the one that follows."""
    waiting = deque(tests)
    while waiting:
        test = waiting.popleft()
        if not waiting:
            connection.send(None)
            waiting.extend(connection.recv())
        yield test, waiting[0] if waiting else None
