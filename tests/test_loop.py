"""The event loop of a process that serves."""

import asyncio
import os
import threading

import pytest

from app.server import signals
from app.server.loop import run_loop


def test_a_thread_that_hangs_does_not_keep_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    released, codes = threading.Event(), list[int]()

    def end(code: int) -> None:
        codes.append(code)
        released.set()

    async def leave_a_thread() -> None:
        asyncio.get_running_loop().run_in_executor(None, released.wait)

    monkeypatch.setattr(signals, "WATCHDOG", 0.01)
    monkeypatch.setattr(os, "_exit", end)
    run_loop(leave_a_thread())
    assert codes == [1]
