r"""Placeholders that a request holds itself, before anything in it is replaced.

Two things follow from one. Its number is never given out after it. And whoever wrote it may want
the model to repeat it: it is *foreign*, and never restored in the answer, unless the model itself
wrote it earlier (`authors`).

A model undoes escapes, so other spellings count too: ``&lt;github_token_01&gt;``, ``\u003c…``,
``%3C…``, ``<GITHUB\_TOKEN\_1>``.
"""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import chain
from operator import itemgetter
from typing import NamedTuple

from ..automaton import compiled, search
from ..detect.detector import cased
from ..detect.prefilter import Signs
from ..detect.sources import Ahead
from ..json.spans import Span
from ..placeholders import Scheme
from .authors import Writer, foreign_spans
from .ledger import Ledger

_OPEN = re.compile(
    rb"(?:<|&lt;|&#0*60;|&#x0*3c;|%3c|\\+(?:u003c|x3c)|\xef\xbc\x9c|\\+uff1c)\Z", re.IGNORECASE
)
_LONGEST_OPEN = 16  # bytes
# One of them stands in each spelling of a `<` but itself.
_OPEN_ANCHORS = tuple(
    anchor
    for spelled in ("&lt;", "&#", "%3c", r"\u003", r"\x3", "uff1", "\N{FULLWIDTH LESS-THAN SIGN}")
    for anchor in cased(spelled)
)


class Literal(NamedTuple):
    """A placeholder as it would be written; ``number`` is None for an identifier's."""

    label: str
    number: int | None
    placeholder: str


class Literals:
    """Finds them, for one way of writing placeholders."""

    def __init__(self, scheme: Scheme, labels: Iterable[str]) -> None:
        self._scheme = scheme
        self._labels = {scheme.spelled(label): label for label in labels}
        names = "|".join(
            re.escape(name).replace("_", r"\\*_").replace(r"\-", "-")
            for name in sorted(self._labels, key=len, reverse=True)
        )
        self.gate = rf"(?i:{names})(?:\\*_|-)[0-9Hh]"
        self._gate = compiled(self.gate)
        self._may_stand = search(self._gate)
        self.signs = Signs(_OPEN_ANCHORS, ("<" + self.gate,))
        if not scheme.bracketed:
            self.signs = Signs((), (self.gate,))
        self._pattern = re.compile(rf"({names}){scheme.tail}(?![0-9a-z_])".encode(), re.IGNORECASE)

    def may_stand(self, text: bytes, windows: Iterable[Span]) -> bool:
        """Return False if no label of a placeholder stands in ``windows``."""
        return any(self._may_stand(text, start, end) >= 0 for start, end in windows)

    def find(self, text: bytes, windows: Iterable[Span]) -> Iterator[tuple[int, Literal]]:
        """Yield the placeholders in ``text`` whose labels stand in ``windows``, and where."""
        last, written = None, b""  # a text may hold one a million times
        for gate in chain.from_iterable(self._gate.finditer(text, *one) for one in windows):
            start = gate.start()
            if last is not None and text.startswith(written, start - 1):
                yield start, last
                continue
            match = self._pattern.match(text, start)
            literal = None if match is None else self._literal(text, start, match)
            if literal is None or match is None:
                continue
            if text.startswith(b"<", start - 1):
                last, written = literal, text[start - 1 : match.end() + 1]
            yield start, literal

    def is_one(self, text: bytes) -> bool:
        """Return True if ``text`` is a placeholder and nothing else: it hides a value already."""
        if self._scheme.bracketed:
            return False  # brackets stand in no value
        match = self._pattern.fullmatch(text)
        literal = None if match is None else self._literal(text, 0, match)
        return literal is not None and literal.placeholder.encode() == text

    def _literal(self, text: bytes, start: int, match: re.Match[bytes]) -> Literal | None:
        bare = self._scheme.bracketed and text[start - 1 : start] != b"<"
        if bare and not _OPEN.search(text, max(0, start - _LONGEST_OPEN), start):
            return None
        name, digest, number = match.group(1, "digest", "number")
        label = (
            self._labels.get(name.decode()) or self._labels[name.decode().replace("\\", "").upper()]
        )
        if digest:
            shown = self._scheme.identified(label, digest.decode().upper())
            return Literal(label, None, shown)
        return Literal(label, int(number), self._scheme.secret(label, int(number)))


class Own:
    """The placeholders in one unit's own text; those in foreign words are never restored."""

    def __init__(
        self, text: bytes, writer: Writer, found: Ahead[tuple[int, Literal]], ledger: Ledger
    ) -> None:
        self._found = found
        self._ledger = ledger
        self._last: Literal | None = None
        self._is_other = found.head is not None and writer.author == "other"
        self._foreign: list[Span] = []
        if found.head is not None:
            self._foreign = [Span(0, len(text))] if self._is_other else foreign_spans(text)

    def note_before(self, end: int) -> None:
        """Leave out the numbers that the text uses itself before ``end``."""
        if self._found.head is None:
            return  # as nearly always
        for offset, literal in self._found.before(end):
            if literal is self._last and self._is_other:
                continue
            self._last = literal
            if self._is_foreign(offset):
                self._ledger.distrust(literal.placeholder)
            if literal.number is not None:
                self._ledger.reserve(literal.label, literal.number)

    def _is_foreign(self, offset: int) -> bool:
        index = bisect_right(self._foreign, offset, key=itemgetter(0))
        return index > 0 and self._foreign[index - 1].end > offset
