"""Which placeholders one request has given out, up to a place in it."""

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..detect.detector import LONGEST_MATCH, Detector
from ..json.spans import Span
from ..placeholders import DIGEST_DIGITS, Hidden, Scheme
from .reach import Looks
from .vocabulary import Vocabulary

MOST_KNOWN = 10_000  # values of a request that are distinguished, looked for and can be restored
MOST_LITERALS = 20_000  # placeholders in a request's own text that are distinguished
SHORTEST_KNOWN = 6  # characters of a value that is looked for on its own
SHORTEST_JOINED = 8  # characters of a value that a model may have joined to a word
_LONG_WORD = 12


class Change(NamedTuple):
    """One entry of a ledger.

    It is a value known, a placeholder given to it, a number left out, (a placeholder alone) a
    foreign one, or (a number alone) steps of a scan.
    """

    detector: str
    label: str
    number: int = 0
    value: str = ""
    placeholder: str = ""


Decision = tuple[str, str, str]  # name of the detector, value, placeholder


class Ledger:
    """The state of the scrubber between two units: a pure function of the text before.

    ``digest`` tells two states apart. All state is changed in `_apply` alone, so that the changes
    a unit made can be kept and made again. ``spelled`` is how each value that is looked for may be.
    """

    def __init__(self, scheme: Scheme) -> None:
        self.digest = b""
        self.placeholders: dict[str, Hidden] = {}
        self.foreign: set[str] = set()  # placeholders that others wrote into the request
        # What was decided for hits by (detector, text, password): derived, and no state.
        self.decisions: dict[tuple[Any, ...], Decision] = {}
        self.spent = 0  # steps of scans that later ones lack
        self._scheme = scheme
        self._known: dict[str, Change] = {}  # by value; the first detector to find it owns it
        self._numbers: dict[str, int] = {}  # the last one given out, by label
        self._reserved: set[tuple[str, int]] = set()  # numbers that the text uses itself
        self._vocabulary = Vocabulary()
        self.spelled = self._vocabulary.spelled
        self._changes: list[Change] = []

    @property
    def crowded(self) -> bool:
        """Whether the text holds too many placeholders to tell them apart: all are foreign then."""
        return len(self.foreign) + len(self._reserved) >= MOST_LITERALS

    def reserve(self, label: str, number: int) -> None:
        """Leave a number out from now on: the text holds such a placeholder of its own."""
        fresh = (label, number) not in self._reserved and not self.crowded
        if fresh and number > self._numbers.get(label, 0):
            self._make(Change("", label, number))

    def distrust(self, placeholder: str) -> None:
        """Note a foreign placeholder: the text holds it, and the model did not write it."""
        if placeholder not in self.foreign and not self.crowded:
            self._make(Change("", "", placeholder=placeholder))

    def learn(self, detector: Detector, password: str) -> None:
        """Look for a password on its own from now on, if it is no everyday word."""
        word = password.isalpha() and (password.islower() or password.isupper())
        long_enough = len(password) >= (_LONG_WORD if word else SHORTEST_KNOWN)
        if long_enough and password not in self._known and len(self._known) < MOST_KNOWN:
            self._make(Change(detector.name, detector.label, value=password))

    def placeholder(self, detector: Detector, value: str) -> str:
        """Return what stands for a detected value: the one it has, or a new one."""
        known = self._known.get(value)
        if known is not None and known.placeholder:
            return known.placeholder
        if known is None and len(self._known) >= MOST_KNOWN:
            return self.overflow(detector, value)
        label = detector.label
        if detector.tier == "secret":
            return self._numbered(detector.name, label, value)
        digits = DIGEST_DIGITS
        while (shown := self._scheme.identifier(label, value, digits)) in self.placeholders:
            digits += 1
        return self._make(Change(detector.name, label, 0, value, shown))

    def has(self, value: str) -> bool:
        """Return True if a value has a placeholder of its own."""
        known = self._known.get(value)
        return known is not None and bool(known.placeholder)

    def occurs(self, text: bytes, places: Sequence[int] | None = None) -> bool:
        """Whether a known value stands in ``text``, or begins at one of these places."""
        return self._vocabulary.occurs(text, places)

    def holds(self, text: bytes, spans: list[Span]) -> bool:
        """Return True if a known value stands in one of ``spans``."""
        return next(self._vocabulary.find(text, spans), None) is not None

    def shown_in(self, text: bytes, spans: list[Span]) -> Iterator[tuple[Span, Hidden, str]]:
        """Yield where in ``spans`` values stand that have a placeholder, words joined or not."""
        for span, value in self._vocabulary.find(text, spans, SHORTEST_JOINED):
            shown = self._known[value].placeholder
            if shown:
                yield span, self.placeholders[shown], shown

    def known(self, text: bytes, gaps: list[Span]) -> Iterator[tuple[Span, Hidden, str]]:
        """Yield where known values stand in the ``gaps`` of ``text``, with their placeholders."""
        for span, value in self._vocabulary.find(text, gaps):
            known = self._known[value]
            shown = known.placeholder or self._numbered(known.detector, known.label, value)
            yield span, self.placeholders[shown], shown

    def crosses(self, text: bytes, start: int, end: int) -> bool:
        """Return False if no known value reaches over an edge of a stretch."""
        return self._vocabulary.crosses(text, start, end)

    def reach(self, text: bytes, span: Span, looks: Looks) -> Span:
        """Return a stretch that is replaced with all known values that it overlaps."""
        return self._vocabulary.reach(text, span, looks)

    def joined(self, name: str, value: str) -> str:
        """Return what stands for values that overlap, as one: a detector found the first."""
        known = self._known.get(value)
        if known is not None and known.placeholder:
            return known.placeholder
        label = name.upper()
        if len(self._known) >= MOST_KNOWN or len(value) > LONGEST_MATCH:
            return self._scheme.secret(label, _one_too_many())
        return self._numbered(name, label, value)

    def spend(self, steps: int) -> None:
        """Note steps of a scan that later units lack (`dense`)."""
        if steps:
            self._make(Change("", "", steps))

    def overflow(self, detector: Detector, value: str) -> str:
        """Return what stands for one value too many: it is hidden, and cannot be restored."""
        if detector.tier == "secret":
            return self._scheme.secret(detector.label, _one_too_many())
        return self._scheme.identifier(detector.label, value, 2 * DIGEST_DIGITS)

    def settle(self) -> tuple[Change, ...]:
        """End a unit: return the changes since the last, and move on to the next state."""
        changes, self._changes = tuple(self._changes), []
        self._move(changes)
        return changes

    def replay(self, changes: tuple[Change, ...], digest: bytes) -> None:
        """Make again the changes of a unit met in this state before, which led to ``digest``."""
        for change in changes:
            self._apply(change)
        self.digest = digest

    def _numbered(self, name: str, label: str, value: str) -> str:
        number = self._numbers.get(label, 0) + 1
        while number == _one_too_many() or (label, number) in self._reserved:
            number += 1
        return self._make(Change(name, label, number, value, self._scheme.secret(label, number)))

    def _make(self, change: Change) -> str:
        self._changes.append(change)
        self._apply(change)
        return change.placeholder

    def _apply(self, change: Change) -> None:
        if not change.value:
            if change.placeholder:
                self.foreign.add(change.placeholder)
            elif not change.label:
                self.spent += change.number
            else:
                self._reserved.add((change.label, change.number))
            return
        if change.value not in self._known and len(change.value) >= SHORTEST_KNOWN:
            self._vocabulary.add(change.value)
        self._known[change.value] = change
        if change.placeholder:
            self.placeholders[change.placeholder] = Hidden(change.detector, change.value)
        if change.number:
            self._numbers[change.label] = change.number

    def _move(self, changes: tuple[Change, ...]) -> None:
        if changes:
            digest = hashlib.blake2b(self.digest, digest_size=16)
            for change in changes:  # one by one: to spell thousands takes a while
                digest.update(repr(tuple(change)).encode())
            self.digest = digest.digest()


def _one_too_many() -> int:
    """Return the number of all values beyond the limit, which no value has."""
    return MOST_KNOWN + 1
