"""One way through JSON: what stands where, whatever the tokenizer takes at once."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.scrubber.json.strings import skipped_in_answer, skipped_in_request, strings
from app.scrubber.json.tokenizer import NotJson
from app.scrubber.json.visitor import State, nothing_skipped, steps, visit

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=6)
        | st.lists(st.text(max_size=3), max_size=12)
        | st.lists(st.text('\\"ab', max_size=3) | inner, max_size=12)
        | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=20,
)
SPACES = st.sampled_from([None, 1, "\t"])


def texts(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str, tuple[str | int, ...]]]:
    """Return names and strings in order, with their paths: a name has that of its object."""
    if isinstance(value, str):
        return [(value, path)]
    if isinstance(value, list):
        return [one for index, inner in enumerate(value) for one in texts(inner, (*path, index))]
    if isinstance(value, dict):
        found = []
        for name, inner in value.items():
            found += [(name, path), *texts(inner, (*path, name))]
        return found
    return []


@given(VALUES, SPACES, st.booleans())
@example(value=["a", "b", "c", 1, "d", ["f", 'g""', "h", 2, "j"]], indent=1, ascii_only=False)
def test_every_string_and_its_path_are_those_of_the_json_module(
    value: Any, indent: Any, ascii_only: bool
) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode(
        "utf-8", "surrogatepass"
    )
    found = [
        (json.loads(text[one.span.start - 1 : one.span.end + 1]), tuple(steps(one.path)))
        for one in strings(text, nothing_skipped)
    ]
    assert found == texts(value)


@given(VALUES, SPACES)
def test_brackets_close_the_frames_that_they_opened(value: Any, indent: Any) -> None:
    text = json.dumps([value], indent=indent).encode()
    opened = []
    for kind, start, _, frame in visit(text):
        if kind == "open":
            opened.append((text[start : start + 1], frame))
        elif kind == "close":
            bracket, outer = opened.pop()
            assert frame.outer is outer
            assert text[start : start + 1] == {b"{": b"}", b"[": b"]"}[bracket]
    assert not opened


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ("", "api"),
        ("content", "block"),
        ("content content", "result"),
        ("content content content", "result"),
        ("input", "input"),
        ("content input content", "input"),
        ("input metadata", "input"),
        ("metadata", "skipped"),
        ("metadata input", "skipped"),
        ("content metadata", "skipped"),
        ("content content metadata", "result"),
        ("content content type", "skipped"),
        ("cache_control", "skipped"),
        ("content thinking", "skipped"),
        ("anything", "api"),
    ],
)
def test_a_member_is_to_the_api_what_the_names_around_it_say(path: str, state: State) -> None:
    text = b'"x"'
    for name in reversed(path.split()):
        text = b'{"%s":%s}' % (name.encode(), text)
    *_, (kind, _, _, frame) = (one for one in visit(text, skipped_in_request) if one[0] == "string")
    assert (kind, frame.inside) == ("string", state)


@pytest.mark.parametrize("name", ["name", "description", "metadata"])
def test_a_tools_definition_is_not_its_input(name: str) -> None:
    text = json.dumps({name: "x", "y": {name: "x"}, "input": {name: "z"}}).encode()
    found = [text[slice(*one.span)] for one in strings(text, state="tool")]
    assert found.count(b"z") == 1
    assert b"x" not in found


def test_a_value_is_the_apis_unless_it_is_said_otherwise() -> None:
    assert not strings(b'{"metadata": {"a": "x"}}')[1:]
    text = b'{"input": {"signature": "x"}, "signature": "y"}'
    found = [text[slice(*one.span)] for one in strings(text, skipped_in_answer)]
    assert (b"x" in found, b"y" in found) == (True, False)


def test_a_fault_says_where_it_is() -> None:
    with pytest.raises(NotJson, match=r"not JSON at byte 8$"):
        list(visit(b'{"a": 1,}'))


def test_a_name_may_hold_a_lone_surrogate() -> None:
    text = b'{"a\\ud800": "x", "met\\u0061data": "y"}'
    found = [text[slice(*one.span)] for one in strings(text)]
    assert (b"x" in found, b"y" in found) == (True, False)
