"""Finding known values wherever they stand, while their number grows."""

import re
from collections.abc import Iterator

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from app.scrubber.detector import after
from app.scrubber.escapes import is_cut, spellings
from app.scrubber.scan import Span

_LONG = 12  # characters from which on a value is no part of another word by chance
_WORD_BEGINS = re.compile(after("A-Za-z0-9").encode() + rb"\Z")
_WORD_GOES_ON = re.compile(rb"[A-Za-z0-9]")
_LONGEST_BOUNDARY = 16  # bytes


class Vocabulary:
    """Values in the order of their becoming known; `find` looks for all of them.

    An automaton cannot grow, and building one for each new value would cost the square of their
    number. So the values are divided as the bits of their count are: 13 make automata of 8, 4 and
    1, each built once. Older automata come first, which makes what is found a function of the
    values and the text alone.
    """

    def __init__(self) -> None:
        self._values: list[str] = []
        self._automata: dict[tuple[int, int], _Automaton] = {}

    def add(self, value: str) -> None:
        """Look for ``value`` from now on."""
        self._values.append(value)

    def occurs(self, text: bytes) -> bool:
        """Whether any value stands in ``text``."""
        return any(automaton.finder.find_matches_as_indexes(text) for automaton in self._current())

    def find(self, text: bytes, gaps: list[Span]) -> Iterator[tuple[Span, str]]:
        """Yield where in the ``gaps`` of ``text`` which value stands, none overlapping."""
        for automaton in self._current():
            left: list[Span] = []
            for gap in gaps:
                start = gap.start
                for index, first, last in automaton.finder.find_matches_as_indexes(
                    text[gap.start : gap.end]
                ):
                    value = automaton.values[index]
                    at = Span(gap.start + first, gap.start + last)
                    if any(is_cut(text, offset) for offset in at):
                        continue
                    if len(value) < _LONG and not _alone(text, *at):
                        continue
                    left.append(Span(start, gap.start + first))
                    start = gap.start + last
                    yield Span(gap.start + first, start), value
                left.append(Span(start, gap.end))
            gaps = left

    def _current(self) -> Iterator["_Automaton"]:
        start, count = 0, len(self._values)
        while start < count:
            size = 1 << ((count - start).bit_length() - 1)
            if (start, size) not in self._automata:
                self._automata[start, size] = _Automaton(self._values[start : start + size])
            yield self._automata[start, size]
            start += size


def _alone(text: bytes, start: int, end: int) -> bool:
    """Whether no letter or digit is joined to a stretch of text."""
    before = _WORD_BEGINS.search(text, max(0, start - _LONGEST_BOUNDARY), start)
    return before is not None and _WORD_GOES_ON.match(text, end) is None


class _Automaton:
    """``values[i]`` is what the i-th pattern of ``finder`` stands for."""

    def __init__(self, values: list[str]) -> None:
        patterns = [(spelled, value) for value in values for spelled in sorted(spellings(value))]
        self.values = [value for _, value in patterns]
        self.finder = BytesAhoCorasick(
            [spelled for spelled, _ in patterns],
            matchkind=MatchKind.LeftmostLongest,
            implementation=Implementation.ContiguousNFA,  # quick to build, which is done often
        )
