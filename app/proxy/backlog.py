"""Work that no client waits for: it is put off for a moment, and several pieces are done at a time.

What is done for each request, between much else, finds its code and data out of the processor's
caches and takes two to four times as long. So the records of exchanges wait here, and small chunks
of responses until the tap reads them. Whoever wants to see them calls `flush` first.

A piece may return its next step, which is done once all pieces of its slice have made theirs: a
step then finds its code where it was left by the piece before.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext

from .defects import report

DELAY = 0.05  # seconds that a piece of work waits
READING = 0.25  # seconds that chunks of a running response wait, since more of them are to come
CHUNKS = 6  # times as long as a step of a record that it takes to read those of one response
SLICE = 48  # pieces done before the event loop's other work: one to three milliseconds
TOGETHER = 2 * SLICE  # pieces of a group; its end takes two or three milliseconds more
MOST = 256  # pieces that wait, and bytes that they hold: the oldest are done at once beyond it
MOST_SIZE = 4 * 2**20

Work = Callable[[], "Work | None"]  # a step; it returns the next one


class Backlog:
    """Does work in the order in which it is added, after ``delay`` seconds; at once if that is 0.

    Pieces that are done soon after each other are done in a ``group``; whoever flushes ends it. It
    is used on the event loop only. A piece takes ``weight`` times as long as the record of an
    exchange: slices have fewer then.
    State: the ``_waiting`` work with the bytes that each piece holds, ``_size`` bytes in all; the
    ``_timer`` until they are worked off; the ``_open`` group with the pieces ``_done`` in it.
    """

    def __init__(self, delay: float = 0.0, *, weight: int = 1) -> None:
        self.group: Callable[[], AbstractContextManager[object]] = nullcontext
        self._delay = delay
        self._weight = weight
        self._waiting: deque[tuple[Work, int]] = deque()
        self._size = 0
        self._timer: asyncio.Handle | None = None
        self._open = ExitStack()
        self._done = 0

    def add(self, work: Work, size: int = 0) -> None:
        """Add a piece of work that holds so many bytes."""
        self._waiting.append((work, size))
        self._size += size
        if not self._delay:
            self.flush()
            return
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._delay, self._work_off)
        while len(self._waiting) > MOST or self._size > MOST_SIZE:
            _do_all([self._next()])

    def flush(self) -> None:
        """Do all that waits."""
        while self._waiting or self._done:
            self._do(len(self._waiting))
            self._end()

    def _work_off(self) -> None:
        """Do a slice, or end the group; go on after the loop's other work."""
        if self._waiting and self._done < TOGETHER:
            self._do(min(SLICE // self._weight, len(self._waiting)))
        else:
            self._end()
        again = self._waiting or self._done
        self._timer = asyncio.get_running_loop().call_soon(self._work_off) if again else None

    def _do(self, count: int) -> None:
        if not self._done:
            self._open.enter_context(self.group())
        self._done += count
        _do_all([self._next() for _ in range(count)])

    def _end(self) -> None:
        self._done = 0
        self._open.close()

    def _next(self) -> Work:
        work, size = self._waiting.popleft()
        self._size -= size
        return work


def _do_all(steps: Sequence[Work]) -> None:
    """Do the first step of all pieces, then the second one of those that have one, and so on."""
    while steps:
        steps = [following for step in steps if (following := _safely(step)) is not None]


def _safely(step: Work) -> Work | None:
    try:
        return step()
    except Exception as exc:  # noqa: BLE001 - a defect must not stop what comes after it
        report("work on a record failed", exc)
        return None
