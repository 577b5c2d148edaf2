"""One record of an event stream, read once for everyone who asks."""

import json
from typing import Any

import pytest

from app.anthropic.records import Content, Delta, Record


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
