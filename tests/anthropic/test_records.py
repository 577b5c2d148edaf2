"""One record of an event stream, read once for everyone who asks."""

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.anthropic.records import Content, Delta, Record, lone_delta
from app.anthropic.sse import Splitter

ENOUGH = 10  # changed records that are still read the short way


def _record(data: str) -> Record:
    return Record(f"event: content_block_delta\ndata: {data}\n\n".encode(), whole=True)


def _delta(**members: Any) -> str:
    return json.dumps({"type": "content_block_delta", "index": 3, "delta": members})


@pytest.mark.parametrize("text", ["of prose", "é \U0001f511", "\ud83d alone", 'a "\\\n\x00 b'])
def test_a_deltas_text_is_read_whatever_its_characters(text: str) -> None:
    record = _record(_delta(type="text_delta", text=text))
    assert record.content == Content(Delta("text_delta", text), 3)


@pytest.mark.parametrize("ends", ["\r\n", "\r", "\n"])
def test_a_delta_over_several_lines_is_read(ends: str) -> None:
    lines = ["data: {", 'data: "delta": {"type": "text_delta", "text": "x"}', "data: }", "", ""]
    record = Record(ends.join(lines).encode(), whole=True)
    assert record.content == Content(Delta("text_delta", "x"))


@pytest.mark.parametrize(
    ("lines", "content"),
    [
        (["data:{", 'data: "delta": {"text": "x"}}'], Content(Delta(text="x"))),
        (['data:{"delta": {"text": "x"}}', "data: "], Content(Delta(text="x"))),
        (['data: {"delta": {"text": "x"}}\rdata:'], Content(Delta(text="x"))),
        (['data: {"delta":\r{"text": "x"}}'], None),
    ],
)
def test_all_lines_of_data_are_read_and_nothing_else(
    lines: list[str], content: Content | None
) -> None:
    raw = "\n".join(["event: content_block_delta", *lines, "", ""]).encode()
    assert Record(raw, whole=True).content == content


def test_it_is_read_once_whoever_asks() -> None:
    record = _record(_delta(type="text_delta", text="x"))
    assert record.content is record.content
    assert record.event is record.event
    assert record.document is record.document


@pytest.mark.parametrize(
    "data", ["", "{}", "[]", "nonsense", '{"delta": 1}', '{"delta": {"text": ' + "[" * 99_999]
)
def test_what_is_no_delta_has_no_content(data: str) -> None:
    assert _record(data).content is None


@pytest.mark.parametrize("member", ["null", "5", '["x"]'])
def test_a_text_that_is_none_is_left_out(member: str) -> None:
    record = _record('{"delta": {"type": "text_delta", "text": ' + member + "}}")
    assert record.content == Content(Delta("text_delta"))


def test_other_events_are_read_in_spite_of_lone_surrogates() -> None:
    record = _record('{"type": "error", "index": 4, "error": "\\ud83d", "name": "\\ud83d\\udd11"}')
    assert bytes(record.document.index) == b"4"


USUAL = (b"event: content_block_delta", b"\n", b"data: ", _delta(text="x").encode(), b"\n", b"\n")
OTHERS = (
    *(*USUAL, b"event: ping", b"data:", b": comment", b"\r", b"\r\n", b"\x0b", b"\x85", b" "),
    *(_delta(type="text_delta", text=text).encode() for text in ("a", "é\n", "\ud83d")),
    *(b'{"delta": {"text": 5}}', b'{"delta": {"text": "x"}, \r "index": 1}', b"[", b"{}"),
)


def _changed() -> Iterator[bytes]:
    """Yield the API's own form with every two changes: pieces that are put in, or replaced."""
    places = range(len(USUAL) + 1)
    changes = [*itertools.product(places, (0, 1), OTHERS)]
    for first, second in itertools.product(changes, repeat=2):
        pieces = list(USUAL)
        for place, count, piece in (first, second):
            pieces[place : place + count] = [piece]
        yield b"".join(pieces)


def test_a_lone_delta_is_what_its_record_says() -> None:
    found = {raw: delta for raw in {*_changed()} if (delta := lone_delta(raw)) is not None}
    assert len(found) > ENOUGH
    for raw, delta in found.items():
        splitter = Splitter()
        [record] = splitter.feed(raw)
        assert record.whole
        assert not splitter.held
        assert record.begins_as_delta
        assert record.content is not None
        assert record.content.delta == delta


def test_a_delta_in_the_apis_own_form_is_found_the_short_way() -> None:
    data = _delta(type="text_delta", text="é")
    assert lone_delta(_record(data).raw) == Delta("text_delta", "é")
