"""What gives a secret away, and where it may start then.

Each source works through the text by itself and is never ahead by more than one finding.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from ahocorasick_rs import BytesAhoCorasick, MatchKind

from ..automaton import compiled, search
from ..json.escapes import escape_around
from ..json.spans import Span, find
from . import dense
from .dense import Effort
from .detector import Detector, Finder
from .edges import edge_end, joined

_SEARCHED = 1024 * 1024  # bytes of one search, which holds the interpreter's lock
_SMALL = 64 * 1024  # bytes of text in which a literal's places are all listed
_BETWEEN = b"\xff"  # an octet that no literal holds
# Literals that ordinary text holds: they are looked for by themselves.
COMMON = frozenset((b"@", b"://", b"data", b"machine", b"-u", b"-U"))
SILENT = 64  # literals behind which a source shows where it is

Candidate = tuple[int, tuple[Detector, ...]]  # where which detectors may match
Found = list[tuple[Finder, tuple[Detector]]]
Placed = TypeVar("Placed", bound="tuple[int, Any]")


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


class Cursor:
    """Where in a text sources look: no more at what lies before ``at``."""

    __slots__ = ("at", "effort", "end", "text")

    def __init__(self, text: bytes, effort: Effort, at: int = 0, end: int | None = None) -> None:
        self.text = text
        self.effort = effort
        self.at = at
        self.end = len(text) if end is None else end


class Sources:
    """Those of all ``detectors``.

    The built-in detectors share a pass. The user's own rules are apart: they may match long text,
    in which a shared pass would overlook a secret.
    """

    def __init__(self, detectors: Sequence[Detector], also: str) -> None:
        gated = [one for one in detectors if one.shared and one.gate]
        gates = joined(detector.gate for detector in gated)
        self._gate = search(compiled(gates)) if gates else None
        self._by_head = [
            tuple(one for one in gated if chr(octet) in one.heads) for octet in range(256)
        ]
        self._finders: dict[bytes, Found] = defaultdict(list)
        for detector in detectors:
            for finder in detector.finders:
                self._finders[finder.literal].append((finder, (detector,)))
        self._common = {one: found for one, found in self._finders.items() if one in COMMON}
        self._searches = {
            literal: BytesAhoCorasick([literal], matchkind=MatchKind.LeftmostFirst)
            for literal in self._finders
        }
        self._rare = [literal for literal in self._finders if literal not in COMMON]
        self._rare_finder = BytesAhoCorasick(self._rare, matchkind=MatchKind.LeftmostFirst)
        signs = [gates, *(re.escape(literal.decode()) for literal in self._rare), also]
        self._signs = search(compiled("|".join(filter(None, signs)) or r"\z"))
        self._weights = {
            anchor: 1 + one.steps
            for one in detectors
            for anchor in (*one.anchors, *(finder.literal for finder in one.finders))
        }
        self._weighed = BytesAhoCorasick(self._weights, matchkind=MatchKind.LeftmostFirst)
        self._alone = [(compiled(one.gate), one) for one in detectors if not one.shared]

    def first_sign(self, text: bytes) -> int:
        """Return where in ``text`` something stands that is not common; its length if nowhere."""
        sign = self._signs(text, 0, len(text))
        return len(text) if sign < 0 else sign

    def weight(self, text: bytes) -> int:
        """Return how many steps, about, what may give a secret away in ``text`` would take."""
        weights = list(self._weights.values())
        return sum(weights[which] for which, _, _ in self._weighed.find_matches_as_indexes(text))

    def has_gate(self, text: bytes, start: int, end: int) -> bool:
        """Return True if something other than a literal gives a secret away in a stretch."""
        if self._gate is not None and self._gate(text, start, end) >= 0:
            return True
        return any(gate.search(text, start, end) for gate, _ in self._alone)

    def of(self, cursor: Cursor, windows: Sequence[Span]) -> list[Ahead[tuple[int, Candidate]]]:
        """Return the sources in a text that holds signs in ``windows`` only."""
        literals = self.literals(cursor.text, windows, are_common=True)
        return list(map(Ahead, self._each(cursor, literals, windows)))

    def literals(
        self, text: bytes, windows: Sequence[Span], *, are_common: bool
    ) -> Mapping[bytes, Found]:
        """Return which literals may stand in a text, the common ones among them or not."""
        rare = self._rare_in(text, windows) if windows else ()
        if not are_common:
            return {literal: self._finders[literal] for literal in rare}
        return {
            literal: found
            for literal, found in (self._finders if rare else self._common).items()
            if (self._may_hold(text, literal) if literal in COMMON else literal in rare)
        }

    def _rare_in(self, text: bytes, windows: Sequence[Span]) -> Sequence[bytes]:
        """Return which literals that are not common may stand in windows."""
        if sum([end - start for start, end in windows]) > _SMALL:
            return [one for one in self._rare if len(text) > _SEARCHED or one in text]
        whole = _BETWEEN.join([text[start:end] for start, end in windows])
        # What is found may overlap others, so it only tells that there are any.
        found = self._rare_finder.find_matches_as_indexes(whole)
        return [one for one in self._rare if one in whole] if found else ()

    def _may_hold(self, text: bytes, literal: bytes) -> bool:
        """Return False if a look ahead shows that a literal does not stand in a text.

        The automaton looks at many bytes at a time, unlike `bytes.find`, but finds all at once.
        """
        if len(text) <= _SMALL and len(literal) > 1:
            return bool(self._searches[literal].find_matches_as_indexes(text))
        return len(text) > _SEARCHED or literal in text

    def between(self, text: bytes, start: int, end: int) -> Iterator[Candidate]:
        """Yield where a secret may start of which something is found in a short piece of text."""
        cursor = Cursor(text, Effort.unlimited(), start, min(len(text), end + dense.TAIL))
        for source in self._each(cursor, self._finders, (Span(0, len(text)),)):
            yield from (one for _, one in Ahead(source).before(end))

    def _each(
        self,
        cursor: Cursor,
        literals: Mapping[bytes, Found],
        windows: Sequence[Span],
    ) -> Iterator[Iterator[tuple[int, Candidate]]]:
        yield self._gated(cursor, windows)
        yield from self.beside_gates(cursor, literals, windows)

    def beside_gates(
        self, cursor: Cursor, literals: Mapping[bytes, Found], windows: Sequence[Span]
    ) -> Iterator[Iterator[tuple[int, Candidate]]]:
        """Yield the sources of ``literals`` and of the user's rules."""
        whole = (Span(0, len(cursor.text)),)
        for literal, found in literals.items():
            yield _found(cursor, literal, found, whole if literal in COMMON else windows)
        for alone, detector in self._alone:
            yield _starts(cursor, alone, detector)

    def last(self, text: bytes, start: int, end: int) -> Iterator[Candidate]:
        """Yield what begins where a literal stands last in a stretch.

        And before that, if a list of secrets may follow it.
        """
        for literal, found in self._finders.items():
            several = any(finder.starts is not None for finder, _ in found)
            at = end
            for _ in range(dense.LAST if several else 1):
                at = text.rfind(literal, start, at)
                if at < 0:
                    break
                yield from ((one, which) for one, which in _starting(text, at, found) if one >= 0)

    def gated(self, text: bytes, windows: Iterable[Span]) -> Iterator[list[Candidate]]:
        """Yield what may start at one gate after the other."""
        gate, at = self._gate, 0
        if gate is None:
            return
        for first, end in windows:
            at = max(at, first)
            while (boundary := gate(text, at, end)) >= 0:
                found = self._behind(text, boundary)
                yield found
                at = found[-1][0] if found else boundary + 1

    def _gated(self, cursor: Cursor, windows: Sequence[Span]) -> Iterator[tuple[int, Candidate]]:
        """Yield the same one by one, none before the cursor."""
        gate, text, step, at = self._gate, cursor.text, cursor.effort.step, cursor.at
        if gate is None:
            return
        for first, end in windows:
            at, end = max(at, first), min(end, cursor.end)  # noqa: PLW2901
            while (boundary := gate(text, at, end)) >= 0:
                step()
                found = self._behind(text, boundary)
                for one in found:
                    yield boundary, one
                at = found[-1][0] if found else boundary + 1
                at = max(at, cursor.at - 1)  # a boundary may belong to what is hidden

    def _behind(self, text: bytes, boundary: int) -> list[Candidate]:
        """Return what may start behind a boundary at which the gate matches, in order."""
        first, start = boundary + 1, edge_end(text, boundary)
        found: list[Candidate] = []
        for offset in (first, start) if start > first else (first,):
            detectors = self._by_head[text[offset]] if offset < len(text) else ()
            if detectors and escape_around(text, offset) is None:
                found.append((offset, detectors))
        return found


