"""Finding known values wherever they stand, while their number grows."""

import string
from bisect import bisect_right
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise

from ahocorasick_rs import BytesAhoCorasick, Implementation, MatchKind

from ..detect.edges import token_start
from ..json.escapes import is_cut, spellings
from ..json.spans import Span, cut
from .reach import STEM, Looks, Reach

_LONG = 12  # characters from which on a value is no part of another word by chance
_LETTERS = (string.ascii_letters + string.digits).encode()
_REACH = 80  # bytes of what stands before a value
_WINDOW = 64 * 1024  # bytes searched at a time
_LARGEST = 256  # values in an automaton: to build one holds the interpreter's lock…
_LONGEST = 48 * 1024  # …and so does the length of its values, in characters
_PROBES = (64, 32, 24, 16, 12, 8, 6)  # bytes that tell values with the same stem apart
_SIZES = [next((size for size in _PROBES if size <= length), 0) for length in range(_PROBES[0] + 1)]
_FEW = 32  # beginnings that are looked for instead of stems: tokens of one kind share theirs
_SHARED = 4  # bytes that they share
_FINDERS = 64  # automata of them that are kept: each turn of a conversation needs the same
_SHORT = 128  # bytes of text of which each place is looked up
_LOOKS = 64  # at values that may stand in a text; behind them automata are quicker


class Vocabulary:
    """Values in the order of their becoming known; `find` looks for all of them.

    An automaton cannot grow, and building one for each new value would cost the square of their
    number. So the values are divided as the bits of their count are: 13 make automata of 8, 4 and
    1, each built once. Of values that overlap, whatever their automata, the first and then the
    longest counts, so the values and the text alone decide.

    State: the values, and how each may be ``spelled``.
    """

    def __init__(self) -> None:
        self._values: list[str] = []
        self.spelled: list[set[bytes]] = []
        self._automata: dict[tuple[int, int], _Automaton] = {}  # by the values' place
        self._in_order: list[_Automaton] = []
        self._built = 0  # values in them
        self._stems = _Stems()
        self._reach = Reach()
        self.crosses = self._reach.may_cross

    def add(self, value: str) -> None:
        """Look for ``value`` from now on."""
        spelled = spellings(value)
        self._values.append(value)
        self.spelled.append(spelled)
        self._stems.add(value, spelled)
        self._reach.add(value, spelled)

    def reach(self, text: bytes, span: Span, looks: Looks) -> Span:
        """Return a stretch that is replaced with all values that it overlaps."""

        def stands(value: str, start: int, end: int) -> bool:
            return _is_known(text, Span(start, end), value, _LONG)

        return self._reach.of(text, span, looks, stands)

    def occurs(self, text: bytes, places: Sequence[int] | None = None) -> bool:
        """Return True if any value stands in ``text``; it is known to begin at ``places`` only."""
        looks = 0
        for at, values in self._stems.standing(text, places):
            if any(text.startswith(spelled, at) for spelled, _ in values):
                return True
            looks += len(values)
            if looks > _LOOKS:
                break
        else:
            return False
        return any(next(automaton.find(text), None) is not None for automaton in self._current())

    def find(self, text: bytes, gaps: list[Span], long: int = _LONG) -> Iterator[tuple[Span, str]]:
        """Yield where in the ``gaps`` of ``text`` which value stands, none overlapping.

        A value of fewer than ``long`` characters is known only where no word is joined to it.
        """
        joined = _Joined(text, gaps)
        few = self._few(joined.text)
        if few is not None:
            for first, last, value in few:
                at = joined.original(first, last)
                if _is_known(text, at, value, long):
                    yield at, value
            return
        automata = self._current()
        found = [one for each in automata for one in each.known(text, joined, long)]
        chosen = _longest_first_come(found)
        yield from chosen
        if len(chosen) == len(found):
            return
        # What was left out may have covered others.
        for automaton in automata:
            gaps = list(_without(gaps, [span for span, _ in chosen]))
            chosen = list(automaton.known(text, _Joined(text, gaps), long))
            yield from chosen

    def _few(self, text: bytes) -> list[tuple[int, int, str]] | None:
        """Return where values stand, in order; None if some may overlap, or after many looks."""
        found: set[tuple[int, int, str]] = set()
        looks = 0
        for at, values in self._stems.standing(text):
            looks += len(values)
            if looks > _LOOKS:
                return None
            found.update(
                (at, at + len(spelled), value)
                for spelled, value in values
                if text.startswith(spelled, at)
            )
        few = sorted(found)
        return None if any(one[1] > other[0] for one, other in pairwise(few)) else few

    def _current(self) -> list["_Automaton"]:
        """Return the automata of all values, the older first."""
        count = len(self._values)
        if self._built != count:
            self._built, kept = count, {}
            for start, size in _divided(count, self._longest):
                place = start, size
                values = self._values[start : start + size]
                kept[place] = self._automata.get(place) or _Automaton(values)
            self._automata = kept
            self._in_order = list(kept.values())
        return self._in_order

    def _longest(self, start: int, size: int) -> int:
        """Return how many of ``size`` values an automaton may have."""
        size = min(size, _LARGEST)
        while size > 1 and sum(map(len, self._values[start : start + size])) > _LONGEST:
            size //= 2
        return size


