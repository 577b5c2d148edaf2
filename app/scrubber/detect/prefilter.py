"""Where in a body signs of secrets stand: nowhere in nearly all values, as a few searches tell.

Whatever gives a secret away holds one of a few literals (`Detector.anchors`). To search many values
at a time for all of them takes a tenth of the time of a scan of each. A value without a sign may be
taken for one that has a sign, but not the other way round. Of a value with signs only the stretches
around them have to be searched.

A rule of the user's own has no such literals: it is searched for in each value, as it is in a text.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import msgspec
from ahocorasick_rs import BytesAhoCorasick, MatchKind

from ..automaton import Search, compiled, search
from ..json.spans import SPAN, Span, cut
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


class Scope(msgspec.Struct, frozen=True):
    """What to search of a value: ``windows``, outside of which only common literals are signs.

    ``steps`` are what the search for those would take, if it is known that it finds nothing.
    ``may_hold_more`` is False if nothing else that was looked for stands in the value.
    """

    windows: Sequence[Span]
    steps: int | None = None
    may_hold_more: bool = True


class Findings(NamedTuple):
    """The values, by their starts, that are ``quiet``, and the ``scopes`` of others.

    A value that is in neither is searched as a whole.
    """

    quiet: set[int]
    scopes: dict[int, Scope]


class _Group(msgspec.Struct, frozen=True):
    """Values that lie beside each other, as one text, and where in the body each starts and ends.

    The text begins with the first of them.
    """

    text: bytes
    starts: list[int]
    ends: list[int]

    def index(self, at: int) -> int:
        """Return which value an offset in the text lies in; -1 if it lies between two."""
        at += self.starts[0]
        index = bisect_right(self.starts, at) - 1
        return index if at < self.ends[index] else -1

    def span(self, index: int) -> Span:
        """Return where a value stands in the text."""
        first = self.starts[0]
        return SPAN((self.starts[index] - first, self.ends[index] - first))


class _Signs(msgspec.Struct):
    """Signs in a group.

    State: for the values by index, the offsets of literals, where a pattern first matches, which
    are ``loud`` by common literals or a rule of the user's own, how many common literals others
    hold, which are spelled with escapes, and which may hold something else that is looked for.
    """

    literals: defaultdict[int, list[int]] = msgspec.field(default_factory=lambda: defaultdict(list))
    patterns: dict[int, int] = msgspec.field(default_factory=dict)
    loud: set[int] = msgspec.field(default_factory=set)
    common: defaultdict[int, int] = msgspec.field(default_factory=lambda: defaultdict(int))
    escaped: set[int] = msgspec.field(default_factory=set)
    others: set[int] = msgspec.field(default_factory=set)

    def note_matches(self, found: Iterable[tuple[int, int]], *, is_other: bool) -> None:
        """Note where a pattern first matches in values."""
        for index, at in found:
            self.patterns[index] = min(at, self.patterns.get(index, at))
            if is_other:
                self.others.add(index)

    def note(self, index: int, at: int, *, is_escape: bool, is_other: bool) -> None:
        """Note a literal in a value."""
        self.literals[index].append(at)
        if is_escape:
            self.escaped.add(index)
        if is_other:
            self.others.add(index)


class Prefilter:
    """Tells which values are quiet, and where in the others signs stand."""

    def __init__(self, detectors: Sequence[Detector], also: Signs) -> None:
        gated = [one for one in detectors if one.gate and one.shared]
        own = [one.gate for one in detectors if one.gate and not one.shared]
        self._is_able = all(one.anchors or one.anchor for one in gated) and not any(
            map(_EDGE.search, own)
        )
        self._own = [search(compiled(one)) for one in own]
        finders = [finder for one in detectors for finder in one.finders]
        literals = {anchor for one in gated for anchor in one.anchors}
        literals |= {one.literal for one in finders if one.literal not in COMMON}
        ordered = sorted({*literals, *also.anchors, *_ESCAPES}, key=_likeness)
        self._automata = [
            (_automaton(some), _which(some, _ESCAPES), _which(some, _hiding(some, also.anchors)))
            for some in (ordered[at : at + _TOGETHER] for at in range(0, len(ordered), _TOGETHER))
        ]
        patterns = [*(one.anchor for one in gated), *also.patterns]
        slow = [one for one in patterns if one and _LITERAL.match(one) is None]
        quick = [one for one in patterns if one and one not in slow]
        self._patterns = [(search(compiled(one)), one in also.patterns) for one in quick]
        if slow:
            is_other = not set(slow).isdisjoint(also.patterns)
            self._patterns.append((search(compiled("|".join(slow))), is_other))
        common: defaultdict[bytes, list[Finder]] = defaultdict(list)
        for one in finders:
            if one.literal in COMMON:
                common[one.literal].append(one)
        self._common = [(_automaton([literal]), found) for literal, found in common.items()]
        self.most_quiet = SILENT * len(common)  # more than the steps of a quiet value

    def findings(self, body: bytes, values: Sequence[Placed], tick: Callable[[], None]) -> Findings:
        """Return in which values there is no sign, and where signs stand in others.

        Behind each group that is dense, twice as many are taken for dense as before.
        """
        found = Findings(set(), {})
        dense = passed = 0
        for group in _groups(body, values) if self._is_able else ():
            tick()
            if passed:
                passed -= 1
            elif (signs := self._signs(group)) is not None:
                _note(found, group, signs)
            else:
                passed = dense
                dense = 2 * dense or 1
        return found

    def _signs(self, group: _Group) -> _Signs | None:
        """Return what was found in a group; None if it is too much to tell."""
        signs = _Signs(loud=set(_matched(group, self._own)))
        most = max(len(group.text) // _DENSE, SILENT)
        for find, escapes, others in self._automata:
            found = find(group.text)
            if len(found) > most:
                return None
            for which, at, _ in found:
                index = group.index(at)
                if index >= 0:
                    signs.note(index, at, is_escape=which in escapes, is_other=which in others)
        for pattern, is_other in self._patterns:
            signs.note_matches(_first(group, pattern), is_other=is_other)
        for find, finders in self._common:
            found = find(group.text)
            if len(found) > most:
                return None
            if found:
                _note_started(signs, group, finders, [at for _, at, _ in found])
        return signs


def _note(found: Findings, group: _Group, signs: _Signs) -> None:
    """Note what was found in the values of a group."""
    found.quiet.update(group.starts)
    for index in {*signs.literals, *signs.patterns, *signs.loud}:
        start, span = group.starts[index], group.span(index)
        found.quiet.discard(start)
        if index not in signs.escaped:
            places = sorted(signs.literals.get(index, ()))
            rest = signs.patterns.get(index, span.end)
            found.scopes[start] = Scope(
                windows(group.text, places, rest, span) if places or rest < span.end else (),
                None if index in signs.loud else signs.common[index],
                index in signs.others,
            )


def _first(group: _Group, pattern: Search) -> Iterator[tuple[int, int]]:
    """Yield in which values a pattern matches, and where first."""
    at, size = 0, len(group.text)
    while (at := pattern(group.text, at, size)) >= 0:
        index = group.index(at)
        if index >= 0:
            yield index, at
        following = bisect_right(group.starts, at + group.starts[0])
        at = size if following == len(group.starts) else group.span(following).start


def _matched(group: _Group, patterns: Sequence[Search]) -> Iterator[int]:
    """Yield in which values patterns match that may match beyond them, too."""
    for pattern in patterns:
        for index in range(len(group.starts)):
            if pattern(group.text, *group.span(index)) >= 0:
                yield index


def _note_started(
    signs: _Signs, group: _Group, finders: Sequence[Finder], places: Sequence[int]
) -> None:
    """Note in which values something starts at a common literal, or it stands often."""
    at = 0
    while at < len(places):
        index = group.index(places[at])
        if index < 0:
            at += 1
            continue
        start, end = group.span(index)
        here = places[at : (at := bisect_left(places, end, at))]
        signs.common[index] += len(here)
        if index in signs.loud:
            continue
        if len(here) >= SILENT or _starts(finders, group.text[start:end], start, here):
            signs.loud.add(index)


def _starts(finders: Sequence[Finder], text: bytes, first: int, places: Iterable[int]) -> bool:
    """Return True if something starts at one of ``places`` in a text that begins at ``first``."""
    for one in finders:
        if one.starts is not None:
            return True
        start = one.start
        for at in places:
            if start(text, at - first) >= 0:
                return True
    return False


def _which(literals: Sequence[bytes], some: Container[bytes]) -> set[int]:
    return {at for at, one in enumerate(literals) if one in some}


def _hiding(literals: Iterable[bytes], anchors: Iterable[bytes]) -> set[bytes]:
    """Return which literals are anchors, or may overlap one, of which nothing is said then."""
    beginnings = {anchor[:size] for anchor in anchors for size in range(1, len(anchor) + 1)}
    return {
        one
        for one in literals
        if any(map(one.endswith, beginnings)) or any(anchor in one for anchor in anchors)
    }


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
    stop = limit = 0
    for one in values:
        start, end = one.start, one.end
        if end - start > _GROUP:
            continue
        if not (stop <= start <= stop + _APART and start < limit):
            if starts:
                yield _Group(cut(body, starts[0], stop), starts, ends)
            starts, ends, limit = [], [], start + _GROUP
        starts.append(start)
        ends.append(end)
        stop = end
    if starts:
        yield _Group(cut(body, starts[0], stop), starts, ends)
