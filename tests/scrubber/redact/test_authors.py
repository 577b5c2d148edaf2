"""Whose words stand in a message: a placeholder in foreign ones is never restored."""

import json
from typing import Any

import pytest

from app.scrubber.redact.authors import author, foreign_spans


def foreign(content: Any) -> str:
    """Return the parts of a model's message that are not its own words."""
    text = json.dumps({"role": "assistant", "content": content}).encode()
    assert author(text) == "model"
    return b" ".join(text[start:end] for start, end in foreign_spans(text)).decode()


def test_what_the_model_said_and_asked_of_tools_is_its_own() -> None:
    blocks = [
        {"type": "text", "text": "own"},
        {"type": "tool_use", "name": "Bash", "input": {"command": ["own", "own"]}},
        {"type": "thinking", "thinking": "own", "signature": "own"},
        {"text": "own", "type": "text"},
    ]
    assert "own" not in foreign(blocks)
    assert not foreign("own")


@pytest.mark.parametrize(
    "block",
    [
        {"type": "text", "text": "own", "citations": [{"cited_text": "theirs"}]},
        {"type": "web_search_tool_result", "content": [{"title": "theirs"}, ["x", "theirs"]]},
        {"type": "other", "text": "theirs"},
        {"type": ["text"], "text": "theirs"},
        {"type": {"text": 1}, "text": "theirs"},
        {"text": "theirs"},
        {"type": "tool_use", "theirs": {}},
        ["theirs"],
        "theirs",
    ],
)
def test_everything_else_in_a_block_is_foreign(block: Any) -> None:
    found = foreign([{"type": "text", "text": "own"}, block, {"type": "text", "text": "own"}])
    assert "theirs" in found
    assert "own" not in found


@pytest.mark.parametrize(
    "text",
    [
        b'{"role":"assistant","content":[{"type":"text","text":"x","text":"own"}]}',
        b'{"role":"assistant","content":[],"content":[{"type":"text","text":"own"}]}',
        b'{"role":"assistant","content":[{"type":"text","type":"x","text":"own"}]}',
        b'{"role":"assistant","content":[',
    ],
)
def test_a_message_that_could_hide_a_text_is_foreign_as_a_whole(text: bytes) -> None:
    assert foreign_spans(text) == [(0, len(text))]
