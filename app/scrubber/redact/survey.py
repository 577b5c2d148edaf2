"""The survey of a unit: all that can be found out about it without the units before it.

The units of a body are surveyed one after the other, before the first of them is gone through. So
what finds secrets, the states of automata above all, stays in the processor's cache meanwhile: that
is worth a third of the time. Units that turn out to hold nothing are passed over.
"""

from collections.abc import Sequence

import msgspec

from ..detect.candidates import Few
from ..detect.dense import Effort, Tick, is_dense
from ..detect.prefilter import Prefilter, Scope
from ..detect.scan import Scanner
from ..json.document import Unit
from ..json.shapes import texts
from ..json.spans import Span, cut
from ..json.strings import skipped_in_request
from ..json.visitor import State
from .batches import Batch
from .batches import few as batches_of
from .literals import Literals


class Survey(msgspec.Struct, frozen=True):
    """The ``windows`` of a unit that have to be searched, and whether literals stand in those.

    Unless they are many, its ``candidates`` are known, too; and perhaps its ``batches``, whose hits
    took so many ``steps``.
    """

    windows: Sequence[Span]
    has_literals: bool
    candidates: Few | None
    batches: Sequence[Batch] | None = None
    steps: int = 0


class Surveyor:
    """Surveys units."""

    def __init__(self, scanner: Scanner, literals: Literals, prefilter: Prefilter) -> None:
        self._scanner = scanner
        self._literals = literals
        self._prefilter = prefilter

    def units(
        self, body: bytes, units: Sequence[Unit], tick: Tick
    ) -> tuple[set[int], dict[int, Survey]]:
        """Return by their starts which units are quiet, and the surveys of others.

        In a quiet one nothing is replaced, except for known values.
        """
        quiet, scopes = self._prefilter.findings(body, units, tick)
        surveys: dict[int, Survey] = {}
        for unit in [one for one in units if one.start in scopes] if scopes else ():
            tick()
            text = cut(body, unit.start, unit.end)
            survey = self.unit(text, unit.state, scopes[unit.start])
            if self._is_quiet(survey, unit.end - unit.start):
                quiet.add(unit.start)
            else:
                surveys[unit.start] = survey
        return quiet, surveys

    def unit(self, text: bytes, state: State, scope: Scope | None = None) -> Survey:
        """Return the survey of one unit in plain spelling."""
        if scope is None:
            scope = Scope(self._scanner.windows(text))
        few = self._scanner.few(text, scope)
        has_literals = scope.may_hold_more and self._literals.may_stand(text, scope.windows)
        survey = Survey(scope.windows, has_literals, few)
        if few is None or not (few.candidates or has_literals):
            return survey
        strings = texts(text, skipped_in_request, state)
        if not isinstance(strings, list):
            return survey
        effort = Effort.unlimited()
        candidates = self._scanner.those(text, effort, scope.windows, few)
        batches = batches_of(text, self._scanner, candidates, strings)
        return Survey(scope.windows, has_literals, few, batches, effort.taken)

    def _is_quiet(self, survey: Survey, size: int) -> bool:
        if survey.candidates is None or survey.has_literals:
            return False
        if not survey.candidates.candidates:
            return survey.candidates.steps < self._prefilter.most_quiet
        if survey.batches is None or is_dense(survey.steps, size):
            return False
        return not any(batch.hits for batch in survey.batches)
