"""The short way to the verdict on a usual turn says what the rules say on the whole evidence."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cache import recorder as recorders
from app.cache.evidence import Asked, Case, Counted, Found, evidence_of, usual_verdict
from app.cache.recorder import Recorder
from app.cache.verdict import Verdict, decide
from tests.cache.bodies import TOOLS, assistant, body, user
from tests.cache.situations import SITUATIONS
from tests.cache.test_situations import play

MODELS = ("claude-opus-5-5", "claude-haiku-4-5")
tokens = st.sampled_from((0, 1, 900, 1_000, 1_050, 1_100, 10_000, 10_500, 12_000))
turns = st.lists(
    st.fixed_dictionaries(
        {
            "length": st.integers(1, 4),
            "tools": st.sampled_from((TOOLS, TOOLS[:2])),
            "mark": st.sampled_from(({"type": "ephemeral"}, None)),
            "read": tokens,
            "written": tokens,
            "model": st.sampled_from(MODELS),
            "gap": st.sampled_from((1.0, 400.0)),
            "flags": st.sampled_from(({}, {"compaction": True}, {"compacted": True})),
            "hinted": st.booleans(),
        }
    ),
    min_size=2,
    max_size=6,
)


@pytest.fixture(scope="module", autouse=True)
def compared() -> Iterator[list[Verdict]]:
    """Compare both ways at each judgement; return what the short one has said."""
    said: list[Verdict] = []

    def both(case: Case, previous: Any, live: Found | None, waiting: Found | None) -> Any:
        short = usual_verdict(case, previous, live, waiting)
        if short is not None:
            assert short == decide(evidence_of(case, previous, live, waiting))
            said.append(short)
        return short

    with patch.object(recorders, "usual_verdict", both):
        yield said


def test_in_each_situation(compared: list[Verdict]) -> None:
    before = len(compared)
    for situation in SITUATIONS:
        play(situation)
    assert len(compared) > before


@given(turns)
def test_in_conversations_of_any_kind(turns: list[dict[str, Any]]) -> None:
    recorder, now = Recorder(), 0.0
    messages = [user("u0"), assistant("a0"), user("u1"), assistant("a1"), user("u2")]
    for turn in turns:
        now += turn["gap"]
        sent = body(*messages[: turn["length"]], tools=turn["tools"], mark=turn["mark"])
        who = Asked(start=now, credential=1, session=1, hinted=turn["hinted"], **turn["flags"])
        flight = recorder.begin(who, recorder.read(sent, who, recorder.template(who)))
        recorder.answered(flight, now + 0.5)
        recorder.judge(
            flight, Counted(read=turn["read"], written=turn["written"], fresh=9), turn["model"]
        )
