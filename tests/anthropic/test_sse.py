import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.records import Event, Record, parse
from app.anthropic.sse import Splitter
from tests.anthropic.answers import chunkings

LINES = st.sampled_from([b"\n", b"\r", b"\r\n", b"data: x", b"event: ping", b": c", b"\xff", b""])
STREAMS = st.lists(LINES, max_size=30).map(b"".join)
BLANK_LINE = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2}$")


def split(chunks: list[bytes], limit: int = 2**20) -> tuple[list[Record], bytes]:
    splitter = Splitter(limit)
    records = [record for chunk in chunks for record in splitter.feed(chunk)]
    return records, splitter.close()


@pytest.mark.parametrize(
    ("stream", "records", "rest"),
    [
        (b"data: a\n\ndata: b\n\n", [b"data: a\n\n", b"data: b\n\n"], b""),
        (b"data: a\r\n\r\ndata: b\r\n\r\n", [b"data: a\r\n\r\n", b"data: b\r\n\r\n"], b""),
        (b"data: a\r\rdata: b\r\r", [b"data: a\r\r", b"data: b\r\r"], b""),
        (b"data: a\n\r\nb", [b"data: a\n\r\n"], b"b"),
        (b"data: a\ndata: b\n", [], b"data: a\ndata: b\n"),
        (b"", [], b""),
    ],
)
def test_a_stream_is_cut_at_its_blank_lines(
    stream: bytes, records: list[bytes], rest: bytes
) -> None:
    found, left = split([stream])
    assert ([(one.raw, one.whole) for one in found], left) == (
        [(raw, True) for raw in records],
        rest,
    )


@given(STREAMS.flatmap(chunkings), st.integers(0, 12))
def test_no_byte_is_lost_whatever_the_chunks_and_the_limit(chunks: list[bytes], limit: int) -> None:
    records, rest = split(chunks, limit)
    assert b"".join(record.raw for record in records) + rest == b"".join(chunks)


@given(STREAMS.flatmap(lambda stream: st.tuples(st.just(stream), chunkings(stream))))
def test_the_events_are_the_same_whatever_the_chunks(case: tuple[bytes, list[bytes]]) -> None:
    stream, chunks = case
    events = [
        [event for record in split(parts)[0] if (event := parse(record.raw)) != Event(b"", b"")]
        for parts in ([stream], chunks)
    ]
    assert events[0] == events[1]


@given(STREAMS.flatmap(chunkings))
def test_a_record_goes_out_with_the_byte_that_ends_it(chunks: list[bytes]) -> None:
    splitter = Splitter()
    for chunk in chunks:
        for record in splitter.feed(chunk):
            assert BLANK_LINE.search(record.raw)
        assert not BLANK_LINE.search(bytes(splitter._held))


def test_a_record_too_long_to_hold_goes_on_in_parts() -> None:
    records, rest = split([b"data: ", b"x" * 100, b"y" * 100, b"\n\ndata: z\n\n"], limit=50)
    assert [record.whole for record in records] == [False, False, False, True]
    assert records[-1].raw == b"data: z\n\n"
    assert rest == b""


@pytest.mark.slow
def test_a_line_of_100_mb_is_split_in_little_memory() -> None:
    splitter, chunk = Splitter(), b"x" * 16_384
    tracemalloc.start()
    passed = sum(len(record.raw) for _ in range(6_400) for record in splitter.feed(chunk)) + len(
        splitter.close()
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert passed == 6_400 * 16_384
    assert peak < 16 * 2**20


@pytest.mark.parametrize(
    ("raw", "event"),
    [
        (b"event: ping\ndata: {}\n\n", Event(b"ping", b"{}")),
        (b"event:ping\r\ndata:{}\r\n\r\n", Event(b"ping", b"{}")),
        (b"data: a\rdata:  b\r\r", Event(b"", b"a\n b")),
        (b"\ndata\nevent: x\nevent: y\n\n", Event(b"y", b"")),
        (b": comment\nid: 1\nretry: 2\n\n", Event(b"", b"")),
        (b"datax: no\n data: no\n\n", Event(b"", b"")),
    ],
)
def test_a_record_is_read_as_the_standard_has_it(raw: bytes, event: Event) -> None:
    assert parse(raw) == event
