"""A value of a shape that was met before has the strings that its tokens tell."""

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.scrubber.json import shapes
from app.scrubber.json.document import QUICK, Unit, units
from app.scrubber.json.shapes import texts
from app.scrubber.json.strings import Run, each_string, skipped_in_request
from app.scrubber.json.tokenizer import NotJson, string_end
from tests.scrubber import conversations as conv
from tests.thorough import scaled

# What a message is made of, whole or broken.
TOKENS = st.sampled_from(
    [
        *("{", "}", "[", "]", ",", ":", '"type"', '"text"', '"data"', '"base64"', '"input"'),
        *('"a"', '"content"', '"\\u0074ype"', '"a\\"b"', " ", "1", "null", '"', "\\", '"' * 2),
        *('"redacted_thinking"', '"' + "long " * 200 + '"'),
    ]
)


def read(text: bytes, state: Any, *, quickly: bool) -> Any:
    """Return the strings of a value, or that it is no JSON."""
    reader: Any = texts if quickly else each_string
    try:
        found = list(reader(text, skipped_in_request, state))
    except NotJson:
        return NotJson
    return [one for run in found for one in (run.texts(text) if isinstance(run, Run) else [run])]


def same(text: bytes, state: Any = "api") -> bool:
    return bool(read(text, state, quickly=True) == read(text, state, quickly=False))


@given(conv.REQUESTS, conv.ENCODINGS)
@settings(max_examples=scaled(150, 40))
def test_a_unit_has_the_strings_that_its_tokens_tell(request_: Any, encode: Any) -> None:
    body: bytes = encode(request_)
    assert all(same(body[unit.start : unit.end], unit.state) for unit in units(body))


@given(st.lists(TOKENS, max_size=14).map("".join))
@example('{"a":"content","b":"content"]')
@settings(max_examples=scaled(400, 100))
def test_broken_and_odd_values_are_read_by_their_tokens(text: str) -> None:
    assert same(text.encode())


@pytest.mark.parametrize(
    "value",
    [
        {"type": "base64", "data": "x"},
        {"type": "text", "data": "x"},
        {"type": ["base64", "text"], "data": "x"},
        {"type": {"type": "base64"}, "data": "x"},
        {"content": [{"type": "redacted_thinking", "data": "x"}, {"type": "text", "data": "y"}]},
        {"content": [{"type": "tool_use", "input": {"type": "base64", "data": "x"}}]},
        ["a", "b", "c"],
        {"a" * 2000: "b"},
        {str(number): "b" for number in range(40)},
    ],
)
def test_what_is_scanned_depends_on_names_and_types_alone(value: Any) -> None:
    for dumped in (json.dumps(value), json.dumps(value, separators=(",", ":"))):
        assert same(dumped.encode())
        assert same(dumped.replace('"x"', '"other text \\" here"').encode())


@pytest.mark.parametrize("name", [b"type", b"\\u0074ype"])
def test_a_type_of_another_text_is_another_shape(name: bytes) -> None:
    first, second = (b'{"%b":"%b","data":"words"}' % (name, one) for one in (b"text", b"base64"))
    assert same(first)
    assert same(second)
    assert read(first, "api", quickly=True) != read(second, "api", quickly=True)
    assert units(first)[0].state == Unit(0, 1, ("data",)).state


def message(text: bytes) -> bytes:
    return b'{"role":"user","content":[{"type":"text","text":"%b"},{"n":1,"id":"x"}]}' % text


PARTS = st.sampled_from([b"a", b'\\"', b"\\\\", b"\\n", b'"', b'"}', b",", b"\\"])


@given(st.lists(PARTS).map(b"".join))
def test_a_value_of_a_shape_met_before_is_recognised_whatever_its_strings_say(text: bytes) -> None:
    assert same(message(b"first"))
    assert same(message(text))
    assert same(message(text)[:-1])
    assert same(message(text) + b"]")


def test_as_many_shapes_are_met_lately_as_are_remembered() -> None:
    values = [b'{"%d":"words","text":"more"}' % number for number in range(3 * shapes._LATELY)]
    for value in (*values, *values):
        assert same(value)
    assert len(shapes._lately) == shapes._LATELY


@given(
    st.lists(st.sampled_from([b"a", b'"', b"\\", b'\\"' * 300, b'"' * 2]), max_size=9).map(b"".join)
)
def test_a_string_ends_at_its_first_quote_that_is_not_escaped(text: bytes) -> None:
    string = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL).match(text := b'"' + text)
    assert string_end(text, 0) == (string.end() if string else -1)


@pytest.mark.parametrize("text", [b'wo"rds', b"words\\", b'words\\"', b"\\ud800", b"\xff", b"\\q"])
def test_the_last_string_of_a_value_may_be_odd_or_none(text: bytes) -> None:
    assert same(b'{"role":"user","content":"words"}')
    assert same(b'{"role":"user","content":"%b"}' % text)


def test_the_last_string_of_a_value_may_be_longer_than_msgspec_may_take() -> None:
    for text in (b"words", b"words " * (QUICK // 5), b"words"):
        assert same(b'{"role":"user","content":"%b"}' % text)
