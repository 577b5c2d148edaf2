"""Decisions about hits: each is a step of the scan, behind which others get their turn."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.scrubber.detect import dense
from app.scrubber.detect.scan import Scanner
from app.scrubber.json.spans import Span
from app.scrubber.json.strings import Text
from app.scrubber.placeholders import Scheme
from app.scrubber.redact import decide
from app.scrubber.redact.authors import Writer
from app.scrubber.redact.batches import Batch
from app.scrubber.redact.decide import Decider, Replaced
from app.scrubber.redact.ledger import Ledger
from tests.scrubber import conversations as conv
from tests.scrubber.scrubbing import BUILT_IN, redact
from tests.thorough import scaled

HITS = 300
RULES = BUILT_IN
OTHER = Writer(b"", "tool")
PASSWORDS = st.text("ab1.-", min_size=6, max_size=14)
JOINTS = st.sampled_from(("", " ", "=", "-", "x"))


@st.composite
def passwords(draw: st.DrawFn) -> dict[str, Any]:
    """Return messages in which passwords stand in their URLs, and beside others."""
    known = draw(st.lists(PASSWORDS, min_size=1, max_size=3))
    pieces = st.sampled_from((*known, *(f"redis://:{one}@h" for one in known), "bob@example.com"))
    texts = st.lists(st.tuples(pieces, JOINTS).map("".join), min_size=1, max_size=6).map("".join)
    messages = st.fixed_dictionaries(
        {"role": st.sampled_from(("user", "assistant")), "content": texts}
    )
    return {"messages": draw(st.lists(messages, min_size=1, max_size=3))}


@settings(max_examples=scaled(75, 25))
@given(st.one_of(conv.REQUESTS, passwords()))
def test_to_count_what_a_text_taught_tells_the_same_as_to_search_it(request_: Any) -> None:
    counted = redact(request_)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(decide, "_FEW", -1)
        searched = redact(request_)
    assert (counted.body, counted.placeholders) == (searched.body, searched.placeholders)


def test_each_decision_is_a_step_of_its_own() -> None:
    text = json.dumps(" ".join(f"u{number}@ex.com" for number in range(HITS))).encode()
    span = Span(1, len(text) - 1)
    scanner = Scanner(RULES.detectors)
    hits = list(scanner.hits(text, scanner.candidates(text), span))
    steps: list[None] = []
    ledger = Ledger(Scheme("angle", b"k"))
    decider = Decider(text, OTHER, ledger, False, lambda *_: False, lambda: steps.append(None))
    made = decider.replaced(Batch([Text(span, 0, None)], hits))
    assert len(made) == HITS
    assert len(steps) == HITS


def test_dense_text_gives_way_to_a_known_value_before_it_and_keeps_one_behind_out() -> None:
    text = b"..abcdefgh..==abcdefgh.."
    ledger = Ledger(Scheme("angle", b"k"))
    ledger.joined("token", "abcdefgh")
    decider = Decider(text, OTHER, ledger, True, lambda *_: False, lambda: None)
    made: list[Replaced] = [
        (3, 5, "token", "bc", "<1>", None),
        (5, 9, dense.NAME, "", "<2>", None),
        (10, 16, dense.NAME, "", "<3>", None),
        (18, 20, "token", "ef", "<4>", None),
    ]
    spans = [tuple(span) for span, _ in decider._whole(made)]
    assert spans == [(2, 10), (10, 16), (16, 22)]
