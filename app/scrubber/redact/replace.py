"""One unit of a request: what is replaced in it, by what."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..detect import dense
from ..detect.dense import Effort, Tick
from ..detect.hits import Hit
from ..detect.prefilter import Findings, Placed, Prefilter, Scope
from ..detect.rules import Rules
from ..detect.scan import Scanner
from ..detect.sources import Ahead
from ..json.escapes import View, view
from ..json.shapes import texts
from ..json.strings import Run, skipped_in_request
from ..json.visitor import Path, State
from ..placeholders import Scheme
from .authors import Writer
from .batches import Batch, Batches
from .decide import Decider
from .ledger import Ledger
from .literals import Literals, Own
from .overlaps import gaps


class Replacement(NamedTuple):
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

    def findings(self, body: bytes, units: Sequence[Placed], tick: Tick) -> Findings:
        """Return in which units nothing is replaced, except for known values, and more."""
        return self._prefilter.findings(body, units, tick)

    def replacements(
        self,
        unit: bytes,
        ledger: Ledger,
        state: State,
        tick: Tick = lambda: None,
        scope: Scope | None = None,
    ) -> Iterator[Replacement]:
        """Yield what is replaced in a unit, in order; the ledger notes what it learns.

        ``scope`` is what was found for it, if anything. Raises `NotJson` for anything but JSON,
        and what ``tick`` raises.
        """
        plain = view(unit) if scope is None else View(unit)
        text = plain.text
        scope = Scope(self._scanner.windows(text)) if scope is None else scope
        effort = Effort(ledger.spent, len(text), tick)
        candidates = self._scanner.candidates(text, effort, *scope)
        literals = Ahead(self._literals.find(text, scope.windows))
        holds_known = ledger.occurs(text)
        if candidates.head is None and literals.head is None and not holds_known:
            ledger.spend(effort.excess if effort.taken >= self._prefilter.most_quiet else 0)
            return
        writer = Writer(unit, state)
        own = Own(text, writer, literals, ledger)
        decider = Decider(text, writer, ledger, holds_known, self._is_harmless, tick)
        strings = texts(text, skipped_in_request, state)
        for one in Batches(text, self._scanner, candidates).of(strings):
            tick()
            own.note_before(one.span.end)
            if isinstance(one, Run) and self._is_plain(text, one, ledger):
                yield from _at_once(unit, plain, one, ledger)
                continue
            batch = one if isinstance(one, Batch) else self._seen(text, one)
            for made in decider.replaced(batch):
                yield Replacement(plain.original(made[0]), plain.original(made[1]), *made[2:])
        ledger.spend(effort.excess)
        own.note_before(len(text))  # in what is skipped at the end

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
