import json
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.anthropic.answer import BODY_LIMIT
from app.anthropic.intake import Intake
from app.anthropic.tap import Reading, Tap
from app.anthropic.usage import Missing, Usage
from tests.anthropic.answers import (
    ENCODERS,
    START_USAGE,
    STARTED,
    chunkings,
    cut,
    event,
    message,
    stream,
)

SSE, JSON = "text/event-stream; charset=utf-8", "application/json"
ENCODINGS = pytest.mark.parametrize("encoding", ENCODERS)
LINE_ENDS = pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])

DELTAS: list[dict[str, Any]] = [
    {"output_tokens": 40, "input_tokens": None},
    {"output_tokens": 50, "output_tokens_details": {"thinking_tokens": 20}},
    {"output_tokens": 60, "cache_read_input_tokens": 9001},
]


def with_output(output: int, **fields: Any) -> Usage:
    """Return the usage of the start as the deltas above change it."""
    known = {name: getattr(STARTED, name) for name in STARTED.__struct_fields__}
    return Usage(**(known | {"output": output} | fields))


# What a stream with these deltas has announced, delta by delta.
STEPS = [
    Reading(None, "no_event"),
    Reading(STARTED, "not_final", "claude-opus-5-5", None),
    Reading(with_output(40), None, "claude-opus-5-5", "end_turn"),
    Reading(with_output(50, thinking=20), None, "claude-opus-5-5", "end_turn"),
    Reading(with_output(60, thinking=20, cache_read=9001), None, "claude-opus-5-5", "end_turn"),
]


def result(tap: Tap) -> Reading:
    """Return what was read, without the usage of the prompt."""
    return replace(tap.finish(), prompt=None)


def read(chunks: list[bytes], kind: str | None = SSE, encoding: str | None = None) -> Reading:
    tap = Tap(Intake(kind, encoding))
    for chunk in chunks:
        tap.feed(chunk)
    return result(tap)


def answer(**fields: object) -> bytes:
    return json.dumps(message(START_USAGE, stop_reason="max_tokens") | fields).encode()


def gzip_flusher() -> Callable[[bytes], bytes]:
    """Return what encodes each event at once, as upstream does."""
    compressor = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    return lambda data: compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)


# Event streams


@ENCODINGS
@LINE_ENDS
def test_a_stream_is_read_in_every_coding(encoding: str | None, line_end: str) -> None:
    encoded = ENCODERS[encoding](stream(deltas=DELTAS, line_end=line_end))
    assert read([encoded], encoding=encoding) == STEPS[-1]
    assert read([bytes([byte]) for byte in encoded], encoding=encoding) == STEPS[-1]


@ENCODINGS
@given(data=st.data())
def test_a_stream_is_read_in_every_chunking(encoding: str | None, data: st.DataObject) -> None:
    encoded = ENCODERS[encoding](stream(deltas=DELTAS))
    assert read(data.draw(chunkings(encoded)), encoding=encoding) == STEPS[-1]


@LINE_ENDS
def test_a_stream_cut_at_any_byte_keeps_the_usage_announced_so_far(line_end: str) -> None:
    whole = stream(deltas=DELTAS, line_end=line_end)
    steps = [read([whole[:length]]) for length in range(len(whole) + 1)]
    assert [step for n, step in enumerate(steps) if n == 0 or steps[n - 1] != step] == STEPS
    # Each step is taken at the blank line of its event, not before.
    for name, step in (("message_start", 1), ("message_delta", 2)):
        after = whole.index(b"event: " + name.encode() + line_end.encode())
        end = whole.index((line_end * 2).encode(), after) + len(line_end * 2)
        taken = end if line_end != "\r\n" else end - 1  # the last CR ends the line already
        assert (steps[taken - 1], steps[taken]) == (STEPS[step - 1], STEPS[step])


@ENCODINGS
def test_an_encoded_stream_cut_at_any_byte_never_reads_a_wrong_number(
    encoding: str | None,
) -> None:
    encoded = ENCODERS[encoding](stream(deltas=DELTAS))
    usages = [read([encoded[:n]], encoding=encoding).usage for n in range(len(encoded) + 1)]
    announced = [step.usage for step in STEPS]
    order = [announced.index(usage) for usage in usages]
    assert order == sorted(order)


