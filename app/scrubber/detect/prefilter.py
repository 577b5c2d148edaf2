"""Where in a body signs of secrets stand: nowhere in nearly all values, as a few searches tell.

Whatever gives a secret away holds one of a few literals (`Detector.anchors`). To search many values
at a time for all of them takes a tenth of the time of a scan of each. A value without a sign may be
taken for one that has a sign, but not the other way round. Of a value with signs only the stretches
around them have to be searched.

A rule of the user's own has no such literals: it is searched for in each value, as it is in a text.
"""

import re
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec
from ahocorasick_rs import BytesAhoCorasick, MatchKind

from ..automaton import compiled
from ..json.spans import Span, cut
from .detector import Detector, Finder
from .sources import COMMON, SILENT
from .windows import windows

_TOGETHER = 24  # literals of one automaton: so few are compared with many bytes at a time
_COMPARED = 3  # bytes that an automaton compares first, at the most
_OFTEN = b"\\entasorildcpumf-hg:b1ywvk"  # what JSON text is made of, the most frequent first
# What may match otherwise at the edge of a value than at that of a text. A word's edge (\b) does
# not: values of JSON that hold strings begin, end and stand beside what is no part of a word.
_EDGE = re.compile(r"(?<!\[)\^|\$|\\[AzZ]")
_LITERAL = re.compile(r"(?![^|]*\|)[0-9<]")
_GROUP = 64 * 1024  # bytes looked at together; a longer value is looked into anyway
_APART = 64  # bytes between two values of a group, at the most
_DENSE = 128  # bytes per literal found, at the least: else nothing is gained
# Of characters that a view spells plainly.
_ESCAPES = (rb"\/", rb"\u000", *(rb"\u00%d" % digit for digit in range(2, 8)))


class Placed(Protocol):
    """Something with a place in a body."""

    @property
    def start(self) -> int:
        """Where it starts."""

    @property
    def end(self) -> int:
        """Where it ends."""


class Signs(NamedTuple):
    """Something else that is looked for: where it is, ``anchors`` or RE2 ``patterns`` are too."""

    anchors: tuple[bytes, ...]
    patterns: tuple[str, ...]


class Scope(NamedTuple):
    """What to search of a value: ``windows``, outside of which only common literals are signs.

    ``steps`` are what the search for those would take, if it is known that it finds nothing.
    """

    windows: Sequence[Span]
    steps: int | None = None


class Findings(NamedTuple):
    """The values, by their starts, that are ``quiet``, and the ``scopes`` of others.

    A value that is in neither is searched as a whole.
    """

    quiet: set[int]
    scopes: dict[int, Scope]


class _Group(msgspec.Struct, frozen=True):
    """Values that lie beside each other, as one text, and where in it each starts and ends."""

    text: bytes
    offset: int
    starts: list[int]
    ends: list[int]

    def index(self, at: int) -> int:
        """Return which value an offset lies in."""
        return bisect_right(self.starts, at) - 1

    def value(self, index: int) -> bytes:
        """Return the text of a value."""
        return self.text[self.starts[index] : self.ends[index]]


class _Signs(msgspec.Struct):
    """Signs in a group.

    State: for the values by index, the offsets of literals, where a pattern first matches, which
    are ``loud`` by common literals or a rule of the user's own, how many common literals others
    hold, and which are spelled with escapes.
    """

    literals: defaultdict[int, list[int]] = msgspec.field(default_factory=lambda: defaultdict(list))
    patterns: dict[int, int] = msgspec.field(default_factory=dict)
    loud: set[int] = msgspec.field(default_factory=set)
    common: defaultdict[int, int] = msgspec.field(default_factory=lambda: defaultdict(int))
    escaped: set[int] = msgspec.field(default_factory=set)


