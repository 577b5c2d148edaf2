"""Where in a body signs of secrets stand: nowhere in nearly all values, as a few searches tell.

Whatever gives a secret away holds one of a few literals (`Detector.anchors`). To search many values
at a time for all of them takes a tenth of the time of a scan of each. A value without a sign may be
taken for one that has a sign, but not the other way round. Of a value with signs only the stretches
around them have to be searched.

A rule of the user's own has no such literals: it is searched for in each value, as it is in a text.
"""

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec
from ahocorasick_rs import BytesAhoCorasick, MatchKind

from ..automaton import Search, compiled, search
from ..json.spans import Span
from .detector import Detector, Finder
from .edges import behind
from .groups import Group, Placed, groups
from .sources import COMMON, SILENT
from .windows import windows

_TOGETHER = 24  # literals of one automaton: so few are compared with many bytes at a time
_COMPARED = 3  # bytes that an automaton compares first, at the most
_OFTEN = b"\\entasorildcpumf-hg:b1ywvk"  # what JSON text is made of, the most frequent first
# What may match otherwise at the edge of a value than at that of a text. A word's edge (\b) does
# not: values of JSON that hold strings begin, end and stand beside what is no part of a word.
_EDGE = re.compile(r"(?<!\[)\^|\$|\\[AzZ]")
_LITERAL = re.compile(r"(?![^|]*\|)[0-9<]")
_DENSE = 128  # bytes per literal found, at the least: else nothing is gained
# How clear the signs in a text are. A text inside of another has no clearer ones than that.
# FAINT: common literals alone, at which something might start. FIRST: it begins with a literal.
NONE, FAINT, CLEAR, FIRST = range(4)
# Of characters that a view spells plainly.
_ESCAPES = (rb"\/", rb"\u000", *(rb"\u00%d" % digit for digit in range(2, 8)))


class Signs(NamedTuple):
    """Something else that is looked for: where it is, ``anchors`` or RE2 ``patterns`` are too."""

    anchors: tuple[bytes, ...]
    patterns: tuple[str, ...]


class Scope(msgspec.Struct, frozen=True):
    """What to search of a value: ``windows``, outside of which only common literals are signs.

    ``steps`` are what the search for those would take, if it is known that it finds nothing.
    ``may_hold_rare`` is False if no literal of a finder stands in the value that is not common,
    and ``may_hold_more`` if nothing else that was looked for does. A text that begins with a
    literal stands at one of the ``places`` alone, if they are known; one with faint signs nowhere.
    """

    windows: Sequence[Span]
    steps: int | None = None
    may_hold_rare: bool = True
    may_hold_more: bool = True
    places: Sequence[int] | None = None


class Findings(NamedTuple):
    """The values, by their starts, that are ``quiet``, and the ``scopes`` of others.

    Of quiet ones it is said how clear their signs are. A value in neither is searched as a whole.
    """

    quiet: dict[int, int]
    scopes: dict[int, Scope]


class _Signs(msgspec.Struct):
    """Signs in a group.

    State: for the values by index, the offsets of literals, where a pattern first matches, which
    are ``loud`` by common literals or a rule of the user's own, which hold ``faint`` signs, which
    are spelled with escapes, which may hold literals of finders that are not common, or something
    else that is looked for, and which may hold literals ``unseen``; and the offsets of each common
    literal.
    """

    literals: defaultdict[int, list[int]] = msgspec.field(default_factory=lambda: defaultdict(list))
    patterns: dict[int, int] = msgspec.field(default_factory=dict)
    loud: set[int] = msgspec.field(default_factory=set)
    faint: set[int] = msgspec.field(default_factory=set)
    escaped: set[int] = msgspec.field(default_factory=set)
    rare: set[int] = msgspec.field(default_factory=set)
    others: set[int] = msgspec.field(default_factory=set)
    unseen: set[int] = msgspec.field(default_factory=set)
    common: list[list[int]] = msgspec.field(default_factory=list)

    def note_matches(self, found: Iterable[tuple[int, int]], *, is_other: bool) -> None:
        """Note where a pattern first matches in values."""
        for index, at in found:
            self.patterns[index] = min(at, self.patterns.get(index, at))
            if is_other:
                self.others.add(index)

    def note(self, index: int, at: int, which: int, literals: "_Literals") -> None:
        """Note a literal in a value."""
        self.literals[index].append(at)
        if which in literals.escapes:
            self.escaped.add(index)
        if which in literals.rare:
            self.rare.add(index)
        if which in literals.others:
            self.others.add(index)
        if which in literals.hiding:
            self.unseen.add(index)