def test_a_stream_that_is_flushed_event_by_event_is_read_as_it_comes() -> None:
    compressor, tap = gzip_flusher(), Tap(Intake(SSE, "gzip"))
    tap.feed(compressor(event("message_start", message=message(START_USAGE))))
    assert (tap.events, tap.first_token) == (1, False)
    tap.feed(compressor(event("content_block_delta", delta={})))
    assert (tap.events, tap.first_token) == (2, True)


@given(chunkings(stream(line_end="\r\n")))
def test_events_are_counted_whatever_the_chunks(chunks: list[bytes]) -> None:
    tap = Tap(Intake(SSE, None))
    for chunk in chunks:
        tap.feed(chunk)
    assert (tap.events, tap.first_token) == (9, True)


@pytest.mark.parametrize(
    "record",
    [
        b"event: content_block_delta\ndata: {}\n\n",
        b"event:content_block_delta\ndata: {}\n\n",
        b"data: {}\nevent: content_block_delta\n\n",
        b": hello\r\nevent: content_block_delta\r\ndata: broken\r\n\r\n",
    ],
)
def test_content_in_any_form_is_the_first_token(record: bytes) -> None:
    tap = Tap(Intake(SSE, None))
    tap.feed(event("ping"))
    assert not tap.first_token
    tap.feed(record[:-2])
    assert not tap.first_token
    tap.feed(record[-2:])
    assert tap.first_token


@pytest.mark.parametrize(
    ("kind", "record"),
    [
        ("a name that only begins so", b"event: content_block_delta_2\ndata: {}\n\n"),
        ("data without a name", b'data: {"type":"content_block_delta"}\n\n'),
        ("a comment", b": event: content_block_delta\n\n"),
        ("a name that another follows", b"event: content_block_delta\nevent: ping\ndata: {}\n\n"),
    ],
)
def test_what_is_no_content_is_no_first_token(kind: str, record: bytes) -> None:
    tap = Tap(Intake(SSE, None))
    tap.feed(record)
    assert not tap.first_token, kind


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', "overloaded_error"),
        (b'{"error":{}}', "unknown"),
        (b'{"error":"overloaded"}', "unknown"),
        (b"overloaded", "unknown"),
        (b"", "unknown"),
    ],
)
def test_an_error_event_is_read_and_nothing_is_missing(data: bytes, error: str) -> None:
    record = b"event: error\ndata: " + data + b"\n\n"
    assert read([record]) == Reading(error=error)
    assert read([stream(deltas=[]), record]) == Reading(
        STARTED, "not_final", "claude-opus-5-5", None, error
    )


BROKEN = {
    "not JSON": b"{",
    "not an object": b"[]",
    "deep": b'{"usage":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "no usage object": b'{"usage":7}',
    "an odd count": b'{"usage":{"output_tokens":"7"}}',
    "a huge count": b'{"usage":{"output_tokens":' + b"9" * 5_000 + b"}}",
    "a huge usage": b'{"usage":{"x":"' + b"y" * 100_000 + b'"}}',
    "not UTF-8": b'{"usage":{"output_tokens":7},"delta":{"stop_reason":"\xff"}}',
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN)
def test_a_broken_delta_is_counted_and_the_start_is_kept(data: bytes) -> None:
    reading = read([stream(deltas=[]), b"event: message_delta\ndata: " + data + b"\n\n"])
    assert reading.usage_missing == "parse"
    assert reading.usage in (STARTED, with_output(7))


def test_a_broken_start_is_counted() -> None:
    assert read([b"event: message_start\ndata: {\n\n"]) == Reading(None, "parse")


def test_a_stream_without_usage_is_counted() -> None:
    assert read([event("ping"), event("message_stop")]) == Reading(None, "no_event")


def test_names_of_any_length_are_kept_short() -> None:
    reading = read([event("message_start", message=message({"input_tokens": 1}, model="m" * 999))])
    assert reading.model == "m" * 200


# JSON bodies


