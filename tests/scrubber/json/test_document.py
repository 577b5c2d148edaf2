"""Where the values of a body lie: by msgspec's slices, which are checked, or by a visit."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.elements import MOST_ELEMENTS
from app.scrubber.json import document
from app.scrubber.json.document import Unit, units
from tests.scrubber.json.test_visitor import SPACES, VALUES

BODY = b'{"model": "m", "messages": [1, "two" , {"three": 3}], "system": "s"}'
UNITS = [
    (b'"s"', ("system",)),
    (b"1", ("messages", 0)),
    (b'"two"', ("messages", 1)),
    (b'{"three": 3}', ("messages", 2)),
]

SKIPPED = ["model", "stream", "metadata"]
DOCUMENTS = st.dictionaries(
    st.sampled_from(["tools", "system", "messages", "x", *SKIPPED]), VALUES, max_size=5
)


def read(found: list[Unit]) -> list[tuple[bytes, tuple[str | int, ...]]]:
    return [(BODY[unit.start : unit.end], unit.path) for unit in found]


def test_values_are_read_off_slices_in_the_order_of_prompt_caching() -> None:
    assert read(document.quick_units(BODY) or []) == UNITS


def test_slices_that_lie_elsewhere_are_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "read_list", lambda _: iter((b"", b'"two"')))  # a byte shorter
    assert document.quick_units(BODY) is None
    assert read(units(BODY)) == UNITS


def in_cache_order(document: dict[str, Any]) -> list[tuple[Any, tuple[str | int, ...]]]:
    first = [name for name in ("tools", "system", "messages") if name in document]
    found: list[tuple[Any, tuple[str | int, ...]]] = []
    for name in [*first, *(one for one in document if one not in (*first, *SKIPPED))]:
        if name in first and isinstance(document[name], list):
            found += [(one, (name, index)) for index, one in enumerate(document[name])]
        else:
            found.append((document[name], (name,)))
    return found


@given(DOCUMENTS, SPACES, st.sampled_from([b"", b" \n"]))
def test_a_visit_gives_the_same_units_as_slices(
    document_: dict[str, Any], indent: Any, space: bytes
) -> None:
    text = space + json.dumps({**document_, "last": "MARKED"}, indent=indent).encode() + space
    visited = text.replace(b"MARKED", rb"\ud800")  # msgspec refuses it
    assert document.quick_units(visited) is None
    found = units(visited)
    assert found == document.quick_units(text)
    assert [(json.loads(text[one.start : one.end]), one.path) for one in found] == in_cache_order(
        {**document_, "last": "MARKED"}
    )


@given(DOCUMENTS.filter(bool))
def test_a_byte_order_mark_moves_all_units(document_: dict[str, Any]) -> None:
    text = json.dumps(document_).encode()
    assert units(b"\xef\xbb\xbf" + text) == [
        Unit(one.start + 3, one.end + 3, one.path) for one in units(text)
    ]


@pytest.mark.parametrize("text", [b'"abc"', b"12", b" true ", b"[]", b" {} ", rb'"\ud800"'])
def test_a_body_without_members_is_one_unit(text: bytes) -> None:
    start = len(text) - len(text.lstrip())
    assert units(text) == [Unit(start, len(text), (0,))]


def test_elements_of_a_body_that_is_an_array_are_units() -> None:
    found = units(b'["a", {"b": [1]}, "c"]')
    assert [(one.start, one.end, one.path) for one in found] == [
        (1, 4, (0,)),
        (6, 16, (1,)),
        (18, 21, (2,)),
    ]


def test_strings_of_a_body_that_is_an_array_are_units() -> None:
    text = b'[1, "a", "b", "c", "d"]'
    found = [(json.loads(text[one.start : one.end]), one.path) for one in units(text)]
    assert found == [(one, (index,)) for index, one in enumerate(json.loads(text))]


@pytest.mark.parametrize("kind", ["{}", '"a"'])
@pytest.mark.parametrize("behind", ["", "\\ud800"])
def test_as_many_elements_are_units_as_are_looked_at_and_no_more(kind: str, behind: str) -> None:
    def body(count: int) -> bytes:
        return f'{{"messages":[{",".join([kind] * count)}],"last":"{behind}"}}'.encode()

    assert len(units(body(MOST_ELEMENTS))) == MOST_ELEMENTS + 1
    whole, last = units(body(MOST_ELEMENTS + 1))
    assert (whole.path, last.path) == (("messages",), ("last",))
    assert json.loads(body(MOST_ELEMENTS + 1)[whole.start : whole.end])[-1] == json.loads(kind)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_body_of_too_many_members_is_one_unit(mark: bytes) -> None:
    def body(count: int) -> bytes:
        return mark + json.dumps({f"x{at}": "\ud800" for at in range(count)}).encode()

    assert len(units(body(MOST_ELEMENTS))) == MOST_ELEMENTS
    crowded = body(MOST_ELEMENTS + 1)
    assert units(crowded) == [Unit(len(mark), len(crowded), (0,))]
