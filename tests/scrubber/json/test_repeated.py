"""Which messages of an earlier body another one repeats."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.scrubber.json import repeated
from app.scrubber.json.document import units
from app.scrubber.json.repeated import Messages, first_message, messages_of

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


@pytest.mark.parametrize("text", ['{"messages": "none"}', '{"messages": [1]}', '{"system": 1}'])
def test_a_body_without_several_messages_has_none_to_repeat(text: str) -> None:
    assert messages_of(text.encode(), units(text.encode())) is None
