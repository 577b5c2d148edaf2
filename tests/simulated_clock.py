"""An event loop with a clock of its own, which jumps to the next timer when nothing else happens.

On it a test of time-outs waits for none, and no busy machine can make it fail: computing takes no
time. Use it where everything runs in the loop and in its threads, sockets of loopback included:
what another process does takes no time either, so that its answers come too late.

A folder of tests offers it by ``from tests.simulated_clock import pytest_asyncio_loop_factories``
in its ``conftest.py``; a test, or a module, asks for it by ``pytest.mark.simulated_clock``.
"""

import asyncio
import selectors
from collections.abc import Callable, Mapping
from typing import Any

import pytest

GRACE = 0.001  # seconds for bytes between two sockets of loopback


class _Selector(selectors.DefaultSelector):
    """Waits for sockets as long as ``threads`` work or nothing is timed, and jumps in time else.

    State: ``now`` in seconds, and the number of ``threads`` that work for the loop.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 1_000.0  # no moment of a real loop is zero
        self.threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return the sockets that are ready at the end of the simulated time-out at the latest."""
        if timeout is None:
            return super().select()
        ready = super().select(0)
        while not ready and timeout > 0:
            ready = super().select(GRACE)
            if not ready and not self.threads:
                self.now += timeout
                break
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """A loop of asyncio on a `_Selector`."""

    def __init__(self) -> None:
        self._simulated = _Selector()
        super().__init__(self._simulated)

    def time(self) -> float:
        """Return the simulated time in seconds."""
        return self._simulated.now

    def run_in_executor(  # type: ignore[override] # its type is that of a coroutine
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> "asyncio.Future[Any]":
        """Let time stand still while a thread works."""
        working = super().run_in_executor(executor, func, *args)
        self._simulated.threads += 1
        working.add_done_callback(self._has_worked)
        return working

    def _has_worked(self, _: "asyncio.Future[Any]") -> None:
        self._simulated.threads -= 1


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Return the loop of a test."""
    if item.get_closest_marker("simulated_clock"):
        return {"simulated": SimulatedLoop}
    return {"asyncio": asyncio.new_event_loop}
