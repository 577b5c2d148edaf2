"""Of known values that overlap nothing is left, and the text comes back as it was."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scrubber.json.escapes import spellings
from app.scrubber.json.spans import Span
from app.scrubber.redact import reach
from app.scrubber.redact.reach import Looks, Reach
from app.scrubber.redact.scrubber import Redaction
from tests.scrubber import scrubbing

AWS = "AKIA" + "IOSFODNN7EXAMPLE"
WORDS = st.lists(st.sampled_from(("a", "b", ".")), min_size=6, max_size=12).map("".join)


def redact(*texts: str) -> Redaction:
    return scrubbing.redact({"messages": [{"role": "user", "content": text} for text in texts]})


def restored(redaction: Redaction) -> list[str]:
    texts = [message["content"] for message in json.loads(redaction.body)["messages"]]
    for shown in sorted(redaction.placeholders, key=len, reverse=True):
        texts = [text.replace(shown, redaction.placeholders[shown].value) for text in texts]
    return texts


@given(st.lists(WORDS, min_size=1, max_size=6), WORDS, WORDS, st.data())
def test_a_stretch_reaches_as_far_as_values_that_overlap_one_another(
    values: list[str], before: str, behind: str, data: st.DataObject
) -> None:
    text = f'"{before}{data.draw(st.sampled_from(values))}{behind}"'.encode()
    start = data.draw(st.integers(1, len(text) - 2))
    end = data.draw(st.integers(start + 1, len(text) - 1))
    known = Reach()
    for value in values:
        known.add(value, spellings(value))
    places = [
        range(at, at + len(value))
        for value in values
        for at in range(len(text))
        if text.startswith(value.encode(), at)
    ]
    covered = set(range(start, end))
    while crossing := [one for one in places if covered & {*one} and not covered >= {*one}]:
        covered.update(*crossing)
    wanted = Span(min(covered), max(covered) + 1)
    assert known.of(text, Span(start, end), Looks(10_000), lambda *_: True) == wanted
    assert known.may_cross(text, start, end) or wanted == (start, end)


@pytest.mark.parametrize(
    ("learned", "text", "rest"),
    [
        (
            ("redis://:correctHorse12XY@h", "redis://:12XYbatteryStaple9@h"),
            "is correctHorse12XYbatteryStaple9.",
            "is {}.",
        ),
        (("redis://:EXAMPLE-Xyz12345@h",), f"x {AWS}-Xyz12345 y", "x {} y"),
        (("redis://:Xyz12345-AKIA@h",), f"x Xyz12345-{AWS} y", "x {} y"),
        (("redis://:Xyz12345=b0b@h",), "Xyz12345=b0b@example.com", "{}"),
    ],
)
def test_nothing_is_left_of_a_known_value_that_overlaps_another(
    learned: tuple[str, ...], text: str, rest: str
) -> None:
    redaction = redact(*learned, text, text)
    *_, first, second = (one["content"] for one in json.loads(redaction.body)["messages"])
    before, behind = rest.split("{}")
    assert first.startswith(before + "<")
    assert first.endswith(">" + behind)
    assert first.count("<") == 1
    assert second == first
    assert restored(redaction) == [*learned, text, text]


def test_two_values_beside_each_other_stay_two_though_a_third_stands_across() -> None:
    learned = "redis://:Xyz12345Xyz12345@h"
    redaction = redact(learned, "is Xyz12345Xyz12345Xyz12345Xyz12345.")
    assert redaction.body.count(b"<DB_CONNECTION_STRING_2><DB_CONNECTION_STRING_2>.") == 1


def test_a_text_of_values_that_overlap_all_over_is_looked_at_so_often_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reach, "_LOOKS", 10)
    known, looks = Reach(), Looks(0)
    known.add("abababab", [b"abababab"])
    text = b"." + b"ab" * 40 + b"."
    found = known.of(text, Span(1, 9), looks, lambda *_: True)
    assert looks.left == 0
    assert 9 < found.end < len(text) - 1
    assert known.of(text, Span(1, 9), looks, lambda *_: True) == (1, 9)
