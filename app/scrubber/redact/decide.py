"""Placeholders for the hits and the known values of a unit: these, or those, where they overlap."""

from collections.abc import Callable
from itertools import chain
from operator import itemgetter
from urllib.parse import unquote

from ..detect import dense, urls
from ..detect.dense import Tick
from ..detect.hits import Hit
from ..json.escapes import value
from ..json.spans import Span
from ..json.visitor import Path
from .authors import Writer
from .batches import Batch
from .ledger import Decision, Ledger
from .overlaps import Group, Known, gaps, groups
from .reach import Looks
from .words import may_stand

_PUNCTUATION = ")]},.;:!?"
_FEW = 4  # values learned in a text that are counted in it…
_SMALL = 64 * 1024  # …if it has no more bytes

Replaced = tuple[int, int, str, str, str, Path]  # start, end, detector, value, placeholder, path
Stretch = tuple[Span, Replaced]  # what is replaced, and the first in it as it was


class Decider:
    """Decides in one unit, batch by batch; the ledger notes what it learns."""

    def __init__(
        self,
        text: bytes,
        writer: Writer,
        ledger: Ledger,
        holds_known: bool,
        is_harmless: Callable[[Hit, str], bool],
        tick: Tick,
    ) -> None:
        """``holds_known``: a value that is known by now may stand in the text.

        ``is_harmless`` returns True if a hit with this value stays.

        ``tick`` is called at each decision, and may raise.
        """
        self._text = text
        self._writer = writer
        self._ledger = ledger
        self._is_harmless = is_harmless
        self._tick = tick
        self._looks: Looks | None = None
        self._older = len(ledger.spelled)
        self._holds_older = holds_known

    def replaced(self, batch: Batch) -> list[Replaced]:
        """Return what is replaced: what is detected, then what is known by now."""
        if not batch.hits and not self._knows_any:
            return []
        made = self._detected(batch)
        if self._may_hold_more(batch, made):
            known = self._ledger.known(self._text, gaps(batch.spans, made))
            for span, hidden, placeholder in known:
                path = batch.path(span.start)
                made.append((*span, hidden.detector, hidden.value, placeholder, path))
        made.sort(key=itemgetter(0))
        for start, end, *_ in made:
            if self._ledger.crosses(self._text, start, end):
                return list(map(self._named, self._whole(made)))
        return made

    @property
    def _knows_any(self) -> bool:
        """Whether known values may stand in the text."""
        return self._holds_older or len(self._ledger.spelled) > self._older

    def _detected(self, batch: Batch) -> list[Replaced]:
        """Return what is replaced of what is detected, and of known values that overlap it."""
        shown: list[Known] = []
        if self._knows_any:
            places = _open(batch) if self._writer.author == "model" else self._new(batch)
            shown = sorted(self._ledger.shown_in(self._text, places), key=itemgetter(0))
        if not shown:
            return self._hits(batch.hits, batch)
        made: list[Replaced] = []
        for group in groups(batch.hits, shown):
            made += self._decided(group, batch)
        return made

    def _may_hold_more(self, batch: Batch, made: list[Replaced]) -> bool:
        """Return False if no known value stands outside of what is replaced of a batch.

        If the text holds none of the older values, it is enough to count those learned in it.
        """
        if self._holds_older:
            return True
        text, first, last = self._text, batch.texts[0].span.start, batch.texts[-1].span.end
        learned = self._ledger.spelled[self._older :]
        if len(learned) > _FEW or last - first > _SMALL:
            return True
        for one in chain.from_iterable(learned):
            times = text.count(one, first, last)
            for stretch in made if times else ():
                times -= text.count(one, stretch[0], stretch[1])
            if times > 0:
                return True
        return False

    def _whole(self, made: list[Replaced]) -> list[Stretch]:
        """Return what is replaced with the known values that it overlaps, and what it was."""
        looks = self._looks = self._looks or Looks(len(self._text))
        looks.inner = {one[0] for one in made} & {one[1] for one in made}
        whole: list[Stretch] = []
        for one in made:
            _join(whole, self._reached(one, looks), one)
        return whole

    def _reached(self, one: Replaced, looks: Looks) -> Span:
        """Return the stretch of what is replaced, with the known values that it overlaps."""
        span = Span(*one[:2])
        return span if one[2] == dense.NAME else self._ledger.reach(self._text, span, looks)

    def _named(self, whole: Stretch) -> Replaced:
        """Return what is replaced in a stretch, which may be longer than it was."""
        span, one = whole
        if one[2] == dense.NAME or span == one[:2]:
            return (*span, *one[2:])
        found = value(self._text[span.start : span.end])
        return (*span, one[2], found, self._ledger.joined(one[2], found), one[5])

    def _new(self, batch: Batch) -> list[Span]:
        """Return the spans of hits that have no placeholder of their own yet."""
        return [
            Span(*hit[:2])
            for hit in batch.hits
            if hit[2:] not in self._ledger.decisions and hit.detector is not dense.TEXT
        ]

    def _decided(self, group: Group, batch: Batch) -> list[Replaced]:
        """Return what is replaced of hits and known values that overlap: these, or those."""
        if not group.known or (group.hits and not self._stays(group)):
            return self._hits(group.hits, batch)
        first = group.hits[0].start if group.hits else group.known[0][0].start
        path = batch.path(first)
        return [
            (*span, hidden.detector, hidden.value, shown, path)
            for span, hidden, shown in group.known
        ]

    def _hits(self, hits: list[Hit], batch: Batch) -> list[Replaced]:
        """Return what stands for hits."""
        made: list[Replaced] = []
        known = self._ledger.decisions
        for hit in hits:
            decision = known.get(hit[2:])
            if decision is None:
                self._tick()
                decision = decide(hit, self._ledger, self._is_harmless)
            if decision is not None:
                made.append((*hit[:2], *decision, batch.path(hit[0])))
        return made

    def _stays(self, group: Group) -> bool:
        """Return True if known values are replaced in a longer hit, and the rest of it stays."""
        if len(group.hits) == 1 and self._ledger.has(value(group.hits[0].escaped)):
            return False
        detectors = {hit.detector.name for hit in group.hits}
        return may_stand(group.rest(self._text), detectors, self._writer.author)


