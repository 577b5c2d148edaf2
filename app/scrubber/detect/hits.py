"""What detectors find at a place, and which of overlapping findings counts."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from ..json.escapes import widened
from ..json.spans import Span
from . import dense
from .dense import Effort
from .detector import LONGEST_MATCH, Detector

_LONGEST_RUN = 16 * 1024  # bytes: longer runs may be matched from a later start
_TELLING = re.compile(rb"[A-Za-z0-9\x80-\xff]{5}")  # of a secret: less says nothing


class Hit(NamedTuple):
    """A secret: its span, its value as it is escaped in the text, and perhaps a password in it."""

    start: int
    end: int
    detector: Detector
    escaped: bytes
    password: bytes | None


HIT = partial(tuple.__new__, Hit)  # there are many: the quickest way to make one


def hit_at(text: bytes, start: int, end: int, detector: Detector) -> Hit | None:
    """Return what a detector finds at ``start``, as if the text ended at ``end``."""
    match = detector.pattern.match(text, start, min(end, start + detector.longest))
    if match is None or (detector.accepts is not None and not detector.accepts(match)):
        return None
    first, last = match.span(detector.group) if detector.group else (start, match.end())
    if first >= last:
        return None
    password = None
    if detector.passwords:
        groups = match.groupdict()
        password = next(filter(None, map(groups.get, detector.passwords)), None)
    first, last = widened(text, first, last)
    last = min(last, end)
    return HIT((first, last, detector, text[first:last], password))


class Cluster:
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
            hit = hit_at(self._text, start, self._limit, detector)
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
            hit = hit_at(self._text, start, self._limit, detector)
            if hit is not None and hit.end > self.first:
                yield hit._replace(start=self.first, escaped=self._text[self.first : hit.end])
                self.first = self.end = hit.end


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


def first_come(cluster: list[Hit], ranks: Mapping[str, int]) -> list[Hit]:
    """Return those of overlapping hits that touch none of higher priority, in order.

    ``ranks`` are the detectors' priorities, 0 the highest. A block of several lines is no part of
    anything else, and what looks like a token in it is a part of the block. What those of higher
    priority leave of a secret is hidden, too, on its own.
    """
    if len(cluster) < 2:  # noqa: PLR2004 - nothing to choose from
        return cluster

    def rank(hit: Hit) -> tuple[bool, int]:
        return hit.detector.parts is None, ranks[hit.detector.name]

    kept: list[Hit] = []
    starts: list[int] = []
    for hit in sorted(cluster, key=rank):
        index = bisect_right(starts, hit.start)
        clear = index == 0 or kept[index - 1].end <= hit.start
        if clear and (index == len(kept) or hit.end <= starts[index]):
            kept.insert(index, hit)
            starts.insert(index, hit.start)
        else:
            kept = sorted([*kept, *_left(hit, kept)], key=itemgetter(0))
            starts = [one.start for one in kept]
    return kept


def _left(hit: Hit, kept: list[Hit]) -> Iterator[Hit]:
    """Yield what others leave of a secret, or of the password in it: all, or more than a joint.

    Each piece has the whole password, which is looked for from then on.
    """
    if hit.detector.tier != "secret" or hit.detector.parts is not None:
        return
    start, end = (hit.start, hit.end) if hit.password is None else _password(hit, hit.password)
    around = [one for one in kept if one.end > start and one.start < end]
    edges = [start, *(edge for one in around for edge in (one.start, one.end)), end]
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        piece = hit.escaped[max(0, first - hit.start) : max(0, last - hit.start)]
        if not around or _TELLING.search(piece) is not None:
            yield hit._replace(start=first, end=last, escaped=piece)


def _password(hit: Hit, password: bytes) -> tuple[int, int]:
    """Return where the password of a URL stands."""
    places = (hit.escaped.find(joint + password) + 1 for joint in (b":", b"=", b"/"))
    start = hit.start + (next(filter(None, places), 0) or hit.escaped.find(password))
    return start, start + len(password)
