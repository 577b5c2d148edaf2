"""One unit of a request: what is replaced in it, by what."""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import NamedTuple
from urllib.parse import unquote

from app.scrubber import urls
from app.scrubber.escapes import value, view
from app.scrubber.ledger import Ledger
from app.scrubber.literals import Literal, Literals
from app.scrubber.placeholders import Scheme
from app.scrubber.rules import Rules
from app.scrubber.scan import Candidate, Hit, Scanner, Span
from app.scrubber.strings import Path, Place, Text, strings


class Replacement(NamedTuple):
    """A stretch of a unit, the value in it and what stands for it."""

    start: int
    end: int
    detector: str
    value: str
    placeholder: str
    path: Path


class Replacer:
    """Applies the rules to unit after unit, in cache order."""

    def __init__(self, rules: Rules, scheme: Scheme) -> None:
        self._rules = rules
        self._literals = Literals(scheme, [detector.label for detector in rules.detectors])
        self._scanner = Scanner(rules.detectors, extra=self._literals.gate)

    def replacements(self, unit: bytes, ledger: Ledger, place: Place) -> list[Replacement]:
        """Return what is replaced in a unit, in order; the ledger notes what it learns.

        Raises `walk.NotJson` for anything but JSON.
        """
        plain = view(unit)
        candidates = self._scanner.candidates(plain.text)
        if not candidates and not ledger.occurs(plain.text):
            return []
        texts = strings(plain.text, place=place)
        literals = deque(self._reserved(plain.text, candidates))
        if literals:
            for placeholder in sorted(self._literals.foreign(unit, in_tools=place.in_tools)):
                ledger.distrust(placeholder)
        hits = deque(self._scanner.hits(plain.text, candidates, [text.span for text in texts]))
        found = [
            replacement._replace(
                start=plain.original(replacement.start), end=plain.original(replacement.end)
            )
            for _, block in groupby(texts, key=lambda text: text.block)
            for replacement in self._in_block(plain.text, list(block), hits, literals, ledger)
        ]
        self._reserve(literals, len(plain.text), ledger)  # in what is skipped at the end
        return found

    def _reserved(
        self, text: bytes, candidates: Iterable[Candidate]
    ) -> Iterator[tuple[int, Literal]]:
        """Yield where the text itself holds which placeholder."""
        for candidate in candidates:
            literal = self._literals.at(text, candidate.start)
            if literal is not None:
                yield candidate.start, literal

    @staticmethod
    def _reserve(literals: deque[tuple[int, Literal]], end: int, ledger: Ledger) -> None:
        while literals and literals[0][0] < end:
            _, literal = literals.popleft()
            if literal.number is not None:
                ledger.reserve(literal.label, literal.number)

    def _in_block(
        self,
        text: bytes,
        block: Sequence[Text],
        hits: deque[Hit],
        literals: deque[tuple[int, Literal]],
        ledger: Ledger,
    ) -> list[Replacement]:
        """Return what is replaced in a block: what is detected, then what is known by now."""
        self._reserve(literals, block[-1].span.end, ledger)
        replaced: list[Replacement] = []
        gaps: list[Span] = []
        for one in block:
            start = one.span.start
            while hits and hits[0].start < one.span.end:
                hit = hits.popleft()
                gaps.append(Span(start, hit.start))
                start = hit.end
                replaced += self._detected(hit, one.path, ledger)
            gaps.append(Span(start, one.span.end))
        starts = [one.span.start for one in block]
        for span, hidden, shown in ledger.known(text, gaps):
            path = block[bisect_right(starts, span.start) - 1].path
            replaced.append(Replacement(*span, hidden.detector, hidden.value, shown, path))
        return sorted(replaced, key=lambda one: one.start)

    def _detected(self, hit: Hit, path: Path, ledger: Ledger) -> Iterator[Replacement]:
        found = value(hit.detector.canonical(hit.escaped))
        if self._rules.allows(found):
            return
        shown = ledger.placeholder(hit.detector, found)
        if hit.password is not None:
            password = value(hit.password)
            if not urls.names_also(found, password):
                for spelled in (password, unquote(password)):
                    ledger.learn(hit.detector, spelled)
        yield Replacement(hit.start, hit.end, hit.detector.name, found, shown, path)


def spliced(text: bytes, pieces: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Return ``text`` with each piece in the place of its span; the same object without any."""
    parts: list[bytes] = []
    copied = 0
    for start, end, piece in sorted(pieces):
        parts += text[copied:start], piece
        copied = end
    return b"".join([*parts, text[copied:]]) if parts else text
