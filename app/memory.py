"""Gives free memory back to the system after many bodies were held.

glibc keeps what is freed below the top of its heap: after 40 uploads of 31 MiB, all let go, the
process still held 150 MiB more than at its start. Elsewhere this does nothing.
"""

import asyncio
import ctypes
from collections.abc import Callable

from .proxy.request.hold_budget import HoldBudget

INTERVAL = 5.0  # seconds between two looks
LARGE = 32 * 2**20  # bytes held at a time that are worth it


class Trimmer:
    """Trims the heap once most of a large amount of bodies has been let go."""

    def __init__(self, budget: HoldBudget, trim: Callable[[], object] | None = None) -> None:
        self._budget = budget
        self._trim = trim or _glibc_trim()

    async def run(self) -> None:
        """Look from time to time, for ever."""
        while True:
            await asyncio.sleep(INTERVAL)
            self.look()

    def look(self) -> None:
        """Trim if it is time."""
        if self._budget.peak >= LARGE and self._budget.used < self._budget.peak / 4:
            self._trim()
            self._budget.forget_peak()


def _glibc_trim() -> Callable[[], object]:
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):  # musl, macOS
        return lambda: None
    return lambda: trim(0)
