"""One unit of a request: what is replaced in it, by what."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple
from urllib.parse import unquote

from ..detect import dense, urls
from ..detect.dense import Effort, Tick
from ..detect.rules import Rules
from ..detect.scan import Ahead, Hit, Scanner
from ..json.escapes import value, view
from ..json.spans import Span
from ..json.strings import Path, Place, Text, each_string, skipped_in_request
from ..placeholders import Hidden, Scheme
from .ledger import SHORTEST_KNOWN, Decision, Ledger
from .literals import Literal, Literals
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


# There may be millions: the quickest way to make one.
_REPLACEMENT = partial(tuple.__new__, Replacement)
_Replaced = tuple[int, int, str, str, str, Path]  # a `Replacement` in the view


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
        self._scanner = Scanner(rules.detectors, self._literals.gate)

    def replacements(
        self, unit: bytes, ledger: Ledger, place: Place, tick: Tick = lambda: None
    ) -> Iterator[Replacement]:
        """Yield what is replaced in a unit, in order; the ledger notes what it learns.

        Raises `walk.NotJson` for anything but JSON, and what ``tick`` raises.
        """
        plain = view(unit)
        text = plain.text
        quiet = self._scanner.is_quiet(text)
        literals = Ahead(iter(()) if quiet else self._literals.find(text))
        effort = Effort(ledger.spent, len(text), tick)
        candidates = self._scanner.candidates(text, effort, quiet=quiet)
        if candidates.head is None and literals.head is None and not ledger.occurs(text):
            return
        wrote = author(unit)
        foreign = wrote == "other"  # all of them
        if literals.head is not None and not foreign:
            for placeholder in sorted(self._literals.foreign(unit, in_tools=place.in_tools)):
                ledger.distrust(placeholder)
        for batch in _batches(
            each_string(text, skipped_in_request, place),
            lambda span: self._scanner.hits(text, candidates, span),
        ):
            tick()
            _reserve(literals, batch.texts[-1].span.end, ledger, foreign=foreign)
            replaced = self._in_batch(text, batch, ledger, wrote)
            if plain.marks:
                for one in replaced:
                    yield Replacement(plain.original(one[0]), plain.original(one[1]), *one[2:])
            else:
                yield from map(_REPLACEMENT, replaced)
        ledger.spend(effort.excess)
        _reserve(literals, len(text), ledger, foreign=foreign)  # in what is skipped at the end

    def _in_batch(
        self, text: bytes, batch: _Batch, ledger: Ledger, wrote: Author
    ) -> list[_Replaced]:
        """Return what is replaced: what is detected, then what is known by now."""
        starts = [one.span.start for one in batch.texts]
        spans = [one.span for one in batch.texts]

        def path(offset: int) -> Path:
            return batch.texts[bisect_right(starts, offset) - 1].path

        replaced: list[_Replaced] = []
        places = _open(spans, batch.hits) if wrote == "model" else _new(batch.hits, ledger)
        known = list(ledger.shown_in(text, places))
        if known:
            for group in _overlapping(batch.hits, sorted(known, key=_start_of_known)):
                replaced += self._decided(text, group, path, ledger, wrote)
        else:
            self._replace(batch.hits, replaced, path, ledger)
        for span, hidden, shown in ledger.known(text, _gaps(spans, replaced)):
            replaced.append((*span, hidden.detector, hidden.value, shown, path(span.start)))
        replaced.sort(key=_start_of)
        return replaced

    def _decided(
        self,
        text: bytes,
        group: "_Group",
        path: Callable[[int], Path],
        ledger: Ledger,
        wrote: Author,
    ) -> list[_Replaced]:
        """Return what is replaced of hits and known values that overlap: these, or those."""
        if not group.known or (group.hits and not self._stays(text, group, ledger, wrote)):
            return self._replace(group.hits, [], path, ledger)
        first = group.hits[0].start if group.hits else group.known[0][0].start
        return [
            (*span, hidden.detector, hidden.value, shown, path(first))
            for span, hidden, shown in group.known
        ]

    def _replace(
        self,
        hits: list[Hit],
        replaced: list[_Replaced],
        path: Callable[[int], Path],
        ledger: Ledger,
    ) -> list[_Replaced]:
        """Add what stands for hits to ``replaced``, and return it."""
        for hit in hits:
            start, end = hit[:2]
            decision = ledger.decisions.get(hit[2:]) or self._decide(hit, ledger)
            if decision is not None:
                replaced.append((start, end, *decision, path(start)))
        return replaced

    def _decide(self, hit: Hit, ledger: Ledger) -> Decision | None:
        """Return what stands for a hit, None if it is allowed or a placeholder itself."""
        if hit.detector is dense.TEXT:
            decision = dense.NAME, "", ledger.overflow(hit.detector, "")
            if not hit.escaped:
                ledger.decisions[hit[2:]] = decision
            return decision
        found = value(hit.detector.canonical(hit.escaped))
        if self._rules.allows(found) or self._literals.is_one(hit.password or hit.escaped):
            return None
        decision = (hit.detector.name, found, ledger.placeholder(hit.detector, found))
        self._learn(hit, found, ledger)
        if ledger.has(value(hit.escaped)):
            ledger.decisions[hit[2:]] = decision
        return decision

    def _stays(self, text: bytes, group: "_Group", ledger: Ledger, wrote: Author) -> bool:
        """Return True if known values are replaced in a longer hit, and the rest of it stays."""
        if group.hits[-1].detector is dense.TEXT:
            return False
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


def _reserve(
    literals: Ahead[tuple[int, Literal]], end: int, ledger: Ledger, *, foreign: bool
) -> None:
    """Leave out the numbers that the text itself uses before ``end``."""
    for _, literal in literals.before(end):
        if foreign:
            ledger.distrust(literal.placeholder)
        if literal.number is not None:
            ledger.reserve(literal.label, literal.number)


def _batches(texts: Iterator[Text], hits: Callable[[Span], Iterable[Hit]]) -> Iterator[_Batch]:
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
        whole = start == one.span.start
        batch.texts.append(one if whole else one._replace(span=Span(start, one.span.end)))
    if batch.texts:
        yield batch


def _open(spans: list[Span], hits: list[Hit]) -> list[Span]:
    """Return spans without the stretches in them that are hidden as a whole."""
    hidden = [hit for hit in hits if hit.detector is dense.TEXT]
    return _gaps(spans, hidden) if hidden else spans


def _new(hits: list[Hit], ledger: Ledger) -> list[Span]:
    """Return the spans of hits that have no placeholder of their own yet."""
    return [
        Span(*hit[:2])
        for hit in hits
        if hit[2:] not in ledger.decisions and hit.detector is not dense.TEXT
    ]


def _start_of(one: _Replaced) -> int:
    return one[0]


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


def _gaps(spans: list[Span], taken: Sequence[_Replaced | Hit]) -> list[Span]:
    """Return what is left of spans, in order, without what is replaced in them.

    A gap that is too short for a known value is none.
    """
    gaps: list[Span] = []
    at = 0
    for start, end in spans:
        while at < len(taken) and (one := taken[at])[0] < end:
            if one[0] - start >= SHORTEST_KNOWN:
                gaps.append(Span(start, one[0]))
            start = one[1]  # noqa: PLW2901
            at += 1
        if end - start >= SHORTEST_KNOWN:
            gaps.append(Span(start, end))
    return gaps