def _found(
    cursor: Cursor, literal: bytes, found: Found, windows: Sequence[Span]
) -> Iterator[tuple[int, Candidate]]:
    """Yield what starts at a literal, or before it."""
    text, step = cursor.text, cursor.effort.step
    silent, far = 0, any(finder.starts is not None or finder.is_far for finder, _ in found)
    for at in _places(cursor, literal, windows):
        step()
        silent += 1
        if silent == SILENT:
            silent = 0
            yield at, (at, ())
        for start, detectors in _starting(text, at, found):
            if start >= 0 and escape_around(text, start) is None:
                yield at, (start, detectors)
            elif far:
                step(dense.FAR_LOOK)


def _places(cursor: Cursor, literal: bytes, windows: Sequence[Span]) -> Iterator[int]:
    """Yield where a literal stands in windows, none before the cursor."""
    text, behind = cursor.text, 0
    for start, end in windows:
        first, last = max(start, behind), min(end, cursor.end)
        while (at := find(text, literal, max(first, cursor.at), last)) >= 0:
            yield at
            behind = first = at + len(literal)


def _starting(text: bytes, at: int, found: Found) -> Iterator[Candidate]:
    """Yield where secrets start of which a literal stands at an offset (-1: none does)."""
    for finder, detectors in found:
        if finder.starts is None:
            yield finder.start(text, at), detectors
        else:
            for start in finder.starts(text, at):
                yield start, detectors


def _starts(cursor: Cursor, gate: Any, detector: Detector) -> Iterator[tuple[int, Candidate]]:
    """Yield where a rule of the user's own matches, without the starts that cut an escape."""
    text, step, at = cursor.text, cursor.effort.step, cursor.at
    # At the end only nothing can match, and RE2 takes what is behind it for the end.
    while at < cursor.end and (match := gate.search(text, at, cursor.end)) is not None:
        step()
        at = match.start()
        cut = escape_around(text, at)
        if cut is None:
            yield at, (at, (detector,))
        # What starts inside of a hit is none. But a match may go on past its string.
        hit = b'"' not in match[0]
        at = cut[1] if cut is not None else max(at + 1, match.end(detector.group) if hit else 0)
        at = max(at, cursor.at)