def _divided(
    count: int, bounded: Callable[[int, int], int] = lambda _, size: size
) -> Iterator[tuple[int, int]]:
    """Yield starts and sizes of the parts of ``count`` things, powers of two; older ones stay.

    ``bounded`` returns what a size is at a start at the most.
    """
    start = 0
    while start < count:
        size = bounded(start, 1 << ((count - start).bit_length() - 1))
        yield start, size
        start += size


def _longest_first_come(found: list[tuple[Span, str]]) -> list[tuple[Span, str]]:
    """Return those that overlap none before them; of those that start together the longest."""
    chosen: list[tuple[Span, str]] = []
    end = 0
    for one in sorted(found, key=lambda one: (one[0].start, -one[0].end)):
        if one[0].start >= end:
            chosen.append(one)
            end = one[0].end
    return chosen


def _is_known(text: bytes, at: Span, value: str, long: int) -> bool:
    """Return True if a value that stands somewhere is known there."""
    if any(is_cut(text, offset) for offset in at):
        return False
    return len(value) >= long or _alone(text, *at)


def _alone(text: bytes, start: int, end: int) -> bool:
    """Return True if no letter or digit is joined to a stretch of text."""
    if text[end : end + 1].isalnum():
        return False
    before = text[max(0, start - _REACH) : start]
    word = len(before) - len(before.rstrip(_LETTERS))
    return token_start(text, start - word, start) == start


class _Stems:
    """What values begin with: nearly all texts hold none of the values, and need no other look.

    An automaton of beginnings is built ten times as quickly as one of the values. State: values by
    longer beginnings, the ``probes``, whose sizes are kept by the ``stems`` that they begin with
    (and those as ``octets``), the ``shared`` beginnings of stems as long as they are few, and the
    automata by stems' places.
    """

    def __init__(self) -> None:
        self._probes: defaultdict[bytes, list[tuple[bytes, str]]] = defaultdict(list)
        self._stems: dict[bytes, tuple[int, ...]] = {}
        self._octets: set[tuple[int, ...]] = set()
        self._shared: set[bytes] = set()
        self._finders: dict[tuple[int, int], BytesAhoCorasick] = {}
        self._built = 0  # stems in them

    def add(self, value: str, spellings: Iterable[bytes]) -> None:
        """Note how a value begins, however it is spelled."""
        for spelled in spellings:
            size = _SIZES[min(len(spelled), _PROBES[0])]
            self._probes[spelled[:size]].append((spelled, value))
            sizes = self._stems.get(stem := spelled[:STEM], ())
            if size not in sizes:
                self._stems[stem] = (*sizes, size)
                self._octets.add(tuple(stem))
            if len(self._shared) <= _FEW:
                self._shared.add(spelled[:_SHARED])

    def standing(
        self, text: bytes, places: Sequence[int] | None = None
    ) -> Iterator[tuple[int, list[tuple[bytes, str]]]]:
        """Yield where values may stand in a text, and which, some perhaps twice.

        ``places`` are the only ones where any might begin.
        """
        if not self._stems:
            return
        stems, probes = self._stems, self._probes
        if (
            places is None
            and len(text) <= _SHORT
            and self._octets.isdisjoint(zip(*[text[at:] for at in range(STEM)], strict=False))
        ):
            return
        for some in self._begun(text) if places is None else (places,):
            for at in some:
                for size in stems.get(text[at : at + STEM], ()):
                    values = probes.get(text[at : at + size])
                    if values is not None:
                        yield at, values

    def _begun(self, text: bytes) -> Iterator[range]:
        """Yield where beginnings of values stand in a text, and whatever overlaps them."""
        if len(text) <= _SHORT:
            yield range(len(text))
            return
        size = _WINDOW + STEM
        for finder in self._current():
            find = finder.find_matches_as_indexes
            for start in range(0, len(text), _WINDOW):
                for _, first, last in find(text[start : start + size]):
                    yield range(start + first, start + last)

    def _current(self) -> Iterable[BytesAhoCorasick]:
        """Return automata of which one finds what each value begins with."""
        if self._built != len(self._stems):
            self._built = len(self._stems)
            if len(self._shared) <= _FEW:
                kept = {(0, 0): _small_finder(frozenset(self._shared))}
            else:
                stems = list(self._stems)
                kept = {
                    (start, size): self._finders.get((start, size))
                    or _finder(stems[start : start + size])
                    for start, size in _divided(len(stems))
                }
            self._finders = kept
        return self._finders.values()


