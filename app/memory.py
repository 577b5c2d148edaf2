"""What glibc's heap keeps of what is freed: neither too little nor too much.

It gives back at once what is freed at its top, and the system takes 1 ms to fill 1 MB again: a
fifth of what a body of 2 MB costs, whose copies come and go. So it keeps `KEPT`. And it never
gives back what is freed below: after 40 uploads of 31 MiB, all let go, the process still held
150 MiB more than at its start. Elsewhere this does nothing.

Python keeps 2,000 freed tuples of each size up to 20: 100 to 270 bytes more with each request, at
most 4 MB. Only a full collection gives them back.
"""

import asyncio
import ctypes
import gc
from collections.abc import Callable

from .proxy.request.hold_budget import HoldBudget

INTERVAL = 5.0  # seconds between two looks
COLLECTED = 120  # looks from one full collection to the next; it takes 2 ms at 200 open streams
LARGE = 8 * 2**20  # bytes held at a time that are worth it: trimming takes 2 ms
KEPT = 16 * 2**20  # bytes at the top of the heap that are kept
LARGEST = 8 * 2**20  # bytes of a block that is taken from the heap
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # <malloc.h>


class Trimmer:
    """Trims the heap once most of a large amount of bodies has been let go.

    State: ``_looks`` so far.
    """

    def __init__(
        self,
        budget: HoldBudget,
        trim: Callable[[], object] | None = None,
        collect: Callable[[], object] = gc.collect,
    ) -> None:
        self._budget = budget
        self._trim = trim or _glibc_trim()
        self._collect = collect
        self._looks = 0

    async def run(self) -> None:
        """Look from time to time, forever."""
        keep_freed()
        while True:
            await asyncio.sleep(INTERVAL)
            self.look()

    def look(self) -> None:
        """Collect and trim if it is time."""
        self._looks += 1
        if not self._looks % COLLECTED:
            self._collect()
        if self._budget.peak >= LARGE and self._budget.used < self._budget.peak / 4:
            self._trim()
            self._budget.forget_peak()


def keep_freed() -> bool:
    """Keep what is freed at the top of the heap; return False where that cannot be set."""
    try:
        choose = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # macOS
        return False
    return bool(choose(_TRIM_THRESHOLD, KEPT) and choose(_MMAP_THRESHOLD, LARGEST))


def _glibc_trim() -> Callable[[], object]:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):  # musl, macOS
        return lambda: None
    return lambda: trim(0)
