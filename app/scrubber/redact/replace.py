"""One unit of a request: what is replaced in it, by what."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from ..detect import dense
from ..detect.dense import Effort, Tick
from ..detect.hits import Hit
from ..detect.prefilter import Prefilter
from ..detect.rules import Rules
from ..detect.scan import Scanner
from ..detect.sources import Ahead
from ..json.document import Unit
from ..json.escapes import View, view
from ..json.shapes import texts
from ..json.strings import Run, Text, skipped_in_request
from ..json.visitor import Path, State
from ..placeholders import Scheme
from .authors import Writer
from .batches import Batch, Batches, by_block
from .decide import Decider, decide
from .ledger import Ledger
from .literals import Literals, Own
from .overlaps import gaps
from .survey import Survey, Surveyor


class Replacement(msgspec.Struct, frozen=True):
    """A stretch of a unit, the value in it and what stands for it."""

    start: int
    end: int
    detector: str
    value: str
    placeholder: str
    path: Path
    made: bytes = b""  # what is written instead: the placeholder, or a run of strings…
    times: int = 1  # …in which it stands so often

    def written(self) -> bytes:
        """Return what is written instead."""
        return self.made or self.placeholder.encode()


class Replacer:
    """Applies the rules to unit after unit, in cache order."""

    def __init__(self, rules: Rules, scheme: Scheme) -> None:
        self._rules = rules
        self._literals = Literals(scheme, [detector.label for detector in rules.detectors])
        self._scanner = Scanner(rules.detectors, self._literals.gate)
        self._prefilter = Prefilter(rules.detectors, self._literals.signs)
        self.clearness = self._prefilter.clearness
        self._surveyor = Surveyor(self._scanner, self._literals, self._prefilter)

    def surveys(
        self, body: bytes, units: Sequence[Unit], tick: Tick
    ) -> tuple[dict[int, int], dict[int, Survey]]:
        """Return in which units nothing is replaced, except for known values; surveys of others."""
        return self._surveyor.units(body, units, tick)

    def replacements(
        self,
        unit: bytes,
        ledger: Ledger,
        state: State,
        tick: Tick = lambda: None,
        survey: Survey | None = None,
        places: Sequence[int] | None = None,
    ) -> Iterable[Replacement]:
        """Return what is replaced in a unit, in order; the ledger notes what it learns.

        A ``survey`` is the unit's own, and known values may begin at ``places`` only, if given.
        Raises `NotJson` for anything but JSON, and what ``tick`` raises.
        """
        plain = view(unit) if survey is None else View(unit)
        survey = survey or self._surveyor.unit(plain.text, state)
        holds_known = ledger.occurs(plain.text, places)
        effort = Effort(ledger.spent, len(plain.text), tick)
        if survey.alone is not None and not holds_known and effort.is_ample:
            return self._alone(plain, survey, survey.alone, ledger, effort)
        return self._each(unit, plain, state, ledger, survey, effort, holds_known=holds_known)

    def _alone(
        self, plain: View, survey: Survey, string: Text, ledger: Ledger, effort: Effort
    ) -> Iterable[Replacement]:
        """Return what stands for the only hit of a unit."""
        (hit,) = survey.hits
        effort.step(survey.steps)
        decision = decide(hit, ledger, self._is_harmless)
        ledger.spend(effort.excess)
        if decision is None:
            return ()
        start, end = plain.original(hit.start), plain.original(hit.end)
        return (Replacement(start, end, *decision, string.path),)

    def _each(
        self,
        unit: bytes,
        plain: View,
        state: State,
        ledger: Ledger,
        survey: Survey,
        effort: Effort,
        *,
        holds_known: bool,
    ) -> Iterator[Replacement]:
        """Yield what is replaced in a unit, batch by batch."""
        text, batches = plain.text, self._surveyed(survey, effort)
        literals = Ahead(self._literals.find(text, survey.windows if survey.has_literals else ()))
        if batches is None:
            candidates = self._scanner.those(text, effort, survey.windows, survey.candidates)
            if candidates.head is None and literals.head is None and not holds_known:
                ledger.spend(effort.excess if effort.taken >= self._prefilter.most_quiet else 0)
                return
            strings = texts(text, skipped_in_request, state)
            batches = Batches(text, self._scanner, candidates).of(strings)
        writer = Writer(unit, state)
        own = Own(text, writer, literals, ledger)
        decider = Decider(text, writer, ledger, holds_known, self._is_harmless, effort.tick)
        for one in batches:
            effort.tick()
            own.note_before(one.span.end)
            if isinstance(one, Run) and self._is_plain(text, one, ledger):
                yield from _at_once(unit, plain, one, ledger)
                continue
            batch = one if isinstance(one, Batch) else self._seen(text, one)
            for made in decider.replaced(batch):
                yield Replacement(plain.original(made[0]), plain.original(made[1]), *made[2:])
        ledger.spend(effort.excess)
        own.note_before(len(text))  # in what is skipped at the end

    def _surveyed(self, survey: Survey, effort: Effort) -> Iterable[Batch | Run] | None:
        """Return the batches of a survey, if there are any and the request has steps for them."""
        if survey.strings is None or not effort.is_ample:
            return None
        effort.step(survey.steps)
        return by_block(survey.strings, survey.hits)

    def _is_harmless(self, hit: Hit, found: str) -> bool:
        """Return True if a value is allowed, or a placeholder itself."""
        is_one = self._literals.is_one
        return (
            self._rules.allows(found)
            or is_one(hit.escaped)
            or (hit.password is not None and is_one(hit.password))
        )

    def _is_plain(self, text: bytes, run: Run, ledger: Ledger) -> bool:
        """Return True if nothing is to be replaced in the names and words of a hidden run."""
        names = gaps(dense.words(text, run.span), [])
        return self._scanner.is_plain(text, run.span) and not ledger.holds(text, names)

    def _seen(self, text: bytes, run: Run) -> Batch:
        """Return a hidden run as its strings."""
        texts = list(run.texts(text))
        return Batch(texts, self._scanner.hidden(text, (one.span for one in texts)))


def _at_once(unit: bytes, plain: View, run: Run, ledger: Ledger) -> Iterator[Replacement]:
    """Yield what stands for a run of strings that are hidden as a whole."""
    shown = ledger.overflow(dense.TEXT, "")
    start, end = plain.original(run.span.start), plain.original(run.span.end)
    made, times = dense.hidden(unit[start:end], shown.encode())
    if times:
        path = (run.array, run.first)
        yield Replacement(start, end, dense.NAME, "", shown, path, made, times)