def _finder(beginnings: Iterable[bytes]) -> BytesAhoCorasick:
    return BytesAhoCorasick(sorted(beginnings), matchkind=MatchKind.LeftmostFirst)


@lru_cache(_FINDERS)
def _small_finder(beginnings: frozenset[bytes]) -> BytesAhoCorasick:
    return _finder(beginnings)


class _Joined:
    """The gaps of a text as one, divided by an octet that no value holds."""

    def __init__(self, text: bytes, gaps: list[Span]) -> None:
        self.text = b"\xff".join([cut(text, gap.start, gap.end) for gap in gaps])
        self._gaps = gaps
        lengths = (gap.end - gap.start + 1 for gap in gaps)
        self._starts = list(accumulate(lengths, initial=0))

    def original(self, first: int, last: int) -> Span:
        """Return where a stretch lies in the text."""
        index = bisect_right(self._starts, first) - 1
        shift = self._gaps[index].start - self._starts[index]
        return Span(first + shift, last + shift)


def _without(gaps: list[Span], found: list[Span]) -> Iterator[Span]:
    """Yield what is left of gaps without what was found in them, both in order."""
    rest = deque(found)
    for gap in gaps:
        start = gap.start
        while rest and rest[0].start < gap.end:
            taken = rest.popleft()
            if start < taken.start:
                yield Span(start, taken.start)
            start = taken.end
        if start < gap.end:
            yield Span(start, gap.end)


class _Automaton:
    """``values[i]`` is what the i-th pattern of ``finder`` stands for."""

    def __init__(self, values: list[str]) -> None:
        patterns = [(spelled, value) for value in values for spelled in sorted(spellings(value))]
        self.values = [value for _, value in patterns]
        self.longest = max(len(spelled) for spelled, _ in patterns)
        self.finder = BytesAhoCorasick(
            [spelled for spelled, _ in patterns],
            matchkind=MatchKind.LeftmostLongest,
            implementation=Implementation.ContiguousNFA,  # quick to build, which is done often
        )

    def known(self, text: bytes, joined: _Joined, long: int) -> Iterator[tuple[Span, str]]:
        """Yield where in the gaps of ``text`` values stand that are known there."""
        for first, last, value in self.find(joined.text):
            at = joined.original(first, last)
            if _is_known(text, at, value, long):
                yield at, value

    def find(self, text: bytes) -> Iterator[tuple[int, int, str]]:
        """Yield where values stand in a text, in order: leftmost, then longest."""
        start = 0
        while start < len(text):
            limit = start + _WINDOW
            offset = limit
            window = text[start : limit + self.longest]
            for index, first, last in self.finder.find_matches_as_indexes(window):
                if start + first >= limit:
                    break
                offset = max(offset, start + last)
                yield start + first, start + last, self.values[index]
            start = offset
