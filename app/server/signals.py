"""SIGTERM and SIGINT start the drain; a second one, or a shutdown that hangs, ends the process."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

SIGNALS = (signal.SIGTERM, signal.SIGINT)
WATCHDOG = 10.0  # seconds past the shutdown time-out after which the process is ended regardless
LAST_LINE = 0.05  # seconds for the log's thread to write why the process ends

log = structlog.get_logger(__name__)


def exit_at_once(number: signal.Signals, **cut: int) -> None:
    """End the process as the signal would; the log says how much is ``cut``."""
    log.warning("ended by a second signal", name=number.name, **cut)
    _exit(128 + number)


def _exit(code: int) -> None:
    time.sleep(LAST_LINE)
    os._exit(code)


@contextmanager
def handled(
    stopping: asyncio.Event, *, again: Callable[[signal.Signals], None] = exit_at_once
) -> Iterator[None]:
    """Set ``stopping`` at the first signal; call ``again`` at every further one."""
    loop = asyncio.get_running_loop()

    def received(number: signal.Signals) -> None:
        if stopping.is_set():
            again(number)
            return
        log.info("signal", name=number.name)
        stopping.set()

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    for number in SIGNALS:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


@contextmanager
def watchdog(shutdown_timeout: float) -> Iterator[None]:
    """End the process when its shutdown hangs: whoever stops it must not wait forever."""
    timer = threading.Timer(shutdown_timeout + WATCHDOG, _end_what_hangs)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end_what_hangs() -> None:
    log.error("the shutdown hangs and is ended")
    _exit(1)
