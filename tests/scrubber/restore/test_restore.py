"""Restoring placeholders in answers: streamed, compressed, plain; text and tool inputs."""

import gzip
import json
from itertools import pairwise
from typing import Any

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.records import parse
from app.anthropic.sse import Splitter
from app.errors import ResponseCut
from app.scrubber.placeholders import Hidden
from app.scrubber.restore.table import Plan
from tests.scrubber.recognizers import EVERYTHING
from tests.scrubber.restore.answering import Answering
from tests.thorough import scaled

STEP = scaled(1, 5)  # bytes from one cut to the next
VALUE = 'fake "quoted"\\value\nsecond línea'
PLACEHOLDERS = {
    "<GITHUB_TOKEN_1>": Hidden("github_token", VALUE),
    "<GITHUB_TOKEN_10>": Hidden("github_token", "fake-ten"),
    "<EMAIL_HMAC:A3F1B2C0>": Hidden("email", "alice@example.com"),
}
TOKENS = {
    "GITHUB-TOKEN-1000": Hidden("github_token", "fake-thousand"),
    "GITHUB-TOKEN-10000": Hidden("github_token", "fake-ten-thousand"),
}
STREAM = "text/event-stream; charset=utf-8"


def plan(placeholders: Any = None, **policy: Any) -> Plan:
    return Plan(PLACEHOLDERS if placeholders is None else placeholders, EVERYTHING, **policy)


def event(name: str, **members: Any) -> bytes:
    data = json.dumps({"type": name, **members}, ensure_ascii=False)
    return f"event: {name}\ndata: {data}\n\n".encode()


def start(index: int, kind: str, **members: Any) -> bytes:
    return event("content_block_start", index=index, content_block={"type": kind, **members})


EDIT = start(1, "tool_use", id="toolu_1", name="Edit", input={})


def delta(index: int, kind: str, text: str) -> bytes:
    member = {"text_delta": "text", "input_json_delta": "partial_json"}.get(
        kind, kind.removesuffix("_delta")
    )
    return event("content_block_delta", index=index, delta={"type": kind, member: text})


def stop(index: int) -> bytes:
    return event("content_block_stop", index=index)


def restored(stream: bytes, *cuts: int, placeholders: Any = None) -> bytes:
    restorer = Answering(plan(placeholders), STREAM, None)
    edges = [0, *sorted(cuts), len(stream)]
    chunks = [stream[start:end] for start, end in pairwise(edges)]
    return b"".join(map(restorer.pass_on, chunks)) + restorer.close()


def texts(stream: bytes) -> dict[tuple[int, str], str]:
    """Return the text of each block, put together as a client does."""
    found: dict[tuple[int, str], str] = {}
    for record in Splitter().feed(stream):
        name, data = parse(record.raw)
        if name == b"content_block_delta":
            read = json.loads(data)
            kind, text = read["delta"].values()
            key = (read["index"], kind)
            found[key] = found.get(key, "") + text
    return found


