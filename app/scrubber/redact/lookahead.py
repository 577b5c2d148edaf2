"""Whether known values stand in a unit: nearly always none does, nor in any of those behind it.

Most values are signs by themselves, and stand in no unit without any: for those they need not be
looked for, and in one with signs only where those are. For the others the quiet units up to the
next one with signs are looked through together, and the answer holds for each of them while no
other such value becomes known.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from ..detect.prefilter import CLEAR, FAINT, FIRST, NONE
from ..json.document import Unit
from ..json.spans import cut
from .ledger import Ledger
from .survey import Survey

_FAR = 64 * 1024  # bytes looked through together
_TOLD = 512  # values of which it is found out how clear a sign they are: each takes a few searches


class Lookahead:
    """Looks through the units of one body.

    State: of so many known values, how many have signs no clearer than each clearness; and the
    stretch that was looked through last, for so many of each, and whether it ``holds`` one.
    """

    def __init__(
        self,
        body: bytes,
        units: Sequence[Unit],
        quiet: Mapping[int, int],
        ledger: Ledger,
        clearness: Callable[[bytes], int],
    ) -> None:
        """``quiet`` are units by their starts, and the ``clearness`` of their signs."""
        self._body = body
        self._quiet = quiet
        self._ledger = ledger
        self._clearness = clearness
        self._loud = sorted(set(map(attrgetter("start"), units)).difference(quiet))
        self._known = 0
        self._counts = [0] * (FIRST + 1)
        self._counted = self._counts.copy()
        self._start = self._end = 0
        self._holds = False

    def rest(self, units: Iterable[Unit]) -> Iterator[Unit]:
        """Yield the units that are not quiet, or in which a value stands that is known by then."""
        clearness_of, counts, spelled = self._quiet.get, self._counts, self._ledger.spelled
        for unit in units:
            clearness = clearness_of(unit.start)
            if clearness is None:
                yield unit
                continue
            if self._known < len(spelled):
                self._note()
            if counts[clearness] and self._holds_one(unit, clearness):
                yield unit

    def places(self, survey: Survey) -> Sequence[int] | None:
        """Return where alone known values may begin in a unit with signs; None if anywhere."""
        self._note()
        elsewhere = self._counts[CLEAR] - self._counts[FAINT] + self._counts[NONE]
        return None if elsewhere else survey.places

    def _holds_one(self, unit: Unit, clearness: int) -> bool:
        """Return True if a value that is known by now stands in a quiet unit."""
        count = self._counts[clearness]
        if count != self._counted[clearness] or unit.start < self._start or unit.end > self._end:
            self._counted, self._start = self._counts.copy(), unit.start
            self._end = self._reach(unit)
            self._holds = self._occurs(self._start, self._end)
            if self._end == unit.end:
                return self._holds
        return self._holds and self._occurs(unit.start, unit.end)

    def _note(self) -> None:
        """Note the values that have become known: they stand where signs are as clear as theirs."""
        for one in self._ledger.spelled[self._known :]:
            self._known += 1
            least = min(map(self._clearness, one)) if self._known <= _TOLD else NONE
            for clearness in range(least, FIRST + 1):
                self._counts[clearness] += 1

    def _reach(self, unit: Unit) -> int:
        """Return where the stretch ends that begins with a unit."""
        following = bisect_left(self._loud, unit.end)
        end = self._loud[following] if following < len(self._loud) else len(self._body)
        return max(unit.end, min(end, unit.start + _FAR))

    def _occurs(self, start: int, end: int) -> bool:
        return self._ledger.occurs(cut(self._body, start, end))
