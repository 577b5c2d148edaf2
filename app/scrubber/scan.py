"""Finding secrets in JSON-escaped text, in time linear in its length.

Two steps, so that text without secrets costs one pass of an automaton (some 600 MB/s, with the
interpreter's lock released): `Scanner.candidates` runs the gates of all detectors as one RE2
expression; `Scanner.hits` matches the detectors' own patterns where a gate was found. Literal
heads by Aho-Corasick are faster on prose, but hand over millions of heads on a text made of them.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import re2  # type: ignore[import-untyped] # google-re2 ships no types

from app.scrubber.blocks import without_gutter
from app.scrubber.detectors import Detector

_MEMORY = 64 * 2**20  # bytes an automaton may use before it starts anew


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

    Detectors that share a group share a pass. Identifiers and the user's own rules are apart:
    they may match long text, in which a shared pass would overlook a secret. ``extra`` is a gate
    that makes candidates and no hits.
    """

    def __init__(self, detectors: Sequence[Detector], extra: str = "") -> None:
        shared = [detector for detector in detectors if detector.shared]
        alone = [[detector] for detector in detectors if not detector.shared]
        self._groups = [group for group in (shared, *alone) if group]
        self._gates = [
            compiled("|".join(detector.gate for detector in group)) for group in self._groups
        ] + ([compiled(f"({extra})")] if extra else [])
        self._priority = {detector.name: rank for rank, detector in enumerate(detectors)}

    def candidates(self, text: bytes) -> list[Candidate]:
        """Return where in ``text`` a secret may start."""
        return [
            Candidate(start, group)
            for group, gate in enumerate(self._gates)
            for start in _starts(gate, text)
        ]

    def hits(
        self, text: bytes, candidates: Iterable[Candidate], strings: Sequence[Span]
    ) -> list[Hit]:
        """Return the hits inside ``strings`` (in order), in order, none overlapping."""
        starts = [string.start for string in strings]
        found: list[Hit] = []
        for start, group in candidates:
            index = bisect_right(starts, start) - 1
            if index >= 0 and start < strings[index].end and group < len(self._groups):
                found += self._at(text, start, strings[index].end, self._groups[group])
        found.sort(key=lambda hit: (self._priority[hit.detector.name], hit.start))
        return _without_overlaps(found)

    def _at(self, text: bytes, start: int, end: int, group: list[Detector]) -> Iterator[Hit]:
        for detector in group:
            match = detector.pattern.match(text, start, end)
            if match is None or (detector.accepts is not None and not detector.accepts(match)):
                continue
            span = match.span(detector.secret)
            if span[0] < span[1]:
                passwords = (match[group] for group in detector.passwords)
                password = next((value for value in passwords if value), None)
                yield Hit(*span, detector, without_gutter(text[slice(*span)]), password)


def compiled(pattern: str) -> "re2._Regexp":
    """Compile RE2 syntax for bytes; raises ``re2.error``."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MEMORY
    options.log_errors = False
    return re2.compile(pattern.encode(), options)


def _starts(gate: "re2._Regexp", text: bytes) -> Iterator[int]:
    at = 0
    while (match := gate.search(text, at)) is not None:
        starts = (match.start(group) for group in range(1, match.re.groups + 1))
        yield next(start for start in starts if start >= 0)
        # The last byte may be the boundary before the next.
        at = max(match.start() + 1, match.end() - 1)


def _without_overlaps(hits: list[Hit]) -> list[Hit]:
    """Keep, of hits in order of priority, those that touch no earlier one; return them by place."""
    kept: list[Hit] = []
    starts: list[int] = []
    for hit in hits:
        index = bisect_right(starts, hit.start)
        before = index == 0 or kept[index - 1].end <= hit.start
        after = index == len(kept) or hit.end <= kept[index].start
        if before and after:
            starts.insert(index, hit.start)
            kept.insert(index, hit)
    return kept
