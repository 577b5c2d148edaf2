"""The event loop of a process that serves, and what is done once it is ready."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import Any

from . import signals

try:
    import uvloop
except ImportError:  # no wheel for this platform: asyncio's own loop does
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    loop_factory = uvloop.new_event_loop


YOUNG = 5_000  # objects made and not freed between two looks, which take 0.2 ms at most


def run_loop(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run to the end on the fastest event loop of this platform."""
    runner = asyncio.Runner(loop_factory=loop_factory)
    try:
        runner.run(coroutine)
    finally:
        with signals.watchdog(0.0):
            runner.close()  # which waits for threads


def settle() -> None:
    """Spare what the start has made from every later collection, which would take 25 ms.

    What the imports made is frozen already: there is little to look at. And look less often for
    cycles, of which requests leave none: every 700 objects is once or twice for each request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, *gc.get_threshold()[1:])
