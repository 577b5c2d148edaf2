"""Candidates that are collected at once are those that one piece of text after another gives."""

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.scrubber.detect import dense
from app.scrubber.detect.dense import BURST, CHECK, Effort
from app.scrubber.detect.detector import Detector, Finder
from app.scrubber.detect.prefilter import Scope
from app.scrubber.detect.scan import Scanner
from app.scrubber.detect.sources import Sources
from app.scrubber.json.spans import Span
from tests.scrubber.detect.searching import candidates, prefiltered
from tests.scrubber.detect.test_windows import MORE, PIECES, PREFILTERS, SETS
from tests.thorough import scaled

# Literals that nothing starts at, mostly, in text long enough for many of them.
COMMON_ONES = st.sampled_from(["@", "@ ", "://", " words" * 300, "@property ", "http://x ", "u://"])
SCANNERS = {name: Scanner(chosen) for name, chosen in SETS.items()}


def found(scanner: Scanner, text: bytes, spent: int = 0, scope: Scope | None = None) -> Any:
    """Return the candidates, the hits, and the steps that they took."""
    scope = Scope([Span(0, len(text))]) if scope is None else scope
    effort, again = Effort(spent, len(text)), Effort(spent, len(text))
    first, second = (
        scanner.those(text, one, scope.windows, scanner.few(text, scope)) for one in (effort, again)
    )
    starts = sorted(first.before(len(text)), key=str)
    hits = list(scanner.hits(text, second, Span(1, len(text) - 1)))
    return starts, hits, effort.taken, again.taken


def drawn(data: st.DataObject, pieces: st.SearchStrategy[str]) -> bytes:
    """Return a string of pieces."""
    return b'"' + data.draw(st.lists(pieces, max_size=12).map("".join)).encode() + b'"'


@pytest.mark.parametrize("name", SETS)
@given(st.data())
@settings(max_examples=scaled(200, 30))
def test_few_candidates_are_the_same_as_when_they_are_not_collected(
    name: str, data: st.DataObject
) -> None:
    text = drawn(data, PIECES if name == "usual" else st.one_of(MORE, PIECES))
    at_once = found(SCANNERS[name], text)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dense, "FEW", BURST)  # more than any request has steps for
        assert found(SCANNERS[name], text) == at_once


@pytest.mark.parametrize("name", SETS)
@given(st.data())
@settings(max_examples=scaled(200, 30))
def test_a_scope_changes_neither_candidates_nor_the_steps_they_take(
    name: str, data: st.DataObject
) -> None:
    text = drawn(data, st.one_of(PIECES if name == "usual" else MORE, COMMON_ONES))
    scope = prefiltered(PREFILTERS[name], text)
    if scope is not None and scope.windows:
        assert found(SCANNERS[name], text, 0, scope) == found(SCANNERS[name], text)


@pytest.mark.parametrize("word", ["AKIA" + "A" * 16 + " ", "@ "])
def test_of_many_candidates_none_is_lost_and_no_step_is_counted_twice(word: str) -> None:
    scanner, text = SCANNERS["usual"], f'"{word * 2 * dense.FEW}"'.encode()
    many = found(scanner, text)
    assert many[2] >= 2 * dense.FEW
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(dense, "FEW", BURST)
        assert found(scanner, text) == many


@pytest.mark.parametrize("name", SETS)
def test_a_candidate_takes_no_more_steps_than_are_kept_for_it(name: str) -> None:
    for octet in range(256):
        headed = [one for one in SETS[name] if chr(octet) in one.heads]
        assert CHECK + sum(one.steps for one in headed) < dense.MOST_STEPS
    assert all(CHECK + one.steps < dense.MOST_STEPS for one in SETS[name])


def test_none_are_collected_when_the_steps_of_a_request_may_run_out() -> None:
    text = b'"' + b"a@b.cc " * 200 + b'"'
    for spent in (0, BURST - 100, BURST):
        hits = found(SCANNERS["usual"], text, spent)[1]
        assert (hits[0].end == len(text) - 1) == (spent == BURST)


def test_detectors_without_a_gate_are_found_by_their_literals() -> None:
    detector = Detector(name="x", finders=(Finder(b"xa"),), pattern=re.compile(b"xa"), examples=())
    text = b'"xa xa"'
    found, _ = candidates(Sources([detector], ""), text, [Span(0, len(text))])
    assert found == [(1, ["x"]), (4, ["x"])]