class Prefilter:
    """Tells which values are quiet, and where in the others signs stand."""

    def __init__(self, detectors: Sequence[Detector], also: Signs) -> None:
        gated = [one for one in detectors if one.gate and one.shared]
        own = [one.gate for one in detectors if one.gate and not one.shared]
        self._is_able = all(one.anchors or one.anchor for one in gated) and not any(
            map(_EDGE.search, own)
        )
        self._own = [compiled(one) for one in own]
        finders = [finder for one in detectors for finder in one.finders]
        literals = {anchor for one in gated for anchor in one.anchors}
        literals |= {one.literal for one in finders if one.literal not in COMMON}
        ordered = sorted({*literals, *also.anchors, *_ESCAPES}, key=_likeness)
        self._automata = [
            (_automaton(some), {at for at, one in enumerate(some) if one in _ESCAPES})
            for some in (ordered[at : at + _TOGETHER] for at in range(0, len(ordered), _TOGETHER))
        ]
        patterns = [*(one.anchor for one in gated), *also.patterns]
        slow = [one for one in patterns if one and _LITERAL.match(one) is None]
        quick = [one for one in patterns if one and one not in slow]
        self._patterns = [compiled(one) for one in (*quick, *filter(None, ["|".join(slow)]))]
        common: defaultdict[bytes, list[Finder]] = defaultdict(list)
        for one in finders:
            if one.literal in COMMON:
                common[one.literal].append(one)
        self._common = [(_automaton([literal]), found) for literal, found in common.items()]
        self.most_quiet = SILENT * len(common)  # more than the steps of a quiet value

    def findings(self, body: bytes, values: Sequence[Placed], tick: Callable[[], None]) -> Findings:
        """Return in which values there is no sign, and where signs stand in others."""
        found = Findings(set(), {})
        for group in _groups(body, values) if self._is_able else ():
            tick()
            signs = self._signs(group)
            if signs is None:
                break
            _note(found, group, signs)
        return found

    def _signs(self, group: _Group) -> _Signs | None:
        """Return what was found in a group; None if it is too much to tell."""
        signs = _Signs(loud=set(_matched(group, self._own)))
        most = max(len(group.text) // _DENSE, SILENT)
        for find, escapes in self._automata:
            found = find(group.text)
            if len(found) > most:
                return None
            for which, at, _ in found:
                index = group.index(at)
                if at < group.ends[index]:
                    signs.literals[index].append(at)
                    if which in escapes:
                        signs.escaped.add(index)
        for pattern in self._patterns:
            for at in _first(group, pattern):
                index = group.index(at)
                signs.patterns[index] = min(at, signs.patterns.get(index, at))
        for find, finders in self._common:
            found = find(group.text)
            if len(found) > most:
                return None
            _note_started(signs, group, finders, [at for _, at, _ in found])
        return signs


def _note(found: Findings, group: _Group, signs: _Signs) -> None:
    """Note what was found in the values of a group."""
    for index, (start, end) in enumerate(zip(group.starts, group.ends, strict=True)):
        if index in signs.literals or index in signs.patterns:
            if index not in signs.escaped:
                places = sorted(signs.literals.get(index, ()))
                rest = signs.patterns.get(index, end)
                found.scopes[start + group.offset] = Scope(
                    windows(group.text, places, rest, Span(start, end)),
                    None if index in signs.loud else signs.common[index],
                )
        elif index in signs.loud:
            found.scopes[start + group.offset] = Scope(())
        else:
            found.quiet.add(start + group.offset)


def _first(group: _Group, pattern: Any) -> Iterator[int]:
    """Yield where a pattern first matches in each value."""
    at = 0
    while (match := pattern.search(group.text, at)) is not None:
        at = match.start()
        index = group.index(at)
        if at < group.ends[index]:
            yield at
        at = group.starts[index + 1] if index + 1 < len(group.starts) else len(group.text)


def _matched(group: _Group, patterns: Sequence[Any]) -> Iterator[int]:
    """Yield in which values patterns match that may match beyond them, too."""
    for pattern in patterns:
        for index, edges in enumerate(zip(group.starts, group.ends, strict=True)):
            if pattern.search(group.text, *edges) is not None:
                yield index


def _note_started(
    signs: _Signs, group: _Group, finders: Sequence[Finder], places: Iterable[int]
) -> None:
    """Note in which values something starts at a common literal, or it stands often."""
    last, count, text = -1, 0, b""
    for at in places:
        index = group.index(at)
        if index in signs.loud or at >= group.ends[index]:
            continue
        if index != last:
            last, count, text = index, 0, group.value(index)
        count += 1
        signs.common[index] += 1
        if count == SILENT or _starts(finders, text, at - group.starts[index]):
            signs.loud.add(index)


def _starts(finders: Sequence[Finder], text: bytes, at: int) -> bool:
    return max([one.start(text, at) if one.starts is None else at for one in finders]) >= 0


def _likeness(literal: bytes) -> tuple[int, int, bytes]:
    """Return the order in which literals that are alike make the quickest automata.

    The shortest one decides how many bytes an automaton compares first, and of what those stand in
    much text there is much to compare then. In this order a search takes a third of the time.
    """
    place = _OFTEN.find(literal[:1])
    return min(len(literal), _COMPARED), place if place >= 0 else len(_OFTEN), literal


def _automaton(literals: Sequence[bytes]) -> Callable[[bytes], list[tuple[int, int, int]]]:
    made = BytesAhoCorasick(literals, matchkind=MatchKind.LeftmostFirst)
    return made.find_matches_as_indexes


def _groups(body: bytes, values: Sequence[Placed]) -> Iterator[_Group]:
    """Yield values beside each other in groups, without those that are long."""
    starts: list[int] = []
    ends: list[int] = []
    for start, end in ((one.start, one.end) for one in values):
        if end - start > _GROUP:
            continue
        if starts and not (ends[-1] <= start <= ends[-1] + _APART and start - starts[0] < _GROUP):
            yield _group(body, starts, ends)
            starts, ends = [], []
        starts.append(start)
        ends.append(end)
    if starts:
        yield _group(body, starts, ends)


def _group(body: bytes, starts: list[int], ends: list[int]) -> _Group:
    first = starts[0]
    return _Group(
        cut(body, first, ends[-1]),
        first,
        [start - first for start in starts],
        [end - first for end in ends],
    )
