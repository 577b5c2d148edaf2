"""Finding secrets in JSON-escaped text, in time linear in its length.

Two steps, so that text without secrets costs one pass of an automaton (some 600 MB/s, with the
interpreter's lock released) and a few searches for literals: `Scanner.candidates` says where which
detector may match; `Scanner.hits` matches the detectors' own patterns there.

Both work on one window of the text after another, so that nothing ever is held for all of a large
text: to release a million objects at once would hold up the event loop.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any, Generic, NamedTuple, TypeVar

from .automaton import compiled
from .detector import Detector, Finder
from .edges import edge_end
from .escapes import escape_around, widened

WINDOW = 256 * 1024  # bytes in which candidates are collected and sorted
REACH = 1024  # bytes that a candidate may start before what gave it away
LONGEST_MATCH = 64 * 1024  # bytes: `re` holds the interpreter's lock for one match
_LONGEST_RUN = 16 * 1024  # bytes: what is longer may be matched from a later start
_GROUP = re.compile(r"(?<!\\)\((?!\?)")

Placed = TypeVar("Placed", bound="tuple[int, Any]")
Tick = Callable[[], None]  # called now and then; raises when a body has had its time


class Span(NamedTuple):
    """A stretch of bytes."""

    start: int
    end: int


Candidate = tuple[int, tuple[Detector, ...]]  # where which detectors may match


class Hit(NamedTuple):
    """A secret: its span, its value as it is escaped in the text, and perhaps a password in it."""

    start: int
    end: int
    detector: Detector
    escaped: bytes
    password: bytes | None


class Scanner:
    """Looks for what ``detectors``, in priority order, detect.

    The built-in detectors share a pass. The user's own rules are apart: they may match long text,
    in which a shared pass would overlook a secret.
    """

    def __init__(self, detectors: Sequence[Detector]) -> None:
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
        self._alone = [(compiled(one.gate), one) for one in detectors if not one.shared]
        self._priority = {detector.name: rank for rank, detector in enumerate(detectors)}

    def candidates(self, text: bytes, tick: Tick = lambda: None) -> "Ahead[Candidate]":
        """Return where in ``text`` a secret may start, in order."""
        return Ahead(self._candidates(text, tick))

    def _candidates(self, text: bytes, tick: Tick) -> Iterator[Candidate]:
        sources = [
            Ahead(source)
            for source in (
                *([self._gated(self._gate, text, tick)] if self._gate is not None else ()),
                *(_found(text, literal, found, tick) for literal, found in self._finders.items()),
                *(_starts(gate, text, detector, tick) for gate, detector in self._alone),
            )
        ]
        held: list[Candidate] = []
        end = 0
        while heads := [source.head[0] for source in sources if source.head is not None]:
            end = max(end, min(heads)) + WINDOW
            for source in sources:
                held += (candidate for _, candidate in source.before(end))
            held.sort(key=itemgetter(0))
            settled = bisect_left(held, end - REACH, key=itemgetter(0))
            yield from held[:settled]
            del held[:settled]
        yield from held

    def _gated(self, gate: Any, text: bytes, tick: Tick) -> Iterator[tuple[int, Candidate]]:
        at = 0
        while (match := gate.search(text, at)) is not None:
            tick()
            boundary = match.start()
            start = edge_end(text, boundary)
            at = boundary + 1
            for offset in (at, start) if start > at else (at,):
                detectors = self._by_head[text[offset]] if offset < len(text) else ()
                if detectors and escape_around(text, offset) is None:
                    yield boundary, (offset, detectors)
                    at = max(at, offset)

    def hits(
        self,
        text: bytes,
        candidates: "Ahead[Candidate]",
        string: Span,
        tick: Tick = lambda: None,
    ) -> Iterator[Hit]:
        """Yield the hits inside a string, in order, none overlapping; skipping those before."""
        ends: dict[str, int] = defaultdict(int)
        cluster: list[Hit] = []
        cluster_end = 0
        for start, detectors in candidates.before(string.end):
            if start < string.start:
                continue
            if start >= cluster_end and cluster:
                yield from self._first_come(cluster)
                cluster = []
            for detector in detectors:
                # A token made of a thousand heads must not be matched a thousand times.
                if ends[detector.name] <= start:
                    tick()
                    hit = _at(text, start, string.end, detector)
                    if hit is None and detector.run is not None:
                        ends[detector.name] = _run_end(detector, text, start, string.end)
                    elif hit is not None:
                        ends[detector.name] = hit.end
                        cluster.append(hit)
                        cluster_end = max(cluster_end, hit.end)
        yield from self._first_come(cluster)

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
    return Hit(first, last, detector, text[first:last], password)


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


def _found(
    text: bytes, literal: bytes, found: list[tuple[Finder, tuple[Detector]]], tick: Tick
) -> Iterator[tuple[int, Candidate]]:
    """Yield what starts at a literal, or before it."""
    at = text.find(literal)
    while at >= 0:
        tick()
        for finder, detectors in found:
            starts = (finder.start(text, at),) if finder.starts is None else finder.starts(text, at)
            for start in starts:
                if start >= 0 and escape_around(text, start) is None:
                    yield at, (start, detectors)
        at = text.find(literal, at + len(literal))


def _starts(
    gate: Any, text: bytes, detector: Detector, tick: Tick
) -> Iterator[tuple[int, Candidate]]:
    """Yield where a rule of the user's own matches, without the starts that cut an escape."""
    at = 0
    while (match := gate.search(text, at)) is not None:
        tick()
        at = match.start()
        cut = escape_around(text, at)
        if cut is None:
            yield at, (at, (detector,))
        # What starts inside of a hit is none. But a match may go on past its string.
        hit = b'"' not in match[0]
        at = cut[1] if cut is not None else max(at + 1, match.end(detector.group) if hit else 0)
