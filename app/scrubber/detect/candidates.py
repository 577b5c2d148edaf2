"""Where in a text secrets may start, in order: what all its sources find, or a hidden stretch.

It works on one window of the text after another, so that nothing ever is held for all of a large
text: to release a million objects at once would hold up the event loop.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter

import msgspec

from ..json.spans import Span
from . import dense
from .dense import Effort
from .hits import hit_at
from .prefilter import Scope
from .sources import Ahead, Candidate, Cursor, Sources

WINDOW = 256 * 1024  # bytes in which candidates are collected and sorted
REACH = 1024  # bytes that a candidate may start before what gave it away


class Few(msgspec.Struct, frozen=True):
    """All candidates of a text, in order, and how many steps it takes to find them."""

    candidates: Sequence[Candidate]
    steps: int


def few(text: bytes, sources: Sources, scope: Scope) -> Few | None:
    """Return the candidates of a text that is short and holds few, None for another one."""
    if len(text) > WINDOW:
        return None
    found: list[Candidate] = []
    steps = 0
    for gated in sources.gated(text, scope.windows):
        found += gated
        steps += 1
        if gated and max(steps, len(found)) > dense.FEW:
            return None
    rare = scope.windows if scope.may_hold_rare else ()
    literals = sources.literals(text, rare, are_common=scope.steps is None)
    if literals or scope.steps is None:
        effort = Effort.unlimited()
        effort.step(steps)
        beside = sources.beside_gates(Cursor(text, effort), literals, scope.windows)
        for _, candidate in chain.from_iterable(beside):
            if candidate[1]:
                found.append(candidate)
            if effort.taken > dense.FEW or len(found) > dense.FEW:
                return None
        steps = effort.taken
    if len(found) > 1:
        found.sort(key=itemgetter(0))
    return Few(found, steps + (scope.steps or 0))


class Candidates(Ahead[Candidate]):
    """Candidates in order; one without detectors is where a stretch begins that is hidden.

    State: where the stretch ``hidden`` last ended, and the ``ends`` of those to come.
    """

    def __init__(
        self,
        text: bytes,
        sources: Sources,
        effort: Effort,
        windows: Sequence[Span],
        few: Few | None,
    ) -> None:
        """``few`` are all of them, if that is known."""
        self.effort = effort
        self.ends: deque[int] = deque()
        self.hidden = 0
        self._text = text
        self._sources = sources
        if few is not None and effort.is_ample:
            effort.step(few.steps)
            super().__init__(iter(few.candidates))
        else:
            super().__init__(self._merged(Cursor(text, effort), windows))

    def _merged(self, cursor: Cursor, windows: Sequence[Span]) -> Iterator[Candidate]:
        if self._is_hopeless():
            self.ends.append(len(cursor.text))
            yield 0, ()
            return
        sources = self._sources.of(cursor, windows)
        held: list[Candidate] = []
        end, size = 0, dense.SAMPLE
        while heads := [source.head[0] for source in sources if source.head is not None]:
            start, taken = max(end, min(heads)), self.effort.taken
            end = start + size
            for source in sources:
                held += (candidate for _, candidate in source.before(end))
            held = sorted((one for one in held if one[1]), key=itemgetter(0))
            # By its signs alone: none of it is looked at.
            unseen = self.effort.exhausted and self._is_dense(taken, end - start)
            first = start if unseen else end - REACH
            settled = bisect_left(held, first, key=itemgetter(0))
            yield from held[:settled]
            del held[:settled]
            dense_here = self._is_dense(taken, end - start)
            size = dense.SAMPLE if dense_here else min(2 * size, WINDOW)
            if dense_here and self.effort.exhausted:
                end = self._stretch_end(end)
                cursor.at = end
                self.ends.append(end)
                yield first, ()
                held = [(at, detectors) for at, detectors in held if at >= end]
                for source in sources:
                    held += (one for _, one in source.before(end) if one[0] >= end)
        yield from held

    def _is_hopeless(self) -> bool:
        """Return True if a short text of a request without steps is dense, by its literals alone.

        Else thousands of such texts would cost a look at the beginning of each.
        """
        text = self._text
        if not self.effort.is_scarce or len(text) > dense.STRETCH:
            return False
        # A key alone in a message is not dense.
        return dense.is_dense(self._sources.weight(text), max(len(text), dense.SAMPLE))

    def _is_dense(self, taken: int, size: int) -> bool:
        """Return True if a piece of text took more steps than its length gives, since ``taken``."""
        return dense.is_dense(self.effort.taken - taken, size)

    def _stretch_end(self, start: int) -> int:
        """Return where a stretch ends that no secret from inside leaves."""
        text, end = self._text, dense.word_end(self._text, start)
        if end == len(text):
            return end
        begun = [*self._sources.last(text, start, end)]
        begun += self._sources.between(text, max(start, end - dense.TAIL), end)
        for offset, detectors in begun:
            hits = (hit_at(text, offset, len(text), one) for one in detectors)
            end = max([end, *(hit.end for hit in hits if hit is not None)])
        return end
