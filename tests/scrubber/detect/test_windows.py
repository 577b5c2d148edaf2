"""Searching in windows finds what searching everywhere does."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.scrubber.detect import rules
from app.scrubber.detect.detectors import BUILT_IN
from app.scrubber.detect.prefilter import Prefilter
from app.scrubber.detect.sources import Sources
from app.scrubber.detect.windows import windows
from app.scrubber.json.spans import Span
from app.scrubber.placeholders import Scheme
from app.scrubber.redact.literals import Literals
from tests.scrubber.detect.searching import candidates, prefiltered
from tests.thorough import scaled

SETS = {"usual": BUILT_IN, "extended": rules.load(file=None, detectors="+extended").detectors}
LITERALS = {
    name: Literals(Scheme("angle", b"k"), [one.label for one in chosen])
    for name, chosen in SETS.items()
}
PREFILTERS = {name: Prefilter(chosen, LITERALS[name].signs) for name, chosen in SETS.items()}
SOURCES = {name: Sources(chosen, LITERALS[name].gate) for name, chosen in SETS.items()}
# Edges, heads and bodies, some with very long repetitions.
PIECES = st.sampled_from(
    [
        *("sk-", "sk-ant-", "a1B2" * 12, "ghp_", "AKIA", "IOSFODNN7EXAMPLE", "Bearer", "basic"),
        *(" ", " " * 300, "%20" * 200, "\\\\t" * 150, "\\" * 200, "\\\\u001b[" + "1;" * 300, "m"),
        *("%" + "25" * 90 + "0A", "words of a text ", "x" * 400, "dXNlcjpwYXNz", "-", "_", "=3D"),
        *("11" + "0a" * 15, "<EMAIL_1>", "&#x3c;", "&#" + "0" * 300 + "60;", "EMAIL" + "\\" * 300),
        *("_1", "jdbc:", ":\\\\/", "jdbc:\\\\/", "-----BEGIN", "passw", "@", "://", "a@b.cc "),
    ]
)
# The same for the extended set.
MORE = st.sampled_from(
    [
        *("s.", "b.AAAAAQ", "12345678", ":AA", "a1B2" * 12, "glpat-", "SK", "0a" * 16, "SG."),
        *("password", "Pwd", "=", "=hunter2;", "Server=a;", "shared", "accesskey", "key", "TOKEN"),
        *("authorization", ":", ": ", "'", '\\"', "\\" * 300 + '"', "api-key", "dXNlcjpwYXNz"),
        *("data:", "kind: Secret", "\\n", "machine ", "curl ", "-u ", "AccountKey=", "ya29."),
    ]
)


@pytest.mark.parametrize("name", SETS)
@given(st.data())
@settings(max_examples=scaled(400, 60))
def test_no_candidate_or_placeholder_is_lost_or_added(name: str, data: st.DataObject) -> None:
    pieces = PIECES if name == "usual" else st.one_of(MORE, PIECES)
    value = b'"' + data.draw(st.lists(pieces, max_size=12).map("".join)).encode() + b'"'
    found, sources, literals = prefiltered(PREFILTERS[name], value), SOURCES[name], LITERALS[name]
    whole = [Span(0, len(value))]
    if found is not None:
        assert candidates(sources, value, found.windows) == candidates(sources, value, whole)
        assert list(literals.find(value, found.windows)) == list(literals.find(value, whole))


def test_a_window_ends_where_enough_other_text_stands() -> None:
    text = b"words " * 1000 + b"sk-ant-" + b" more" * 1000
    assert windows(text, [6000], len(text), Span(0, len(text))) == [Span(5952, 6160)]


@pytest.mark.parametrize("repeated", [b"\\", b" ", b"1;", b"%25"])
def test_a_window_begins_before_what_may_be_repeated_in_an_edge(repeated: bytes) -> None:
    text = b"words " * 100 + repeated * 400 + b"sk-"
    (window,) = windows(text, [len(text) - 3], len(text), Span(0, len(text)))
    assert window.start < 600


@pytest.mark.parametrize("repeated", [b" ", b"%20", b"\\t"])
def test_a_window_ends_behind_what_may_be_repeated_in_a_gate(repeated: bytes) -> None:
    text = b"bearer" + repeated * 400 + b"words " * 100
    (window,) = windows(text, [0], len(text), Span(0, len(text)))
    assert window.end > len(text) - 600


def test_windows_that_touch_are_one_and_all_behind_a_pattern_is_searched() -> None:
    text = b"words " * 1000
    span = Span(0, len(text))
    assert windows(text, [3000, 3100], len(text), span) == [Span(2952, 3260)]
    assert windows(text, [1000, 5000], 4000, span) == [Span(952, 1160), Span(3952, 6000)]
    assert windows(text, [], len(text), span) == []