@ENCODINGS
def test_a_json_answer_is_read_in_every_coding(encoding: str | None) -> None:
    encoded = ENCODERS[encoding](answer())
    expected = Reading(STARTED, None, "claude-opus-5-5", "max_tokens")
    assert read([encoded], JSON, encoding) == expected
    assert read([bytes([byte]) for byte in encoded], JSON, encoding) == expected


@ENCODINGS
def test_a_json_answer_cut_at_any_byte_is_truncated(encoding: str | None) -> None:
    encoded = ENCODERS[encoding](answer(numbers=[1.5e-3, True, None, "\u00e9"]))
    complete = Reading(STARTED, None, "claude-opus-5-5", "max_tokens")
    for length in range(len(encoded)):
        reading = read(cut(encoded[:length], [length // 2]), JSON, encoding)
        # A checksum is all that may be lacking; without a byte of JSON there is nothing to read.
        assert reading in (Reading(None, "truncated"), complete, Reading()), length


@pytest.mark.parametrize(
    ("body", "reading"),
    [
        (b'{"input_tokens":2095}', Reading()),
        (b'{"data":[{"type":"model","id":"m"}],"has_more":false}', Reading()),
        (b'{"type":"model","id":"m","usage":{"input_tokens":1}}', Reading()),
        (b"", Reading()),
        (
            b'{"type":"error","error":{"type":"rate_limit_error"}}',
            Reading(error="rate_limit_error"),
        ),
        (b'{"type":"error"}', Reading(error="unknown")),
        (b'{"type":"message","usage":null}', Reading(None, "parse")),
        (b'{"type":"message","usage":{"input_tokens":-1}}', Reading(None, "parse")),
        (b"<html>}", Reading(None, "parse")),
        (b'{"type":"message",}', Reading(None, "parse")),
        (b"[{}]", Reading(None, "truncated")),
    ],
)
def test_a_json_body_is_read_as_what_it_is(body: bytes, reading: Reading) -> None:
    assert read([body], JSON) == reading


def test_a_json_body_too_long_to_hold_is_truncated() -> None:
    body = answer(content="x" * BODY_LIMIT)
    assert read([body[:1000], body[1000:]], JSON) == Reading(None, "truncated")


# What is not read, and what must not harm


@pytest.mark.parametrize("kind", [None, "", "text/html", "application/x-jsonl", "image/png"])
def test_other_types_are_not_read(kind: str | None) -> None:
    tap = Tap(Intake(kind, "compress"))
    tap.feed(b"anything")
    assert (tap.events, tap.first_token, tap.finish()) == (0, False, Reading())


@pytest.mark.parametrize("kind", [SSE, JSON])
@pytest.mark.parametrize("encoding", ["compress", "gzip", "br", "zstd"])
def test_what_cannot_be_decoded_is_counted(kind: str, encoding: str) -> None:
    assert read([b"\x00 not encoded", b"at all"], kind, encoding) == Reading(None, "encoding")


@pytest.mark.parametrize("kind", [SSE, JSON])
def test_the_answer_to_head_is_not_missing_its_coding(kind: str) -> None:
    missing: Missing | None = "no_event" if kind == SSE else None
    assert read([], kind, "compress") == Reading(None, missing)


def test_damage_in_mid_stream_keeps_what_was_announced() -> None:
    flush = gzip_flusher()
    chunks = [flush(stream(deltas=[])), b"\xff\xff\xff", flush(stream())]
    assert read(chunks, encoding="gzip") == Reading(STARTED, "encoding", "claude-opus-5-5")


@given(
    st.lists(st.binary(max_size=50) | st.sampled_from(stream().split(b" ")), max_size=12),
    st.sampled_from([SSE, JSON, SSE.upper(), None]) | st.text(),
    st.sampled_from([*ENCODERS, "br, br, br"]) | st.text(),
)
def test_nothing_makes_the_tap_raise(
    chunks: list[bytes], kind: str | None, encoding: str | None
) -> None:
    assert isinstance(read(chunks, kind, encoding), Reading)


@given(st.data())
def test_a_flipped_byte_never_makes_the_tap_raise(data: st.DataObject) -> None:
    encoding = data.draw(st.sampled_from([*ENCODERS]))
    encoded = bytearray(ENCODERS[encoding](stream(deltas=DELTAS)))
    encoded[data.draw(st.integers(0, len(encoded) - 1))] ^= data.draw(st.integers(1, 255))
    read([bytes(encoded)], encoding=encoding)


def peak_while(tap: Tap, chunks: list[bytes]) -> int:
    tracemalloc.start()
    for chunk in chunks:
        tap.feed(chunk)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize("kind", [SSE, JSON])
@pytest.mark.slow
def test_a_line_of_100_mb_costs_little_memory_and_no_later_usage(kind: str) -> None:
    tap = Tap(Intake(kind, None))
    tap.feed(stream(deltas=[]) if kind == SSE else answer()[:-1])
    assert peak_while(tap, [b"x" * 16_384] * 6_400) < 20 * 2**20
    tap.feed(b"\n\n" + stream(deltas=DELTAS))
    assert result(tap) == (STEPS[-1] if kind == SSE else Reading(None, "truncated"))


@pytest.mark.parametrize("kind", [SSE, JSON])
def test_a_bomb_costs_little_memory(kind: str) -> None:
    bomb = brotli.compress(bytes(100 * 2**20), quality=5)
    tap = Tap(Intake(kind, "br"))
    assert peak_while(tap, [bomb, bomb]) < 40 * 2**20
    assert tap.finish().usage_missing in ("encoding", "truncated")


@pytest.mark.slow
def test_an_endless_stream_of_deltas_costs_no_memory() -> None:
    records = [
        event("message_delta", delta={"stop_reason": f"r{n}"}, usage={f"tokens_{n}": n})
        for n in range(5_000)
    ]
    assert peak_while(Tap(Intake(SSE, None)), records) < 2**20


def test_a_record_within_a_long_line_is_not_taken_for_one() -> None:
    delta = event("message_delta", usage={"output_tokens": 999})
    long = b"data: " + b"x" * 2 * 2**20
    chunks = [stream(deltas=[]), long, delta.replace(b"\n", b" "), delta]
    assert read(chunks).usage == STARTED


@pytest.mark.parametrize(
    ("delta", "characters"),
    [
        ({"type": "text_delta", "text": "hello"}, 5),
        ({"type": "text_delta", "text": 'a "quoted"\nline'}, 15),
        ({"type": "text_delta", "text": "\u4f60\u597d"}, 2),
        ({"type": "thinking_delta", "thinking": "hm"}, 2),
        ({"type": "input_json_delta", "partial_json": '{"a":'}, 5),
        ({"type": "signature_delta", "signature": "x" * 400}, 0),
        ({"type": "citations_delta", "citation": {"cited_text": "x" * 400}}, 0),
    ],
)
@LINE_ENDS
def test_content_is_counted_by_its_characters_as_it_passes(
    delta: dict[str, Any], characters: int, line_end: str
) -> None:
    tap = Tap(Intake(SSE, None))
    record = event("content_block_delta", line_end, index=0, delta=delta)

    tap.feed(record + record)
    assert tap.characters == 2 * characters


@pytest.mark.parametrize(
    ("reason", "word"),
    [("ttl_expired", "ttl_expired"), ({"type": "ttl_expired"}, "ttl_expired"), ({}, None)],
    ids=["a word", "an object", "an object without a type"],
)
def test_why_the_cache_was_missed_is_a_word_or_an_object_with_one(
    reason: object, word: str | None
) -> None:
    diagnostics = {"cache_miss_reason": reason}
    body = json.dumps(message(START_USAGE, diagnostics=diagnostics)).encode()
    assert read([body], JSON).cache_miss_reason == word
    late = event("message_delta", delta={"diagnostics": diagnostics}, usage={"output_tokens": 1})
    assert read([stream(), late]).cache_miss_reason == word


def test_what_comes_behind_an_answer_that_cannot_be_decoded_is_not_read() -> None:
    intake = Intake(SSE, None)
    tap = Tap(Intake(SSE, "br"))
    tap.feed(b"\x00 not encoded")
    tap.take(intake.feed(stream(deltas=DELTAS)))
    assert (tap.events, tap.finish()) == (0, Reading(None, "encoding"))
