"""Which values are restored in a text, if the detectors do not find all of them again."""

from collections import Counter
from typing import Any

import pytest

from app.scrubber.detect import rules
from app.scrubber.detect.recognize import Recognizer
from app.scrubber.placeholders import Hidden
from app.scrubber.restore.sinks import TEXT, Refusal
from app.scrubber.restore.table import Plan, Table
from app.scrubber.restore.window import Window

SHOWN = [f"<GITHUB_TOKEN_{number}>" for number in range(1, 8)]
PLACEHOLDERS = {one: Hidden("github_token", f"fake{at}") for at, one in enumerate(SHOWN)}
WHOLE = " ".join(SHOWN)


class Fewer(Recognizer):
    """Finds all values again except the last, whatever they are, so often."""

    def __init__(self, times: int) -> None:
        super().__init__(rules.load(file=None))
        self._times = times

    def found(self, _: Any, __: Any, values: Any, *, complete: bool) -> list[bool]:  # noqa: ARG002
        self._times -= 1
        return [self._times < 0 or one is not values[-1] for one in values]


@pytest.mark.parametrize(("rounds", "kept"), [(0, 7), (1, 6), (3, 4), (4, 0), (9, 0)])
def test_the_detectors_are_asked_a_few_times_and_then_nothing_is_restored(
    rounds: int, kept: int
) -> None:
    table = Table(Plan(PLACEHOLDERS, Fewer(rounds)))
    made = table.restore(WHOLE, TEXT, Window(inside=True))
    assert made.split() == [f"fake{at}" for at in range(kept)] + SHOWN[kept:]
    assert table.restored == Counter({"github_token": kept} if kept else {})
    refused: Counter[Refusal] = Counter({"not_found_again": 7 - kept} if kept < 7 else {})
    assert table.refused == refused


def test_the_reason_of_an_earlier_refusal_stays_when_all_are_refused() -> None:
    plan = Plan(PLACEHOLDERS, Fewer(9), foreign=frozenset(SHOWN[:1]))
    table = Table(plan)
    assert table.restore(WHOLE, TEXT, Window(inside=True)) == WHOLE
    assert table.refused == Counter({"ambiguous": 1, "not_found_again": 6})


def test_a_table_without_placeholders_restores_nothing() -> None:
    table = Table(Plan({}, Fewer(0)))
    assert table.restore(WHOLE, TEXT, Window(inside=True)) == WHOLE
    assert table.ready(f"{WHOLE} <GIT", TEXT) == (len(WHOLE) + 5, True)
    assert not table.may_begin_in(WHOLE)
