"""SIGTERM and SIGINT start the drain; a second one, or a shutdown that hangs, ends the process."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog

SIGNALS = (signal.SIGTERM, signal.SIGINT)
WATCHDOG = 10.0  # seconds past the shutdown time-out after which the process is ended regardless

log = structlog.get_logger(__name__)


def exit_at_once(number: signal.Signals) -> None:
    """End the process as the signal would."""
    os._exit(128 + number)


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
    timer = threading.Timer(shutdown_timeout + WATCHDOG, os._exit, (1,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
