"""Blocks of a prompt: how many are kept, and what their bytes say about tokens."""

import json

import pytest
from msgspec.structs import replace

from app.cache import blocks, fill
from app.cache.blocks import Blocks, Mark, add_tools
from app.cache.evidence import Asked, Case, Counted
from app.cache.fill import SERVERS, TOOLS
from app.cache.members import Unreadable
from app.cache.prompt import Prompt

CASE = Case(
    Asked(start=0.0, credential=1),
    Prompt("claude-opus-5-5", Blocks(size=400, marks=[Mark(0, 300.0, 200)]), ()),
    Counted(read=60, written=40, fresh=10),
    "claude-opus-5-5",
)


def test_a_prompt_has_only_so_many_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks, "MOST_BLOCKS", 2)
    made = Blocks()
    made.add(blocks.SYSTEM, 1, 10, None)
    made.add(blocks.SYSTEM, 2, 10, None)
    with pytest.raises(Unreadable, match="too many blocks"):
        made.add(blocks.SYSTEM, 3, 10, None)


def test_the_last_block_is_marked_once_if_there_is_one() -> None:
    made = Blocks()
    made.mark_last(300.0)
    assert made.marks == []
    made.add(blocks.SYSTEM, 1, 10, 3600.0)
    made.mark_last(300.0)
    assert [(mark.block, mark.ttl) for mark in made.marks] == [(0, 3600.0)]
    made.add(blocks.SYSTEM, 2, 10, None)
    made.mark_last(300.0)
    assert [(mark.block, mark.ttl) for mark in made.marks] == [(0, 3600.0), (1, 300.0)]


def test_tools_of_so_many_servers_have_parts_of_their_own_and_further_ones_none() -> None:
    names = [f"mcp__server{number}__tool" for number in range(SERVERS + 10)]
    made = Blocks()
    add_tools(made, json.dumps([{"name": name} for name in names]).encode(), hash)
    assert len(made.fill) == SERVERS + 2
    assert made.fill[TOOLS] > made.fill["mcp__server0__"]
    assert len(made.kinds) == len(names)


def test_tokens_are_estimated_by_bytes_up_to_the_mark_or_of_the_whole_prompt() -> None:
    assert CASE.tokens(100) == 50  # 100 tokens up to the mark, at byte 200
    uncounted = replace(CASE, counted=Counted(read=0, written=0, fresh=80))
    assert uncounted.tokens(100) == 20
    unmarked = replace(CASE, prompt=Prompt("claude-opus-5-5", Blocks(size=440), ()))
    assert unmarked.tokens(100) == 25
    empty = replace(CASE, prompt=Prompt("claude-opus-5-5", Blocks(), ()))
    assert empty.tokens(0) == 0


@pytest.mark.parametrize(
    ("kind", "size", "light"),
    [("image/png", 9_000, True), ("image/png", 100, False), ("text/plain", 9_000, False)],
)
def test_a_large_image_weighs_as_much_as_its_tokens(kind: str, size: int, light: bool) -> None:
    source = {"type": "base64", "media_type": kind, "data": "A" * size}
    block = json.dumps({"type": "image", "source": source}).encode()
    assert (fill.weight(block) == len(block)) is not light


def test_a_text_about_images_is_none() -> None:
    block = json.dumps({"text": "x" * 9_000, "media_type": "image/png"}).encode()
    assert fill.weight(block) == len(block)
