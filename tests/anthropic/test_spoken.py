"""The floor under what a cut answer cost; tests/anthropic/test_billed.py cuts whole streams."""

from app.anthropic.spoken import Spoken


def test_an_answer_without_attempts_has_no_estimate() -> None:
    assert Spoken().estimated([]) == []
