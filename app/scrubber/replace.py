"""One unit of a request: what is replaced in it, by what."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import unquote

from . import urls
from .escapes import value, view
from .ledger import Ledger
from .literals import Literal, Literals
from .placeholders import Hidden, Scheme
from .rules import Rules
from .scan import Ahead, Hit, Scanner, Span, Tick
from .strings import Path, Place, Text, each_string, skipped_in_request
from .words import Author, author, may_stand

_BATCH = 2048  # hits, or strings, that are worked off together at the most
_PUNCTUATION = ")]},.;:!?"


class Replacement(NamedTuple):
    """A stretch of a unit, the value in it and what stands for it."""

    start: int
    end: int
    detector: str
    value: str
    placeholder: str
    path: Path


class _Batch:
    """Strings of one block, or pieces of a long one, and the hits in them, in order."""

    def __init__(self) -> None:
        self.texts: list[Text] = []
        self.hits: list[Hit] = []


class Replacer:
    """Applies the rules to unit after unit, in cache order."""

    def __init__(self, rules: Rules, scheme: Scheme) -> None:
        self._rules = rules
        self._literals = Literals(scheme, [detector.label for detector in rules.detectors])
        self._scanner = Scanner(rules.detectors)

    def replacements(
        self, unit: bytes, ledger: Ledger, place: Place, tick: Tick = lambda: None
    ) -> Iterator[Replacement]:
        """Yield what is replaced in a unit, in order; the ledger notes what it learns.

        Raises `walk.NotJson` for anything but JSON, and what ``tick`` raises.
        """
        plain = view(unit)
        text = plain.text
        literals = Ahead(self._literals.find(text))
        candidates = self._scanner.candidates(text, tick)
        if candidates.head is None and literals.head is None and not ledger.occurs(text):
            return
        if literals.head is not None:
            for placeholder in sorted(self._literals.foreign(unit, in_tools=place.in_tools)):
                ledger.distrust(placeholder)
        wrote = author(unit)
        for batch in _batches(
            each_string(text, skipped_in_request, place),
            lambda span: self._scanner.hits(text, candidates, span, tick),
        ):
            tick()
            _reserve(literals, batch.texts[-1].span.end, ledger)
            for one in self._in_batch(text, batch, ledger, wrote):
                start, end = plain.original(one.start), plain.original(one.end)
                yield one._replace(start=start, end=end)
        _reserve(literals, len(text), ledger)  # in what is skipped at the end

    def _in_batch(
        self, text: bytes, batch: _Batch, ledger: Ledger, wrote: Author
    ) -> list[Replacement]:
        """Return what is replaced: what is detected, then what is known by now."""
        spans = [one.span for one in batch.texts] if wrote == "model" else list(batch.hits)
        known = ledger.shown_in(text, [Span(one.start, one.end) for one in spans])
        starts = [one.span.start for one in batch.texts]
        replaced: list[Replacement] = []
        for group in _overlapping(batch.hits, sorted(known, key=_start_of_known)):
            first = group.hits[0].start if group.hits else group.known[0][0].start
            path = batch.texts[bisect_right(starts, first) - 1].path
            replaced += self._decided(text, group, path, ledger, wrote)
        gaps = _gaps([one.span for one in batch.texts], replaced)
        for span, hidden, shown in ledger.known(text, gaps):
            path = batch.texts[bisect_right(starts, span.start) - 1].path
            replaced.append(Replacement(*span, hidden.detector, hidden.value, shown, path))
        replaced.sort(key=_start_of)
        return replaced

    def _decided(
        self, text: bytes, group: "_Group", path: Path, ledger: Ledger, wrote: Author
    ) -> Iterator[Replacement]:
        """Yield what is replaced of hits and known values that overlap: these, or those."""
        if group.known and (not group.hits or self._stays(text, group, ledger, wrote)):
            for span, hidden, shown in group.known:
                yield Replacement(*span, hidden.detector, hidden.value, shown, path)
            return
        for hit in group.hits:
            found = value(hit.detector.canonical(hit.escaped))
            if not self._rules.allows(found):
                shown = ledger.placeholder(hit.detector, found)
                self._learn(hit, found, ledger)
                yield Replacement(hit.start, hit.end, hit.detector.name, found, shown, path)

    def _stays(self, text: bytes, group: "_Group", ledger: Ledger, wrote: Author) -> bool:
        """Return True if known values are replaced in a longer hit, and the rest of it stays."""
        if len(group.hits) == 1 and ledger.has(value(group.hits[0].escaped)):
            return False
        detectors = {hit.detector.name for hit in group.hits}
        return may_stand(_rest(text, group), detectors, wrote)

    def _learn(self, hit: Hit, found: str, ledger: Ledger) -> None:
        """Note what is a secret by itself: a password, the lines of a key."""
        if hit.password is not None:
            password = value(hit.password)
            if not urls.names_also(found, password):
                for spelled in (password, unquote(password), password.rstrip(_PUNCTUATION)):
                    ledger.learn(hit.detector, spelled)
        if hit.detector.parts is not None:
            for part in hit.detector.parts(hit.escaped):
                ledger.learn(hit.detector, value(part))


_Known = tuple[Span, Hidden, str]


class _Group(NamedTuple):
    """Hits and known values that overlap, each in order."""

    hits: list[Hit]
    known: list[_Known]


def _reserve(literals: Ahead[tuple[int, Literal]], end: int, ledger: Ledger) -> None:
    """Leave out the numbers that the text itself uses before ``end``."""
    for _, literal in literals.before(end):
        if literal.number is not None:
            ledger.reserve(literal.label, literal.number)


def _batches(texts: Iterator[Text], hits: Callable[[Span], Iterator[Hit]]) -> Iterator[_Batch]:
    batch = _Batch()
    for one in texts:
        if batch.texts and (one.block != batch.texts[-1].block or len(batch.texts) >= _BATCH):
            yield batch
            batch = _Batch()
        start = one.span.start
        for hit in hits(one.span):
            batch.hits.append(hit)
            if len(batch.hits) >= _BATCH:
                batch.texts.append(one._replace(span=Span(start, hit.end)))
                yield batch
                batch, start = _Batch(), hit.end
        batch.texts.append(one._replace(span=Span(start, one.span.end)))
    if batch.texts:
        yield batch


def _start_of(one: Replacement) -> int:
    return one.start


def _start_of_known(one: _Known) -> int:
    return one[0].start


def _overlapping(hits: list[Hit], known: list[_Known]) -> Iterator[_Group]:
    """Yield hits and known values, both in order, by what overlaps."""
    if not known:
        yield from (_Group([hit], []) for hit in hits)
        return
    group, end = _Group([], []), 0
    either: list[tuple[int, int, Hit | _Known]] = [(hit.start, hit.end, hit) for hit in hits]
    either += [(*one[0], one) for one in known]
    either.sort(key=lambda one: one[0])
    for first, last, one in either:
        if first >= end and (group.hits or group.known):
            yield group
            group = _Group([], [])
        if isinstance(one, Hit):
            group.hits.append(one)
        else:
            group.known.append(one)
        end = max(end, last)
    if group.hits or group.known:
        yield group


def _rest(text: bytes, group: _Group) -> list[bytes]:
    """Return what is left of overlapping hits before, between and behind known values."""
    first = min(group.hits[0].start, group.known[0][0].start)
    last = max(group.hits[-1].end, group.known[-1][0].end)
    edges = [first, *(edge for span, _, _ in group.known for edge in span), last]
    return [text[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]


def _gaps(spans: list[Span], taken: list[Replacement]) -> list[Span]:
    """Return what is left of spans, in order, without what is replaced in them."""
    gaps: list[Span] = []
    at = 0
    for span in spans:
        start = span.start
        while at < len(taken) and taken[at].start < span.end:
            if start < taken[at].start:
                gaps.append(Span(start, taken[at].start))
            start = taken[at].end
            at += 1
        if start < span.end:
            gaps.append(Span(start, span.end))
    return gaps


def spliced(text: bytes, pieces: Iterable[tuple[int, int, bytes]]) -> bytes:
    """Return ``text`` with each piece, in order, in the place of its span; itself without any."""
    whole: list[bytes] = []
    parts: list[bytes] = []
    copied = 0
    for start, end, piece in pieces:
        parts += text[copied:start], piece
        copied = end
        if len(parts) >= _BATCH:
            whole.append(b"".join(parts))
            parts.clear()
    if not whole and not parts:
        return text
    return b"".join([*whole, *parts, text[copied:]])
