"""Finding secrets in JSON-escaped text, in time linear in its length.

Two steps, so that text without secrets costs one pass of an automaton (some 600 MB/s, with the
interpreter's lock released) and a few searches for literals: `Scanner.candidates` says where which
detector may match; `Scanner.hits` matches the detectors' own patterns there.

Both work on one window of the text after another, so that nothing ever is held for all of a large
text: to release a million objects at once would hold up the event loop.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from ..automaton import compiled
from ..json.escapes import escape_around, widened
from ..json.spans import Span
from . import dense
from .dense import Effort
from .detector import Detector, Finder
from .edges import edge_end

WINDOW = 256 * 1024  # bytes in which candidates are collected and sorted
REACH = 1024  # bytes that a candidate may start before what gave it away
LONGEST_MATCH = 64 * 1024  # bytes: `re` holds the interpreter's lock for one match
_LONGEST_RUN = 16 * 1024  # bytes: longer runs may be matched from a later start
_SEARCHED = 1024 * 1024  # bytes of one search, which holds the interpreter's lock
# Literals that ordinary text holds: they are looked for by themselves.
_COMMON = frozenset((b"@", b"://", b"data", b"machine", b"-u", b"-U"))
_SILENT = 64  # literals behind which a source shows where it is
_GROUP = re.compile(r"(?<!\\)\((?!\?)")

Placed = TypeVar("Placed", bound="tuple[int, Any]")


Candidate = tuple[int, tuple[Detector, ...]]  # where which detectors may match


class Hit(NamedTuple):
    """A secret: its span, its value as it is escaped in the text, and perhaps a password in it."""

    start: int
    end: int
    detector: Detector
    escaped: bytes
    password: bytes | None


_HIT = partial(tuple.__new__, Hit)  # there are many: the quickest way to make one


class Scanner:
    """Looks for what ``detectors``, in priority order, detect.

    The built-in detectors share a pass. The user's own rules are apart: they may match long text,
    in which a shared pass would overlook a secret.
    """

    def __init__(self, detectors: Sequence[Detector], also: str = "") -> None:
        """``also``, in RE2 syntax, is something else that a text must not hold to be quiet."""
        gated = [one for one in detectors if one.shared and one.gate]
        gates = [_GROUP.sub("(?:", detector.gate) for detector in gated]
        self._gate = compiled("|".join(gates)) if gates else None
        self._by_head = [
            tuple(one for one in gated if chr(octet) in one.heads) for octet in range(256)
        ]
        self._finders: dict[bytes, list[tuple[Finder, tuple[Detector]]]] = defaultdict(list)
        for detector in detectors:
            for finder in detector.finders:
                self._finders[finder.literal].append((finder, (detector,)))
        rare = [literal for literal in self._finders if literal not in _COMMON]
        signs = [*gates, *(re.escape(literal.decode()) for literal in rare), also]
        self._signs = compiled("|".join(filter(None, signs)) or r"\z")
        self._alone = [(compiled(one.gate), one) for one in detectors if not one.shared]
        self._priority = {detector.name: rank for rank, detector in enumerate(detectors)}

    def is_quiet(self, text: bytes) -> bool:
        """Return True if one pass shows that nothing stands in ``text`` but what is common."""
        return self._signs.search(text) is None

    def candidates(
        self, text: bytes, effort: Effort | None = None, *, quiet: bool = False
    ) -> "Candidates":
        """Return where in ``text`` a secret may start, in order; ``quiet`` is what it is."""
        effort, ends = effort or Effort.unlimited(), deque[int]()
        return Candidates(self._candidates(text, effort, ends, quiet=quiet), effort, ends)

    def _candidates(
        self, text: bytes, effort: Effort, ends: deque[int], *, quiet: bool
    ) -> Iterator[Candidate]:
        gate = None if quiet else self._gate
        small = len(text) <= _SEARCHED
        cursor = _Cursor(text, effort)
        sources = [
            Ahead(source)
            for source in (
                *([self._gated(gate, cursor)] if gate is not None else ()),
                *(
                    _found(cursor, literal, found)
                    for literal, found in self._finders.items()
                    if literal in _COMMON or not (quiet or (small and literal not in text))
                ),
                *(_starts(cursor, gate, detector) for gate, detector in self._alone),
            )
        ]
        held: list[Candidate] = []
        end, size = 0, dense.SAMPLE
        while heads := [source.head[0] for source in sources if source.head is not None]:
            start, taken = max(end, min(heads)), effort.taken
            end = start + size
            for source in sources:
                held += (candidate for _, candidate in source.before(end))
            held = sorted((one for one in held if one[1]), key=itemgetter(0))
            settled = bisect_left(held, end - REACH, key=itemgetter(0))
            yield from held[:settled]
            del held[:settled]
            dense_here = dense.is_dense(effort.taken - taken, end - start)
            size = dense.SAMPLE if dense_here else min(2 * size, WINDOW)
            if dense_here and effort.exhausted:
                first, end = end - REACH, self._stretch_end(text, end, cursor)
                ends.append(end)
                yield first, ()
                held = [(at, detectors) for at, detectors in held if at >= end]
                for source in sources:
                    held += (one for _, one in source.before(end) if one[0] >= end)
        yield from held

    def _stretch_end(self, text: bytes, start: int, cursor: "_Cursor") -> int:
        """Return where a stretch ends that no secret from inside leaves, and go on there."""
        end = dense.word_end(text, start)
        begun = [one for found in self._finders.items() for one in _last(text, *found, start, end)]
        begun += self._between(text, max(start, end - dense.TAIL), end)
        for offset, detectors in begun:
            hits = (_at(text, offset, len(text), one) for one in detectors)
            end = max([end, *(hit.end for hit in hits if hit is not None)])
        cursor.at = end
        return end

    def _between(self, text: bytes, start: int, end: int) -> Iterator[Candidate]:
        """Yield where a secret may start of which something is found in a short piece of text."""
        cursor = _Cursor(text, Effort.unlimited(), start, min(len(text), end + dense.TAIL))
        if self._gate is not None:
            yield from (one for _, one in Ahead(self._gated(self._gate, cursor)).before(end))
        for literal, found in self._finders.items():
            yield from (one for _, one in Ahead(_found(cursor, literal, found)).before(end))
        for gate, detector in self._alone:
            yield from (one for _, one in Ahead(_starts(cursor, gate, detector)).before(end))

    def _gated(self, gate: Any, cursor: "_Cursor") -> Iterator[tuple[int, Candidate]]:
        text, step, at = cursor.text, cursor.effort.step, cursor.at
        while (match := gate.search(text, at, cursor.end)) is not None:
            step()
            boundary = match.start()
            start = edge_end(text, boundary)
            at = boundary + 1
            for offset in (at, start) if start > at else (at,):
                detectors = self._by_head[text[offset]] if offset < len(text) else ()
                if detectors and escape_around(text, offset) is None:
                    yield boundary, (offset, detectors)
                    at = max(at, offset)
            at = max(at, cursor.at - 1)  # a boundary may belong to what is hidden

    def hits(self, text: bytes, candidates: "Candidates", string: Span) -> Iterable[Hit]:
        """Return the hits inside a string, in order, none overlapping; skipping those before."""
        head, (start, end) = candidates.head, string
        if candidates.hidden <= start and (head is None or head[0] >= end):
            return ()
        if candidates.hidden >= end > start and not self._is_harmless(text, string):
            return (_HIT((start, end, dense.TEXT, b"", None)),)
        return self._hits(text, candidates, string)

    def _hits(self, text: bytes, candidates: "Candidates", string: Span) -> Iterator[Hit]:
        cluster = _Cluster(text, string, candidates.effort)
        if candidates.hidden > string.start and not self._is_harmless(text, string):
            yield from cluster.hide(string.start, candidates.hidden)
        for start, detectors in candidates.before(string.end):
            if start >= cluster.end and cluster.hits:
                yield from self._first_come(cluster.take())
            if not detectors:
                yield from self._first_come(cluster.take())
                candidates.hidden = candidates.ends.popleft()
                if not self._is_harmless(text, string):
                    yield from cluster.hide(start, candidates.hidden)
            elif start >= cluster.first:
                cluster.look(start, detectors)
            elif start >= string.start:
                yield from cluster.leaving(start, detectors)
        yield from self._first_come(cluster.hits)

    def _is_harmless(self, text: bytes, string: Span) -> bool:
        """Return True for a name or a word that the API may need: no detector finds anything."""
        if dense.WORD.fullmatch(text, *string) is None:
            return False
        gates = (self._gate, *(gate for gate, _ in self._alone))
        around = max(0, string.start - 1), string.end + 1
        return not any(gate is not None and gate.search(text, *around) for gate in gates)

    def _first_come(self, cluster: list[Hit]) -> list[Hit]:
        """Return those of overlapping hits that touch none of higher priority, in order.

        A block of several lines is no part of anything else, and what looks like a token in it is
        a part of the block.
        """
        if len(cluster) < 2:  # noqa: PLR2004 - nothing to choose from
            return cluster
        kept: list[Hit] = []
        starts: list[int] = []
        for hit in sorted(cluster, key=self._rank):
            index = bisect_right(starts, hit.start)
            clear = index == 0 or kept[index - 1].end <= hit.start
            if clear and (index == len(kept) or hit.end <= starts[index]):
                kept.insert(index, hit)
                starts.insert(index, hit.start)
        return kept

    def _rank(self, hit: Hit) -> tuple[bool, int]:
        return hit.detector.parts is None, self._priority[hit.detector.name]


class Ahead(Generic[Placed]):
    """An iterator of tuples that begin with an offset, and what comes next (None: nothing)."""

    def __init__(self, source: Iterator[Placed]) -> None:
        self._source = source
        self.head = next(source, None)

    def before(self, end: int) -> Iterator[Placed]:
        """Yield what comes before an offset."""
        while self.head is not None and self.head[0] < end:
            head, self.head = self.head, next(self._source, None)
            yield head


class _Cursor:
    """Where in a text sources look: no more at what lies before ``at``."""

    __slots__ = ("at", "effort", "end", "text")

    def __init__(self, text: bytes, effort: Effort, at: int = 0, end: int | None = None) -> None:
        self.text = text
        self.effort = effort
        self.at = at
        self.end = len(text) if end is None else end


class Candidates(Ahead[Candidate]):
    """Candidates in order; one without detectors is where a stretch begins that is hidden.

    State: where the stretch ``hidden`` last ended, and the ``ends`` of those to come.
    """

    def __init__(self, source: Iterator[Candidate], effort: Effort, ends: deque[int]) -> None:
        super().__init__(source)
        self.effort = effort
        self.ends = ends
        self.hidden = 0


class _Cluster:
    """Hits in one string that may overlap, from ``first`` on, which end at ``end``."""

    __slots__ = ("_effort", "_ends", "_limit", "_text", "end", "first", "hits")

    def __init__(self, text: bytes, string: Span, effort: Effort) -> None:
        self.first = self.end = string.start
        self.hits: list[Hit] = []
        self._text = text
        self._limit = string.end
        self._effort = effort
        self._ends: dict[str, int] = {}  # of the last hit of each detector

    def take(self) -> list[Hit]:
        """Return the hits, and begin with the next."""
        hits, self.hits = self.hits, []
        return hits

    def look(self, start: int, detectors: tuple[Detector, ...]) -> None:
        """Add what detectors find at an offset."""
        self._effort.step(dense.CHECK)
        for detector in detectors:
            # A token made of a thousand heads must not be matched a thousand times.
            name = detector.name
            if self._ends.get(name, 0) > start:
                continue
            if detector.steps:
                self._effort.step(detector.steps)
            hit = _at(self._text, start, self._limit, detector)
            if hit is not None:
                self._ends[name] = hit.end
                self.hits.append(hit)
                self.end = max(self.end, hit.end)
            elif detector.run is not None:
                self._ends[name] = _run_end(detector, self._text, start, self._limit)

    def hide(self, start: int, end: int) -> Iterator[Hit]:
        """Yield what a stretch hides, behind all hits before it."""
        first, last = widened(self._text, max(start, self.end), min(end, self._limit))
        first, last = max(first, self.end), min(last, self._limit)
        if first < last:
            yield Hit(first, last, dense.TEXT, b"", None)
            self.first = self.end = last

    def leaving(self, start: int, detectors: tuple[Detector, ...]) -> Iterator[Hit]:
        """Yield the rest of what begins inside of a stretch and ends behind it."""
        for detector in detectors:
            hit = _at(self._text, start, self._limit, detector)
            if hit is not None and hit.end > self.first:
                yield hit._replace(start=self.first, escaped=self._text[self.first : hit.end])
                self.first = self.end = hit.end


def _at(text: bytes, start: int, end: int, detector: Detector) -> Hit | None:
    match = detector.pattern.match(text, start, min(end, start + LONGEST_MATCH))
    if match is None or (detector.accepts is not None and not detector.accepts(match)):
        return None
    first, last = match.span(detector.group)
    if first >= last:
        return None
    password = None
    if detector.passwords:
        groups = match.groupdict()
        password = next(filter(None, map(groups.get, detector.passwords)), None)
    first, last = widened(text, first, last)
    last = min(last, end)
    return _HIT((first, last, detector, text[first:last], password))


def _run_end(detector: Detector, text: bytes, start: int, end: int) -> int:
    """Return up to where no match of a detector starts, given that there is none at ``start``."""
    if detector.run is None or detector.pattern.match(text, start, end) is not None:
        return start + 1  # the validator said no: the next start may do
    run = detector.run.match(text, start, min(end, start + LONGEST_MATCH))
    if run is None:
        return start + 1
    return (
        max(start + 1, run.end() - _LONGEST_RUN) if run.end() - start > _LONGEST_RUN else run.end()
    )


def _last(
    text: bytes, literal: bytes, found: list[tuple[Finder, tuple[Detector]]], start: int, end: int
) -> Iterator[Candidate]:
    """Yield what begins where a literal stands last, and before that if a list may follow it."""
    several = any(finder.starts is not None for finder, _ in found)
    for _ in range(dense.LAST if several else 1):
        end = text.rfind(literal, start, end)
        if end < 0:
            return
        for finder, detectors in found:
            starts = finder.starts(text, end) if finder.starts else (finder.start(text, end),)
            yield from ((at, detectors) for at in starts if at >= 0)


def _find(text: bytes, literal: bytes, start: int, end: int) -> int:
    """Return where a literal comes next, -1 if it does not."""
    while start < end:
        at = text.find(literal, start, min(end, start + _SEARCHED))
        if at >= 0:
            return at
        start += _SEARCHED - len(literal) + 1
    return -1


def _found(
    cursor: _Cursor, literal: bytes, found: list[tuple[Finder, tuple[Detector]]]
) -> Iterator[tuple[int, Candidate]]:
    """Yield what starts at a literal, or before it."""
    text, step = cursor.text, cursor.effort.step
    at = _find(text, literal, cursor.at, cursor.end)
    silent = 0
    while at >= 0:
        step()
        silent += 1
        if silent == _SILENT:
            silent = 0
            yield at, (at, ())
        for finder, detectors in found:
            if finder.starts is None:
                start = finder.start(text, at)
                if start >= 0 and escape_around(text, start) is None:
                    yield at, (start, detectors)
                continue
            for start in finder.starts(text, at):
                if start >= 0 and escape_around(text, start) is None:
                    yield at, (start, detectors)
        at = _find(text, literal, max(at + len(literal), cursor.at), cursor.end)


def _starts(cursor: _Cursor, gate: Any, detector: Detector) -> Iterator[tuple[int, Candidate]]:
    """Yield where a rule of the user's own matches, without the starts that cut an escape."""
    text, step, at = cursor.text, cursor.effort.step, cursor.at
    while (match := gate.search(text, at, cursor.end)) is not None:
        step()
        at = match.start()
        cut = escape_around(text, at)
        if cut is None:
            yield at, (at, (detector,))
        # What starts inside of a hit is none. But a match may go on past its string.
        hit = b'"' not in match[0]
        at = cut[1] if cut is not None else max(at + 1, match.end(detector.group) if hit else 0)
        at = max(at, cursor.at)
