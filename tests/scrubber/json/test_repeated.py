"""Which messages of an earlier body another one repeats."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scrubber.json import repeated
from app.scrubber.json.document import Unit, first_message, units
from app.scrubber.json.repeated import (
    Messages,
    messages_of,
    shifted,
    units_beside,
)

MESSAGES = st.lists(st.text("ab ", max_size=6), min_size=2, max_size=6)


def body(messages: list[str]) -> bytes:
    return json.dumps({"model": "m", "messages": messages}).encode()


def read(messages: list[str]) -> Messages:
    found = messages_of(body(messages), units(body(messages)))
    assert found is not None
    return found


@given(MESSAGES, MESSAGES, st.booleans())
def test_as_many_messages_are_repeated_as_are_the_same_from_the_first_on(
    before: list[str], after: list[str], goes_on: bool
) -> None:
    after = before[:-1] + after if goes_on else after
    sent = body(after)
    start = first_message(sent)
    assert start is not None
    same = repeated.repeated(sent, start, read(before))
    # The last of the earlier ones is none of them.
    wanted = 0
    for old, new in zip(before[:-1], after, strict=False):
        if old != new:
            break
        wanted += 1
    wanted -= wanted == len(after)  # no comma follows
    assert (0 if same is None else same.number) == max(0, wanted)


def test_messages_that_differ_behind_their_first_bytes_are_not_repeated() -> None:
    head = "a" * repeated._HEAD
    earlier = read([head + "old", "next"])
    assert repeated.repeated(body([head + "new", "next"]), earlier.starts[0], earlier) is None
    same = repeated.repeated(body([head + "old", "new"]), earlier.starts[0], earlier)
    assert same is not None
    assert same.number == 1


def test_only_so_much_of_the_first_message_is_remembered() -> None:
    assert read(["a" * 2 * repeated._HEAD, "b"]).head == b'"' + b"a" * (repeated._HEAD - 1)
    assert read(["a", "b"]).head == b'"a", '


@pytest.mark.parametrize("text", ['{"messages": "none"}', '{"messages": [1]}', '{"system": 1}'])
def test_a_body_without_several_messages_has_none_to_repeat(text: str) -> None:
    assert messages_of(text.encode(), units(text.encode())) is None


def test_a_unit_is_moved_by_so_many_bytes() -> None:
    unit = Unit(1, 2, ("messages", 3))
    assert shifted(unit, 5) == Unit(6, 7, ("messages", 3))
    assert shifted(unit, 0) == unit


@pytest.mark.parametrize("before", ["", '"system": [1, "s"], '])
@pytest.mark.parametrize("behind", ["", ', "tools": [{"name": "t"}], "x": 1'])
@given(MESSAGES, MESSAGES)
def test_beside_the_messages_repeated_all_units_are_read(
    before: str, behind: str, old: list[str], new: list[str]
) -> None:
    text = f'{{{before}"messages": {json.dumps([*old, *new])}{behind}}}'.encode()
    start = first_message(text)
    assert start is not None
    earlier = read([*old, "end"])
    same = repeated.repeated(text, start, earlier)
    assert same is not None
    whole = units(text)
    left = [one for one in whole if one.path[0] != "messages" or int(one.path[1]) >= same.number]
    assert units_beside(text, same) == left
    assert same.starts == [one.start for one in whole if one not in left]
    assert same.is_most is (2 * (same.end - same.start) > len(earlier.body))
    assert messages_of(text, left, same) == messages_of(text, whole)


def test_a_body_whose_rest_is_no_json_is_read_as_a_whole() -> None:
    earlier = read(["a", "b", "c"])
    for text in (b'{"messages": ["a", "b", ', b'{"x": {"messages": ["a", "b", "d"]}}'):
        start = first_message(text)
        assert start is not None
        same = repeated.repeated(text, start, earlier)
        assert same is not None
        assert units_beside(text, same) is None