def decide(hit: Hit, ledger: Ledger, is_harmless: Callable[[Hit, str], bool]) -> Decision | None:
    """Return what stands for a hit, None if it is harmless."""
    detector, escaped = hit.detector, value(hit.escaped)
    if detector is dense.TEXT:
        decision = dense.NAME, "", ledger.overflow(detector, "")
        ledger.decisions[hit[2:]] = decision
        return decision
    found = escaped
    if detector.canonical is not bytes:
        found = value(detector.canonical(hit.escaped))
    if is_harmless(hit, found):
        return None
    decision = (detector.name, found, ledger.placeholder(detector, found))
    _learn(hit, found, ledger)
    if ledger.has(escaped):
        ledger.decisions[hit[2:]] = decision
    return decision


def _learn(hit: Hit, found: str, ledger: Ledger) -> None:
    """Note what is a secret by itself: a password, the lines of a key."""
    if hit.password is not None:
        password = value(hit.password)
        if not urls.names_also(found, password):
            for spelled in (password, unquote(password), password.rstrip(_PUNCTUATION)):
                ledger.learn(hit.detector, spelled)
    if hit.detector.parts is not None:
        for part in hit.detector.parts(hit.escaped):
            ledger.learn(hit.detector, value(part))


def _join(whole: list[Stretch], span: Span, one: Replaced) -> None:
    """Add a stretch to those before it: those that it overlaps become one with it.

    A stretch that is hidden as a whole joins nothing: where it overlaps, the later one is cut.
    """
    while whole and span.start < whole[-1][0].end:
        last, first = whole[-1]
        if dense.NAME in (one[2], first[2]):
            span = Span(last.end, span.end)
        else:
            whole.pop()
            span, one = Span(min(last.start, span.start), max(last.end, span.end)), first
    if span.start < span.end:
        whole.append((span, one))


def _open(batch: Batch) -> list[Span]:
    """Return the strings without the stretches in them that are hidden as a whole."""
    hidden = [hit for hit in batch.hits if hit.detector is dense.TEXT]
    return gaps(batch.spans, hidden) if hidden else batch.spans
