"""The client of the benchmarks reads answers however they are cut."""

import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load import Answer, Client, body, request
from benchmarks.raw_work import AFTER, BEFORE, END, EVENT, START, message, streamed
from benchmarks.workloads import relay_delays

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"


class Transport:
    def write(self, data: bytes) -> None:
        pass


async def _received(data: bytes, cuts: list[int]) -> Answer:
    client = Client()
    client.connection_made(Transport())
    answer = client.start(b"")
    for start, end in pairwise([0, *sorted(cut % len(data) for cut in cuts), len(data)]):
        if start < end:
            assert not answer.done()
            client.data_received(data[start:end])
    return answer.result()


CUTS = st.lists(st.integers(0, 10_000), max_size=30)


@given(pieces=st.lists(st.binary(min_size=1, max_size=300), max_size=9), cuts=CUTS)
def test_a_chunked_answer_is_whole_after_its_last_byte_and_not_before(
    pieces: list[bytes], cuts: list[int]
) -> None:
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    answer = asyncio.run(_received(HEAD + chunks + b"0\r\n\r\n", cuts))
    assert answer.body == b"".join(pieces)


@given(content=st.binary(max_size=600), cuts=CUTS)
def test_an_answer_with_a_length_is_whole_after_its_last_byte_and_not_before(
    content: bytes, cuts: list[int]
) -> None:
    answer = asyncio.run(_received(PLAIN % len(content) + content, cuts))
    assert answer.body == content


async def test_bytes_after_the_end_of_an_answer_are_a_fault() -> None:
    with pytest.raises(AssertionError, match="goes on"):
        await _received(HEAD + b"0\r\n\r\nx", [])


def test_a_request_has_a_body_of_the_size_asked_for() -> None:
    assert len(body(50_000)) == 50_000
    assert request("/post", body(200)).endswith(b"content-length: 200\r\n\r\n" + body(200))


def test_a_message_has_the_length_asked_for_and_tells_the_request() -> None:
    assert len(message(50_000, 0xFAFE, 2048)) == 2048
    assert b'"50000 0000fafe x' in message(50_000, 0xFAFE, 2048)


def _stream(times: list[int]) -> Answer:
    events = b"".join(b"%b%020d%b" % (BEFORE, time, AFTER) for time in times)
    return Answer(HEAD, bytearray(START + events + END))


def test_the_delay_of_an_event_is_the_time_until_its_last_byte_is_there() -> None:
    answer = _stream([1000, 2000])
    first = len(START) + len(EVENT)
    answer.marks = [
        (900, len(START)),
        (1100, first - 1),
        (1300, first),
        (2700, first + len(EVENT)),
        (2900, len(answer.body)),
    ]
    assert relay_delays(answer, 2) == [300, 700]


def test_a_stream_that_was_altered_is_noticed() -> None:
    answer = _stream([1000, 2000])
    answer.marks = [(3000, len(answer.body))]
    answer.body[len(START) + 3] ^= 1
    with pytest.raises(AssertionError, match="altered"):
        relay_delays(answer, 2)


def test_a_stream_without_times_is_its_events_between_start_and_end() -> None:
    assert streamed(3) == START + EVENT * 3 + END
