"""A journey runs until it ends or something from outside ends it; the result says which."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from .endings import Cause


class Interrupt:
    """Cancels a running journey, at most once.

    ``decides`` is asked whether a cause ends the exchange: one that is over goes on undisturbed.
    State: ``cause``, which has cancelled it, and the ``work`` to cancel, while it runs.
    """

    def __init__(self, decides: Callable[[Cause], bool]) -> None:
        self.cause: Cause | None = None
        self.work: asyncio.Task[Any] | None = None
        self.decides = decides

    def __call__(self, cause: Cause) -> None:
        """End the journey for ``cause``, unless it has ended."""
        if self.work is not None and self.decides(cause):
            self.cause = cause
            self.work.cancel()


async def run_until_disconnect(
    journey: Coroutine[Any, Any, None],
    watch: Coroutine[Any, Any, None] | None,
    interrupt: Interrupt,
    on_disconnect: Callable[[Callable[[], object]], object] | None = None,
) -> Cause | None:
    """Run ``journey`` to its end, or until an interrupt; return the interrupt's cause.

    ``watch`` ends when the client has left. ``on_disconnect``, where the server has one, takes a
    callback for the same, which comes even while the body is not being read: without a body to
    receive, it is enough.

    It runs in the caller's task, which an interrupt cancels: a task of its own, and a turn of the
    event loop until it begins, would be 2 % of a request.
    """

    def left(*_: object) -> None:
        interrupt(Cause.CLIENT_LEFT)

    task = interrupt.work = asyncio.current_task()
    watcher = None if watch is None else asyncio.get_running_loop().create_task(watch)
    if watcher is not None:
        watcher.add_done_callback(left)
    if on_disconnect is not None:
        on_disconnect(left)
    later = interrupt.cause is not None or (watcher is not None and on_disconnect is None)
    try:
        await (_watched(journey, watcher, later=later) if watcher is not None or later else journey)
    except asyncio.CancelledError:
        if interrupt.cause is None:
            interrupt.decides(Cause.SERVER_CANCELLED)
            raise
        if task is not None and task.uncancel():
            raise  # the server has cancelled it, too
        return interrupt.cause
    except Exception:
        await _take_late(interrupt)
        raise
    finally:
        interrupt.work = None  # leave no cycle to collect
    if interrupt.cause is not None:
        await _take_late(interrupt)
    return interrupt.cause


async def _watched(
    journey: Coroutine[Any, Any, None], watcher: asyncio.Task[None] | None, *, later: bool
) -> None:
    """Run the journey, and the watcher as long as that.

    ``later`` lets the watcher go first: the journey finds what has come, and a client that has left
    gets none. Where the server reports both, the turn of the event loop is saved: it would read
    more of a large body before any of that goes upstream.
    """
    try:
        if later:
            await asyncio.sleep(0)
        await journey
    finally:
        journey.close()
        if watcher is not None:
            watcher.cancel()


async def _take_late(interrupt: Interrupt) -> None:
    """Take the cancellation of a journey that had nothing more to wait for, if there was one."""
    task = asyncio.current_task()
    if interrupt.cause is None or task is None:
        return
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(0)
    if task.uncancel():
        raise asyncio.CancelledError
