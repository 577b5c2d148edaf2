"""Finding secrets in JSON-escaped text, in time linear in its length.

Two steps, so that text without secrets costs one pass of an automaton (some 600 MB/s, with the
interpreter's lock released): `Scanner.candidates` runs the gates of all detectors as one RE2
expression; `Scanner.hits` matches the detectors' own patterns where a gate was found. Literal
heads by Aho-Corasick are faster on prose, but hand over millions of heads on a text made of them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, NamedTuple

from app.scrubber.automaton import compiled
from app.scrubber.detector import Detector
from app.scrubber.escapes import escape_around, widened


class Span(NamedTuple):
    """A stretch of bytes."""

    start: int
    end: int


class Candidate(NamedTuple):
    """Where a detector of ``group`` may match."""

    start: int
    group: int


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
    in which a shared pass would overlook a secret. ``extra`` is a gate of candidates that make no
    hits.
    """

    def __init__(self, detectors: Sequence[Detector], extra: str = "") -> None:
        shared = [detector for detector in detectors if detector.shared]
        alone = [[detector] for detector in detectors if not detector.shared]
        self._groups = [shared, *alone]
        gates = [[detector.gate for detector in group] for group in self._groups]
        gates[0] += [f"({extra})"] if extra else []
        self._gates = [compiled("|".join(group)) if group else None for group in gates]
        self._priority = {detector.name: rank for rank, detector in enumerate(detectors)}

    def candidates(self, text: bytes) -> list[Candidate]:
        """Return where in ``text`` a secret may start."""
        return [
            Candidate(start, group)
            for group, gate in enumerate(self._gates)
            if gate is not None
            for start in _starts(gate, text)
        ]

    def hits(
        self, text: bytes, candidates: Iterable[Candidate], strings: Sequence[Span]
    ) -> list[Hit]:
        """Return the hits inside ``strings`` (in order), in order, none overlapping."""
        starts = [string.start for string in strings]
        found: dict[str, list[Hit]] = {name: [] for name in self._priority}
        for start, group in candidates:
            index = bisect_right(starts, start) - 1
            if index >= 0 and start < strings[index].end:
                for detector in self._groups[group]:
                    hits = found[detector.name]
                    # A token made of a thousand heads must not be matched a thousand times.
                    if not hits or hits[-1].end <= start:
                        hits += _at(text, start, strings[index].end, detector)
        return list(self._without_overlaps(list(chain.from_iterable(found.values()))))

    def _without_overlaps(self, hits: list[Hit]) -> Iterator[Hit]:
        """Yield hits by place; of those that touch the ones of higher priority."""
        hits.sort(key=lambda hit: hit.start)
        cluster: list[Hit] = []
        end = 0
        for hit in hits:
            if hit.start >= end:
                yield from self._first_come(cluster)
                cluster = []
            cluster.append(hit)
            end = max(end, hit.end)
        yield from self._first_come(cluster)

    def _first_come(self, cluster: list[Hit]) -> list[Hit]:
        kept: list[Hit] = []
        starts: list[int] = []
        for hit in sorted(cluster, key=lambda hit: self._priority[hit.detector.name]):
            index = bisect_right(starts, hit.start)
            clear = index == 0 or kept[index - 1].end <= hit.start
            if clear and (index == len(kept) or hit.end <= starts[index]):
                kept.insert(index, hit)
                starts.insert(index, hit.start)
        return kept


def _at(text: bytes, start: int, end: int, detector: Detector) -> Iterator[Hit]:
    match = detector.pattern.match(text, start, end)
    if match is None or (detector.accepts is not None and not detector.accepts(match)):
        return
    first, last = match.span(detector.group)
    if first < last:
        passwords = (match[group] for group in detector.passwords)
        password = next((value for value in passwords if value), None)
        first, last = widened(text, first, last)
        last = min(last, end)
        yield Hit(first, last, detector, text[first:last], password)


def _starts(gate: Any, text: bytes) -> Iterator[int]:
    groups = range(1, gate.groups + 1)
    at = 0
    while (match := gate.search(text, at)) is not None:
        start = next(start for start in map(match.start, groups) if start >= 0)
        cut = escape_around(text, start)
        if cut is None:
            yield start
        # What begins inside this match is found too; its boundary may be this one's first byte.
        at = max(match.start() + 1, start if cut is None or start > match.start() else cut[1])