def pieces(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


@pytest.mark.parametrize("size", range(1, 24))
def test_a_placeholder_spread_over_deltas_is_restored(size: int) -> None:
    text = "before <GITHUB_TOKEN_1> between <GITHUB_TOKEN_10> < <GITHUB <EMAIL_HMAC:A3F1B2C0>"
    stream = b"".join(delta(0, "text_delta", piece) for piece in pieces(text, size)) + stop(0)
    assert texts(restored(stream)) == {
        (0, "text_delta"): f"before {VALUE} between fake-ten < <GITHUB alice@example.com"
    }


@pytest.mark.parametrize("size", [1, 3, 7, 200])
def test_a_value_in_a_tool_input_is_escaped_twice_on_the_wire(size: int) -> None:
    written = json.dumps({"content": "TOKEN=<GITHUB_TOKEN_1>\n", "path": "é"}, ensure_ascii=False)
    stream = b"".join(delta(1, "input_json_delta", piece) for piece in pieces(written, size))
    made = texts(restored(EDIT + stream + stop(1)))[1, "input_json_delta"]
    assert json.loads(made) == {"content": f"TOKEN={VALUE}\n", "path": "é"}


def test_interleaved_blocks_are_held_back_apart() -> None:
    stream = b"".join(
        [
            delta(0, "text_delta", "a <GITHUB_TO"),
            delta(1, "text_delta", "b <GITHUB_TO"),
            delta(0, "text_delta", "KEN_10>"),
            stop(0),
            delta(1, "text_delta", "O"),
            stop(1),
        ]
    )
    assert texts(restored(stream)) == {
        (0, "text_delta"): "a fake-ten",
        (1, "text_delta"): "b <GITHUB_TOO",
    }


def test_what_was_held_back_goes_on_in_a_delta_of_its_block_before_its_end() -> None:
    stream = delta(3, "text_delta", "a <GIT") + event("ping") + stop(3)
    records = [parse(record.raw) for record in Splitter().feed(restored(stream))]
    assert [record.name for record in records] == [
        b"content_block_delta",
        b"ping",
        b"content_block_delta",
        b"content_block_stop",
    ]
    assert json.loads(records[2].data) == {
        "type": "content_block_delta",
        "index": 3,
        "delta": {"type": "text_delta", "text": "<GIT"},
    }


@pytest.mark.parametrize("end", [event("message_stop"), event("error", error={}), b""])
def test_a_stream_that_ends_early_gives_up_what_was_held_back(end: bytes) -> None:
    made = restored(delta(0, "text_delta", "a <GIT") + end)
    assert texts(made) == {(0, "text_delta"): "a <GIT"}
    assert made.endswith(end)


@pytest.mark.parametrize("kind", ["thinking_delta", "signature_delta"])
def test_thinking_and_signatures_are_never_touched(kind: str) -> None:
    stream = delta(0, kind, "about <GITHUB_TOKEN_1>") + delta(0, kind, "<GIT") + stop(0)
    assert restored(stream) == stream


PASSING = b"".join(
    [
        b": a comment\n\n",
        event("message_start", message={"id": "msg_1", "content": []}),
        b'event:ping\r\ndata:{"type" : "ping"}\r\n\r\n',
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        delta(0, "text_delta", "nothing < to <be restored é"),
        b"event: unknown\ndata: not json <GITHUB_TOKEN\n\n",
        b'event: content_block_delta\ndata: {"index": 0, "delta": []}\n\n',
        delta(0, "text_delta", ""),
        stop(0),
        event("message_delta", usage={"output_tokens": 3}),
        event("message_stop"),
        b"event: cut in the mid",
    ]
)


@given(st.lists(st.integers(0, len(PASSING)), max_size=5))
def test_without_a_placeholder_every_byte_passes_as_it_is(cuts: list[int]) -> None:
    assert restored(PASSING, *cuts) == PASSING


RICH = b"".join(
    [
        event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
        EDIT,
        *[delta(0, "text_delta", piece) for piece in pieces("é <GITHUB_TOKEN_1> ü", 5)],
        *[
            delta(1, "input_json_delta", piece)
            for piece in pieces('{"a": "<GITHUB_TOKEN_10> <GITHUB_TOKEN_9>"}', 7)
        ],
        stop(0),
        stop(1),
        start(2, "text", text="<EMAIL_HMAC:A3F1B2C0>"),
        event("message_stop"),
    ]
)


@given(st.lists(st.integers(0, len(RICH)), max_size=8))
def test_any_chunking_of_a_stream_gives_the_same_bytes(cuts: list[int]) -> None:
    assert restored(RICH, *cuts) == restored(RICH)


@pytest.mark.parametrize("ends", [b"\r\n", b"\r"])
def test_every_single_cut_of_a_stream_with_other_line_ends_gives_the_same_bytes(
    ends: bytes,
) -> None:
    stream = RICH.replace(b"\n", ends)
    assert {restored(stream, cut) for cut in range(0, len(stream), STEP)} == {restored(stream)}
    plain = PASSING.replace(b"\r", b"").replace(b"\n", ends)
    assert {restored(plain, cut) for cut in range(0, len(plain), STEP)} == {plain}


def test_events_are_known_by_their_type_where_they_are_not_named() -> None:
    stream = b"".join([delta(0, "text_delta", "<GITHUB_"), delta(0, "text_delta", "TOKEN_10>")])
    unnamed = stream.replace(b"event: content_block_delta\n", b"")
    assert b"fake-ten" in restored(unnamed)


def test_placeholders_spelled_with_escapes_are_restored() -> None:
    block = {"type": "text", "text": "<GITHUB_TOKEN_10>"}
    stream = event("content_block_start", index=0, content_block=block)
    assert b'"fake-ten"' in restored(stream.replace(b"<", b"\\u003c"))


def test_a_member_spelled_with_escapes_loses_nothing() -> None:
    stream = delta(0, "text_delta", "a <GIT").replace(b'"text":', b'"t\\u0065xt":') + stop(0)
    records = [parse(record.raw) for record in Splitter().feed(restored(stream))]
    written = [json.loads(data)["delta"]["text"] for _, data in records[:-1]]
    assert written == ["a ", "<GIT"]


def test_every_single_cut_of_a_stream_gives_the_same_bytes() -> None:
    assert {restored(RICH, cut) for cut in range(0, len(RICH), STEP)} == {restored(RICH)}


def test_whole_strings_in_other_events_are_restored() -> None:
    made = restored(RICH)
    assert b"<EMAIL_HMAC:A3F1B2C0>" not in made
    assert b"alice@example.com" in made


def test_restored_and_unresolved_placeholders_are_counted() -> None:
    restorer = Answering(plan(), STREAM, None)
    restorer.pass_on(RICH)
    restorer.close()
    assert dict(restorer.restored) == {"github_token": 2, "email": 1}
    assert restorer.unresolved == 1


def test_the_longer_of_two_placeholders_wins_even_in_pieces() -> None:
    text = "GITHUB-TOKEN-1000 GITHUB-TOKEN-10000 GITHUB-TOKEN-1000"
    for size in range(1, 20):
        stream = b"".join(delta(0, "text_delta", piece) for piece in pieces(text, size)) + stop(0)
        assert texts(restored(stream, placeholders=TOKENS)) == {
            (0, "text_delta"): "fake-thousand fake-ten-thousand fake-thousand"
        }


@pytest.mark.parametrize(("coding", "encode"), [("gzip", gzip.compress), ("br", brotli.compress)])
def test_a_compressed_answer_is_sent_on_decoded(coding: str, encode: Any) -> None:
    restorer = Answering(plan(), STREAM, coding)
    assert restorer.intake.decodes
    packed = encode(RICH)
    made = b"".join(restorer.pass_on(packed[at : at + 9]) for at in range(0, len(packed), 9))
    assert made + restorer.close() == restored(RICH)


def test_a_damaged_compressed_answer_is_cut() -> None:
    restorer = Answering(plan(), STREAM, "gzip")
    with pytest.raises(ResponseCut, match="the answer cannot be decoded"):
        restorer.pass_on(b"no gzip at all, certainly")


def test_a_compressed_answer_that_ends_too_soon_is_cut_and_an_empty_one_is_not() -> None:
    restorer = Answering(plan(), STREAM, "gzip")
    assert restorer.close() == b""
    restorer.pass_on(gzip.compress(RICH)[:-9])
    with pytest.raises(ResponseCut, match="the compressed answer is truncated"):
        restorer.close()


@pytest.mark.parametrize(
    ("kind", "coding"),
    [("text/event-stream", "snappy"), ("application/octet-stream", "gzip"), (None, None)],
)
def test_what_cannot_be_read_passes_as_it_is(kind: str | None, coding: str | None) -> None:
    restorer = Answering(plan(), kind, coding)
    assert not restorer.can
    assert restorer.pass_on(RICH) == RICH


def test_a_json_answer_is_restored_except_thinking() -> None:
    answer = {
        "content": [
            {"type": "thinking", "thinking": "<GITHUB_TOKEN_1>", "signature": "<GITHUB_TOKEN_1>"},
            {"type": "text", "text": "é <GITHUB_TOKEN_1>"},
            {
                "type": "tool_use",
                "name": "Edit",
                "input": {"type": "<GITHUB_TOKEN_10>", "x": "<GITHUB_TOKEN_7>"},
            },
        ]
    }
    body = json.dumps(answer, indent=2).encode()
    restorer = Answering(plan(), "application/json", None)
    made = restorer.pass_on(body[:99]) + restorer.pass_on(body[99:]) + restorer.close()
    content = json.loads(made)["content"]
    assert content[0] == answer["content"][0]
    assert content[1]["text"] == f"é {VALUE}"
    assert content[2]["input"] == {"type": "fake-ten", "x": "<GITHUB_TOKEN_7>"}
    assert restorer.unresolved == 1
    assert made.startswith(body[:99])  # nothing but the placeholders changes


def test_an_error_body_is_restored() -> None:
    restorer = Answering(plan(), "application/json", None)
    body = b'{"type":"error","error":{"message":"bad input: <GITHUB_TOKEN_10>"}}'
    assert restorer.pass_on(body) + restorer.close() == body.replace(
        b"<GITHUB_TOKEN_10>", b"fake-ten"
    )


@pytest.mark.parametrize("body", [b"", b"no json <GITHUB_TOKEN_1>", b'{"cut": "sho'])
def test_a_body_that_is_no_json_passes_as_it_is(body: bytes) -> None:
    restorer = Answering(plan(), "application/json", None)
    assert restorer.pass_on(body) + restorer.close() == body


@pytest.mark.parametrize("size", [1, 7, 500])
@pytest.mark.parametrize("tool", ["Edit", "WebFetch"])
def test_what_stays_is_counted_once_however_long_the_input(tool: str, size: int) -> None:
    text = '"<GITHUB_TOKEN_7> of words <GITHUB_TOKEN_1> and more"' * 200
    restorer = Answering(plan(), STREAM, None)
    restorer.pass_on(start(1, "tool_use", id="toolu_1", name=tool, input={}))
    for piece in pieces(text, size):
        restorer.pass_on(delta(1, "input_json_delta", piece))
    restorer.pass_on(stop(1))
    assert restorer.unresolved == 200
    allowed = tool == "Edit"
    assert sum(restorer.restored.values()) == (200 if allowed else 0)
    assert dict(restorer.refused) == ({} if allowed else {"tool": 200})
