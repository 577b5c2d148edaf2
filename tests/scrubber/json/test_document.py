"""Where the values of a body lie: by msgspec's slices, which are checked, or by a visit."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.elements import MOST_ELEMENTS, read_list
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

VALUE = st.sampled_from([b"1", b"12", b'"a"', b'{"b": [1,2]}', b"[]"])
SEPARATOR = st.sampled_from([b",", b", ", b" ,", b",\n "])

SKIPPED = ["model", "stream", "metadata"]
DOCUMENTS = st.dictionaries(
    st.sampled_from(["tools", "system", "messages", "x", *SKIPPED]), VALUES, max_size=5
)


def read(found: list[Unit]) -> list[tuple[bytes, tuple[str | int, ...]]]:
    return [(BODY[unit.start : unit.end], unit.path) for unit in found]


def test_values_are_read_off_slices_in_the_order_of_prompt_caching() -> None:
    assert read(document.quick_units(BODY) or []) == UNITS


@pytest.mark.parametrize("slices", [(b"", b'"two"'), (b"1", b'"twx"')])  # a byte shorter, another
def test_slices_that_lie_elsewhere_are_not_trusted(
    slices: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(document, "read_list", lambda _: iter(slices))
    assert document.quick_units(BODY) is None
    assert read(units(BODY)) == UNITS


def in_cache_order(body: dict[str, Any]) -> list[tuple[Any, tuple[str | int, ...]]]:
    first = [name for name in ("tools", "system", "messages") if name in body]
    found: list[tuple[Any, tuple[str | int, ...]]] = []
    for name in [*first, *(one for one in body if one not in (*first, *SKIPPED))]:
        if name in first and isinstance(body[name], list):
            found += [(one, (name, index)) for index, one in enumerate(body[name])]
        else:
            found.append((body[name], (name,)))
    return found


@given(st.lists(st.tuples(VALUE, SEPARATOR)), st.one_of(st.none(), SEPARATOR), st.booleans())
def test_elements_with_the_same_separator_lie_where_each_is_found_by_itself(
    parts: list[tuple[bytes, bytes]], same: bytes | None, is_displaced: bool
) -> None:
    pieces = [text + (same or separator) for text, separator in parts]
    body = b"[" + b"".join(pieces) + b"0]"
    texts = [memoryview(text) for text, _ in parts] + [memoryview(b"0")]
    if is_displaced:
        texts.reverse()
    try:
        each = list(document._unevenly(body, "x", 1, texts))
    except document._Displaced:
        each = None
    found = document._evenly(body, "x", 1, texts)
    assert found is None or found == each
    if same is not None and parts and each is not None:
        assert found == each


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


# What looks like the messages of a body, and is not always.
MEMBERS = st.sampled_from(
    [
        *('"messages":[1,2]', '"messages" : [ 1 , 2 ] ', '"messages":[]', '"messages":[[1,2],3]'),
        *('"messages":[1,{"messages":[1,2]}]', '"messages":{"0":1}', '"messages":"[1,2]"'),
        *('"x":{"messages":[1,2]}', '"x":{"messages": [1, 2]}', '"x":"\\"messages\\":[1,2]"'),
        *(
            '"\\u006dessages":[1,2]',
            '"tools":[1,{"messages":[]}]',
            '"system":[" \\u00e9"]',
            '"x":1',
        ),
        *(f'"messages":{[0] * (MOST_ELEMENTS + 1)}', '"messages":[1,2,3]', '"stream":true'),
    ]
)

PAD = f'"pad":"MARKED{"x" * 200_000}"'


def read_like_a_visit(text: bytes) -> None:
    visited = text.replace(b"MARKED", rb"\ud800")  # msgspec refuses it
    assert document.quick_units(visited) is None
    assert units(text) == units(visited)


@given(st.lists(MEMBERS, max_size=4), st.integers(0, 4), st.sampled_from(["", " ", "\n"]))
def test_the_messages_of_a_large_body_are_where_a_visit_finds_them(
    members: list[str], place: int, space: str
) -> None:
    """They are not read twice."""
    members.insert(place, PAD)
    read_like_a_visit(f"{space}{{{f',{space}'.join(members)}{space}}}".encode())


@pytest.mark.parametrize("own", ["", ',"messages":[1]', ',"messages":[2]', ',"messages":[1,2]'])
def test_messages_of_another_member_are_not_those_of_a_large_body(own: str) -> None:
    read_like_a_visit(f'{{{PAD},"x":{{"messages":[1]}}{own}}}'.encode())


@pytest.mark.parametrize("messages", [[], [1], ["a", {"b": [2]}, []]])
def test_the_messages_of_a_large_body_are_read_once(
    messages: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    large = {"model": "m", "messages": messages, "tools": [1], "system": "x" * 200_000}
    read: list[bytes] = []

    def noted(text: memoryview) -> Iterator[msgspec.Raw]:
        read.append(bytes(text))
        return read_list(text)

    monkeypatch.setattr(document, "read_list", noted)
    body = json.dumps(large).encode()
    found = [(json.loads(body[one.start : one.end]), one.path) for one in units(body)]
    assert found == in_cache_order(large)
    assert read == [b"[0]", b"[1]"]


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
