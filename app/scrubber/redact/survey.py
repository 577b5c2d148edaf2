"""The survey of a unit: all that can be found out about it without the units before it.

The units of a body are surveyed one after the other, before the first of them is gone through. So
what finds secrets, the states of automata above all, stays in the processor's cache meanwhile: that
is worth a third of the time. Units that turn out to hold nothing are passed over.
"""

from collections.abc import Sequence
from itertools import compress
from operator import attrgetter

import msgspec

from ..detect.candidates import Few
from ..detect.dense import Effort, Tick, is_dense
from ..detect.hits import Hit
from ..detect.prefilter import FIRST, Prefilter, Scope
from ..detect.scan import Scanner
from ..json.document import Unit
from ..json.shapes import Strings, texts
from ..json.spans import Span, cut
from ..json.strings import Text, skipped_in_request
from ..json.visitor import State
from .alone import is_alone
from .literals import Literals


class Survey(msgspec.Struct, frozen=True):
    """The ``windows`` of a unit that have to be searched, and whether literals stand in those.

    Unless they are many, its ``candidates`` are known, too; and perhaps its ``strings`` and the
    ``hits`` in them, which took so many ``steps``. ``places`` are those of its scope.
    """

    windows: Sequence[Span]
    has_literals: bool
    candidates: Few | None
    places: Sequence[int] | None = None
    strings: Strings | None = None
    hits: Sequence[Hit] = ()
    steps: int = 0
    alone: Text | None = None  # the string of the only hit, if that stands `alone`


class Surveyor:
    """Surveys units."""

    def __init__(self, scanner: Scanner, literals: Literals, prefilter: Prefilter) -> None:
        self._scanner = scanner
        self._literals = literals
        self._prefilter = prefilter

    def units(
        self, body: bytes, units: Sequence[Unit], tick: Tick
    ) -> tuple[dict[int, int], dict[int, Survey]]:
        """Return by their starts which units are quiet, and the surveys of others.

        In a quiet one nothing is replaced, except for known values. How clear its signs are is
        said, too.
        """
        quiet, scopes = self._prefilter.findings(body, units, tick)
        surveys: dict[int, Survey] = {}
        for unit in compress(units, map(scopes.__contains__, map(attrgetter("start"), units))):
            tick()
            text = cut(body, unit.start, unit.end)
            survey = self.unit(text, unit.state, scopes[unit.start])
            if self._is_quiet(survey, unit.end - unit.start):
                quiet[unit.start] = FIRST
            else:
                surveys[unit.start] = survey
        return quiet, surveys

    def unit(self, text: bytes, state: State, scope: Scope | None = None) -> Survey:
        """Return the survey of one unit in plain spelling."""
        if scope is None:
            scope = Scope(self._scanner.windows(text))
        few = self._scanner.few(text, scope)
        has_literals = scope.may_hold_more and self._literals.may_stand(text, scope.windows)
        places = scope.places
        survey = Survey(scope.windows, has_literals, few, places)
        if few is None or not (few.candidates or has_literals):
            return survey
        strings = texts(text, skipped_in_request, state)
        if not isinstance(strings, Strings):
            return survey
        if len(few.candidates) == 1:
            return self._of_one(text, survey, few, strings)
        effort = Effort.unlimited()
        candidates = self._scanner.those(text, effort, scope.windows, few)
        hits = [hit for one in strings for hit in self._scanner.hits(text, candidates, one.span)]
        return Survey(scope.windows, has_literals, few, places, strings, hits, effort.taken)

    def _of_one(self, text: bytes, survey: Survey, few: Few, strings: Strings) -> Survey:
        """Return the survey of a unit with one candidate, as nearly all have."""
        (candidate,) = few.candidates
        windows, has_literals, places = survey.windows, survey.has_literals, survey.places
        string = strings.around(candidate[0])
        if string is None:
            return Survey(windows, has_literals, few, places, strings, (), few.steps)
        hits, steps = self._scanner.hits_at(text, candidate, string.span.end)
        alone = len(hits) == 1 and not has_literals and is_alone(text, hits[0])
        found = string if alone else None
        return Survey(windows, has_literals, few, places, strings, hits, few.steps + steps, found)

    def _is_quiet(self, survey: Survey, size: int) -> bool:
        if survey.candidates is None or survey.has_literals:
            return False
        if not survey.candidates.candidates:
            return survey.candidates.steps < self._prefilter.most_quiet
        return survey.strings is not None and not survey.hits and not is_dense(survey.steps, size)
