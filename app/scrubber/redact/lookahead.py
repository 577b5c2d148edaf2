"""Whether known values stand in a unit: nearly always none does, nor in any of those behind it.

So the units up to the next one with signs are looked through together with it, and the answer holds
for each of them while no other value becomes known.
"""

from bisect import bisect_left
from collections.abc import Container, Sequence

from ..json.document import Unit
from ..json.spans import cut
from .ledger import Ledger

_FAR = 64 * 1024  # bytes looked through together


class Lookahead:
    """Looks through the units of one body.

    State: the stretch that was looked through last, for so many values, and whether it ``holds``
    one.
    """

    def __init__(
        self, body: bytes, units: Sequence[Unit], quiet: Container[int], ledger: Ledger
    ) -> None:
        """``quiet`` units, by their starts, have no signs."""
        self._body = body
        self._ledger = ledger
        self._ends = sorted([unit.end for unit in units if unit.start not in quiet])
        self._start = self._end = self._count = 0
        self._holds = False

    def holds(self, unit: Unit) -> bool:
        """Return True if a value that is known by now stands in a unit."""
        count = self._ledger.count
        if count != self._count or unit.start < self._start or unit.end > self._end:
            self._count, self._start, self._end = count, unit.start, self._reach(unit)
            self._holds = self._occurs(self._start, self._end)
            if self._end == unit.end:
                return self._holds
        return self._holds and self._occurs(unit.start, unit.end)

    def _reach(self, unit: Unit) -> int:
        """Return where the stretch ends that begins with a unit."""
        following = bisect_left(self._ends, unit.end)
        end = self._ends[following] if following < len(self._ends) else len(self._body)
        return max(unit.end, min(end, unit.start + _FAR))

    def _occurs(self, start: int, end: int) -> bool:
        return self._count > 0 and self._ledger.occurs(cut(self._body, start, end))
