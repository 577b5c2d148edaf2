"""A journey runs until it ends or something from outside ends it; the result says which."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from .endings import Cause


class Interrupt:
    """Cancels a running journey, at most once.

    ``decides`` is asked whether a cause ends the exchange: one that is over goes on undisturbed.
    State: ``cause``, which has cancelled it, and the ``work`` to cancel, while it runs.
    """

    def __init__(self, decides: Callable[[Cause], bool]) -> None:
        self.cause: Cause | None = None
        self.work: asyncio.Future[None] | None = None
        self._decides = decides

    def __call__(self, cause: Cause) -> None:
        """End the journey for ``cause``, unless it has ended."""
        if self.work is not None and self._decides(cause):
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
    """

    def left(*_: object) -> None:
        interrupt(Cause.CLIENT_LEFT)

    loop = asyncio.get_running_loop()
    # The watcher first: the journey finds what has come.
    watcher = None if watch is None else loop.create_task(watch)
    work = interrupt.work = loop.create_task(journey)
    if watcher is not None:
        watcher.add_done_callback(left)
    if on_disconnect is not None:
        on_disconnect(left)
    try:
        await work
    except asyncio.CancelledError:
        if interrupt.cause is None:
            interrupt(Cause.SERVER_CANCELLED)
            raise
    finally:
        if watcher is not None:
            watcher.cancel()
        # Leave no cycle to collect: the task's frames hold the exchange, its error holds this one.
        interrupt.work = None
        del work
    return interrupt.cause
