"""Where a JSON answer is cut is read from the answer, not from a parser's words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.answer import is_cut

VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.integers() | st.booleans() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), VALUES, max_size=4)


@given(OBJECTS, st.booleans(), st.data())
def test_an_object_is_cut_at_every_byte_but_its_last(
    document: dict[str, Any], ascii_only: bool, data: st.DataObject
) -> None:
    whole = json.dumps(document, ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    assert not is_cut(whole)
    assert is_cut(whole[: data.draw(st.integers(0, len(whole) - 1))])


@pytest.mark.parametrize("document", [b'{"a": }', b"{1}", b'{"a": "\\x"}', b"}", b'{"a": [1,]}\n'])
def test_an_object_that_is_closed_and_wrong_is_not_cut(document: bytes) -> None:
    assert not is_cut(document)


@pytest.mark.parametrize("document", [b'{"a": "}', b'{"a": "\\"}', b'{"a": {}', b'{"a": "\\}'])
def test_a_brace_in_a_string_closes_nothing(document: bytes) -> None:
    assert is_cut(document)


def test_a_hostile_answer_is_judged_in_one_pass() -> None:
    assert is_cut(b'{"a": "' + b'\\"' * 2**20 + b"}")
