"""Whole conversations: nothing that was ever replaced goes upstream, and prefixes stay.

``python -m tests.scrubber.dialogues 2000`` runs as many as you like.
"""

from collections import Counter

import pytest

from app.scrubber.detect.recognize import Recognizer
from tests.scrubber.dialogues import Leak, run
from tests.scrubber.recognizers import Everything
from tests.thorough import scaled

COUNT = scaled(40, 20)


def test_no_value_goes_upstream_on_any_turn_and_what_was_sent_stays() -> None:
    counts: Counter[str] = run(COUNT)
    assert counts["conversations"] == COUNT
    assert counts["requests"] > 6 * COUNT
    assert counts["restored"] > COUNT
    for reason in ("ambiguous", "tool", "not_found_again"):
        assert counts[f"refused {reason}"] > 0


def test_restoring_what_is_not_found_again_would_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recognizer, "found", Everything.found)
    with pytest.raises(Leak):
        run(COUNT)