_Place = tuple[int, int, int]  # which literal stands in a text, from where up to where


class _Literals(NamedTuple):
    """An automaton, and which of its literals are escapes, ``weak``, or may hide others.

    And which are, or may hide, those of finders that are not common, and other signs. Weak ones
    stand in words, too (`basi`), and are a sign if what a gate matches begins with them.
    """

    find: Callable[[bytes], list[_Place]]
    escapes: set[int]
    rare: set[int]
    others: set[int]
    weak: set[int]
    hiding: set[int]

    @classmethod
    def of(
        cls, some: Sequence[bytes], rare: set[bytes], others: Iterable[bytes], weak: set[bytes]
    ) -> "_Literals":
        """Return the automaton of some literals."""
        hiding = _hiding(some, some)
        return cls(
            _automaton(some),
            _which(some, _ESCAPES),
            _which(some, {*rare, *_hiding(some, rare)}),
            _which(some, {*others, *_hiding(some, others)}),
            _which(some, weak - hiding),
            _which(some, hiding),
        )


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
        rare = {one.literal for one in finders} - COMMON
        literals = rare.union(*(one.anchors for one in gated))
        ordered = sorted({*literals, *also.anchors, *_ESCAPES}, key=_likeness)
        weak = _wordy(gated) - {*also.anchors, *rare}
        self._automata = [
            _Literals.of(ordered[at : at + _TOGETHER], rare, also.anchors, weak)
            for at in range(0, len(ordered), _TOGETHER)
        ]
        self._strong = tuple(literals - weak)
        bodies = "|".join(behind(one.gate) for one in gated if one.anchors)
        self._begins = search(compiled(bodies or r"\z"), anchored=True)
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
        self._common = [_Common(literal, found) for literal, found in common.items()]
        self.most_quiet = SILENT * len(common)  # more than the steps of a quiet value

    def findings(self, body: bytes, values: Sequence[Placed], tick: Callable[[], None]) -> Findings:
        """Return in which values there is no sign, and where signs stand in others.

        Behind each group that is dense, twice as many are taken for dense as before.
        """
        found = Findings({}, {})
        dense = passed = 0
        for group in groups(body, values) if self._is_able else ():
            tick()
            if passed:
                passed -= 1
            elif (signs := self._signs(group)) is not None:
                _note(found, group, signs)
            else:
                passed = dense
                dense = 2 * dense or 1
        return found

    def clearness(self, text: bytes) -> int:
        """Return how clear the signs in a text are, at the least."""
        if text.startswith(self._strong):
            return FIRST  # as nearly all secrets
        size = len(text)
        for literals in self._automata:
            if self._counted(literals, text, literals.find(text)):
                return CLEAR
        if any(pattern(text, 0, size) >= 0 for pattern, _ in self._patterns):
            return CLEAR
        return FAINT if any(one.near(text, one.places(text)) for one in self._common) else NONE

    def _signs(self, group: Group) -> _Signs | None:
        """Return what was found in a group; None if it is too much to tell."""
        signs = _Signs(loud=set(_matched(group, self._own)))
        most = max(len(group.text) // _DENSE, SILENT)
        for one in self._automata:
            found = one.find(group.text)
            if len(found) > most:
                return None
            for which, at, _ in self._counted(one, group.text, found) if found else ():
                index = group.index(at)
                if index >= 0:
                    signs.note(index, at, which, one)
        for pattern, is_other in self._patterns:
            signs.note_matches(_first(group, pattern), is_other=is_other)
        for common in self._common:
            places = common.places(group.text)
            if len(places) > most:
                return None
            if places:
                common.note(signs, group, places)
        return signs

    def _counted(self, literals: _Literals, text: bytes, found: Sequence[_Place]) -> list[_Place]:
        """Return where literals are signs: weak ones only with what has to follow them."""
        weak, size = literals.weak, len(text)
        return [one for one in found if one[0] not in weak or self._begins(text, one[1], size) >= 0]


class _Common:
    """A common literal, and what finds secrets that start at it."""

    def __init__(self, literal: bytes, finders: Sequence[Finder]) -> None:
        self._find = _automaton([literal])
        self._finders = finders
        before = [one.before for one in finders]
        # Octets of which one stands before it where something starts.
        self._before = None if None in before else frozenset().union(*filter(None, before))

    def places(self, text: bytes) -> list[int]:
        """Return where it stands in a text."""
        return [at for _, at, _ in self._find(text)]

    def near(self, text: bytes, places: list[int]) -> list[int]:
        """Return at which places something might start, by what stands before it."""
        before = self._before
        return places if before is None else [at for at in places if at and text[at - 1] in before]

    def note(self, signs: _Signs, group: Group, places: list[int]) -> None:
        """Note in which values something starts at one of the places, or there are many."""
        signs.common.append(places)
        if len(places) >= SILENT:
            signs.loud.update(one for one, here in group.divided(places) if len(here) >= SILENT)
        for index, here in group.divided(self.near(group.text, places)):
            signs.faint.add(index)
            start, end = group.span(index)
            if index not in signs.loud and self._starts(group.text[start:end], start, here):
                signs.loud.add(index)

    def _starts(self, text: bytes, first: int, places: Iterable[int]) -> bool:
        """Return True if something starts at a place in a text that begins at ``first``."""
        for one in self._finders:
            if one.starts is not None:
                return True
            start = one.start
            for at in places:
                if start(text, at - first) >= 0:
                    return True
        return False


def _note(found: Findings, group: Group, signs: _Signs) -> None:
    """Note what was found in the values of a group."""
    quiet = found.quiet
    quiet.update(dict.fromkeys(group.starts, NONE))
    for index in signs.faint:
        quiet[group.starts[index]] = FAINT
    for index in {*signs.literals, *signs.patterns, *signs.loud}:
        start, span = group.starts[index], group.span(index)
        del quiet[start]
        if index not in signs.escaped:
            places = sorted(signs.literals.get(index, ()))
            is_told = index not in signs.faint and index not in signs.unseen
            rest = signs.patterns.get(index, span.end)
            found.scopes[start] = Scope(
                windows(group.text, places, rest, span) if places or rest < span.end else (),
                None if index in signs.loud else _count(signs.common, span),
                index in signs.rare,
                index in signs.others,
                [at - span.start for at in places] if is_told else None,
            )


def _count(common: Iterable[list[int]], span: Span) -> int:
    """Return how many common literals stand in a value."""
    start, end = span
    return sum([bisect_left(one, end) - bisect_left(one, start) for one in common])


def _first(group: Group, pattern: Search) -> Iterator[tuple[int, int]]:
    """Yield in which values a pattern matches, and where first."""
    at, size = 0, len(group.text)
    while (at := pattern(group.text, at, size)) >= 0:
        index = group.index(at)
        if index >= 0:
            yield index, at
        at = group.following(at)


def _matched(group: Group, patterns: Sequence[Search]) -> Iterator[int]:
    """Yield in which values patterns match that may match beyond them, too."""
    for pattern in patterns:
        for index in range(len(group.starts)):
            if pattern(group.text, *group.span(index)) >= 0:
                yield index


def _which(literals: Sequence[bytes], some: Container[bytes]) -> set[int]:
    return {at for at, one in enumerate(literals) if one in some}


def _wordy(gated: Iterable[Detector]) -> set[bytes]:
    """Return the anchors that words hold, if what gates match behind the edge begins with them."""
    return {
        anchor
        for one in gated
        for anchor in one.anchors
        if anchor.isalpha() and chr(anchor[0]) in one.heads
    }


def _hiding(literals: Iterable[bytes], others: Iterable[bytes]) -> set[bytes]:
    """Return in which literals others may begin, or again the same: those are overlooked then."""
    whole = set(others)
    begun = {one[:size] for one in whole for size in range(1, len(one))}
    return {
        one
        for one in literals
        if any(one[at:] in begun for at in range(len(one)))
        or any(part in whole and part != one for part in _parts(one))
    }


def _parts(literal: bytes) -> Iterator[bytes]:
    size = len(literal)
    return (literal[at:end] for at in range(size) for end in range(at + 1, size + 1))


def _likeness(literal: bytes) -> tuple[int, int, bytes]:
    """Return the order in which literals that are alike make the quickest automata.

    The shortest one decides how many bytes an automaton compares first, and of what those stand in
    much text there is much to compare then. In this order a search takes a third of the time.
    """
    place = _OFTEN.find(literal[:1])
    return min(len(literal), _COMPARED), place if place >= 0 else len(_OFTEN), literal


def _automaton(literals: Sequence[bytes]) -> Callable[[bytes], list[_Place]]:
    made = BytesAhoCorasick(literals, matchkind=MatchKind.LeftmostFirst)
    return made.find_matches_as_indexes
