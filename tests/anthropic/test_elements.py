"""Lists of a bounded length, read without building their elements."""

import json

import pytest

from app.anthropic.elements import MOST_ELEMENTS, read_list


def test_elements_are_the_slices_of_the_list() -> None:
    text = b' [ {"a": [1]},"x\\n" , null,1.0 ] '
    assert list(map(bytes, read_list(text))) == [b'{"a": [1]}', b'"x\\n"', b"null", b"1.0"]
    assert list(read_list(memoryview(b"[]"))) == []


def test_a_list_may_have_as_many_elements_as_are_allowed() -> None:
    assert len(list(read_list(json.dumps([0] * MOST_ELEMENTS).encode()))) == MOST_ELEMENTS


@pytest.mark.parametrize(
    "text", [b"{}", b'"text"', b"", b"[1", json.dumps([0] * (MOST_ELEMENTS + 1)).encode()]
)
def test_what_is_no_list_or_too_long_a_one_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        read_list(text)
