"""The short ways for HEADERS are python-h2's and hyperframe's own: the same frames, streams, bytes.

Two codecs do the same, one with the short ways and one without. Those that were taken are counted.
"""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from h2.exceptions import ProtocolError, StreamIDTooLowError, TooManyStreamsError
from h2.settings import SettingCodes
from hpack import HeaderTuple, NeverIndexedHeaderTuple
from hyperframe.exceptions import InvalidPaddingError
from hyperframe.frame import Frame, HeadersFrame
from hypothesis import given, settings
from hypothesis import strategies as st

from app.wire.codec import Codec
from app.wire.frame_reader import FrameReader, WholeHeaders
from app.wire.header_frames import HeaderFrames
from app.wire.limits import LAST_STREAM
from app.wire.roles import client
from tests.thorough import scaled
from tests.wire.conformance import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PADDED,
    RST,
    encoded,
    frame,
    setting,
)
from tests.wire.test_data_frames import RESPONSE, FastCodec, Pair, SlowReader, body, pair

PRIORITY = 0x20
FLAGS = (0, END_HEADERS, END_HEADERS | END_STREAM, END_STREAM)
ODD_FLAGS = (END_HEADERS | PADDED, END_HEADERS | PRIORITY, 0x2 | END_HEADERS)


def _read(reader: FrameReader, data: bytes) -> Iterator[Any]:
    """Yield all that can be known of the frames in ``data``, and the error that ends them."""
    reader.max_frame_size = 16_384
    reader.add_data(data)
    try:
        for one in reader:
            yield _known(one)
    except (ProtocolError, InvalidPaddingError) as exc:
        yield repr(exc)


def _known(one: Frame) -> Any:
    kind = HeadersFrame if isinstance(one, WholeHeaders) else type(one)
    more = one.data if isinstance(one, HeadersFrame) else repr(one)
    return kind, one.stream_id, sorted(one.flags), more


SOME_FRAMES = st.lists(
    st.builds(
        frame,
        st.sampled_from([HEADERS, HEADERS, HEADERS, CONTINUATION, DATA, RST]),
        st.sampled_from([*FLAGS * 2, *ODD_FLAGS]),
        st.sampled_from([0, 1, 1, 3, LAST_STREAM, LAST_STREAM + 2]),
        st.binary(max_size=12) | st.just(bytes(16_384)) | st.just(bytes(16_385)),
    ),
    max_size=6,
)


@settings(max_examples=scaled(250, 100), deadline=None)
@given(SOME_FRAMES, st.lists(st.integers(1, 30), min_size=1, max_size=4))
def test_frames_are_read_alike_in_whatever_pieces(frames: list[bytes], cuts: list[int]) -> None:
    fast, slow = FrameReader(), SlowReader()
    data, turn = b"".join(frames), 0
    while data:
        size = max(cuts[turn % len(cuts)], len(data) - 200)
        piece, data = data[:size], data[size:]
        turn += 1
        assert list(_read(fast, piece)) == list(_read(slow, piece))
        assert fast._data == slow._data


@pytest.mark.parametrize(
    ("flags", "stream", "short"),
    [
        (END_HEADERS, 1, True),
        (END_HEADERS | END_STREAM, 1, True),
        (END_HEADERS, LAST_STREAM, True),
        (END_STREAM, 1, False),
        *((flags, 1, False) for flags in ODD_FLAGS),
        (END_HEADERS, LAST_STREAM + 2, False),
    ],
)
def test_only_a_whole_and_plain_block_is_read_the_short_way(
    flags: int, stream: int, *, short: bool
) -> None:
    reader = FrameReader()
    reader.max_frame_size = 16_384
    reader.add_data(frame(HEADERS, flags, stream, b"\0\0\0\0\0\x88"))
    assert [isinstance(one, WholeHeaders) for one in reader] in ([short], [])


NAMES = st.sampled_from([b"accept", b"x-a", b"cookie"])
FIELDS = st.lists(
    st.builds(
        lambda kind, name, value: kind(name, value),
        st.sampled_from([HeaderTuple, HeaderTuple, NeverIndexedHeaderTuple]),
        NAMES,
        st.sampled_from([b"", b"1", b"fake", b"y" * 9_000, b"z" * 20_000]),
    ),
    max_size=4,
)
STREAM = st.sampled_from([*range(1, 14, 2), 5, 7, 9, 2, 4])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("begin"), STREAM, FIELDS, st.booleans()),
        st.tuples(st.just("begin"), STREAM, FIELDS, st.booleans()),
        st.tuples(st.just("answer"), STREAM, st.booleans()),
        st.tuples(st.just("body"), STREAM, st.booleans()),
        st.tuples(st.just("drop"), STREAM),
        st.tuples(st.just("most"), st.sampled_from([0, 1, 2, 3, 100])),
    ),
    min_size=2,
    max_size=14,
)


def _request(fields: list[HeaderTuple]) -> list[HeaderTuple]:
    parts = (b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/")
    return [*(HeaderTuple(*part) for part in parts), *fields]


def _do(both: Pair, step: tuple[Any, ...]) -> bool:
    match step:
        case ("begin", stream, fields, end):
            both.both(lambda one: one.send_headers(stream, _request(fields), end_stream=end))
        case ("drop", stream):
            both.both(lambda one: one.reset_stream(stream))
        case ("answer", stream, end):
            return both.receive(both.head(stream, end=end))
        case ("body", stream, end):
            return both.receive(body(1, END_STREAM if end else 0, stream))
        case ("most", count):
            return both.receive(setting(SettingCodes.MAX_CONCURRENT_STREAMS, count))
    return True


def test_requests_begin_alike_whatever_came_before() -> None:
    begun: Counter[bool] = Counter()
    begins = HeaderFrames._begins

    def counted(self: HeaderFrames, stream_id: int) -> bool:
        begun[may := begins(self, stream_id)] += 1
        return may

    @settings(max_examples=scaled(180, 60), deadline=None)
    @given(STEPS)
    def law(steps: list[tuple[Any, ...]]) -> None:
        both = pair(client=True, corrected=True, window=200_000)
        for step in steps:
            if not _do(both, step):
                break  # a connection is not used after its error

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HeaderFrames, "_begins", counted)
        law()
    assert begun[True] >= scaled(180, 60) // 4
    assert begun[False] > 0


@pytest.fixture
def opened() -> Pair:
    return pair(client=True, corrected=True)


def begin(both: Pair, stream: int) -> bool:
    short = both.fast._begins(stream)  # type: ignore[attr-defined]
    both.both(lambda one: one.send_headers(stream, _request([])))
    return bool(short)


def test_a_stream_begins_the_short_way_up_to_the_most_that_the_peer_allows(opened: Pair) -> None:
    assert opened.receive(setting(SettingCodes.MAX_CONCURRENT_STREAMS, 3))  # two are open
    assert begin(opened, 5)
    with pytest.raises(TooManyStreamsError):
        opened.fast.send_headers(7, _request([]))


def test_a_stream_that_was_passed_over_does_not_begin(opened: Pair) -> None:
    assert begin(opened, 7)
    with pytest.raises(StreamIDTooLowError):
        opened.fast.send_headers(5, _request([]))


def test_closed_streams_are_dropped_when_another_begins(opened: Pair) -> None:
    assert opened.receive(opened.head(1, end=True))
    opened.both(lambda one: one.end_stream(1))
    assert begin(opened, 5)
    assert sorted(opened.fast.streams) == [3, 5]


def test_fields_that_do_not_fit_one_frame_go_on_in_continuations(opened: Pair) -> None:
    large = [HeaderTuple(b"x-a", b"y" * 40_000)]
    assert opened.fast._begins(5)  # type: ignore[attr-defined]
    opened.both(lambda one: one.send_headers(5, _request(large), end_stream=True))


def test_trailers_and_priorities_go_the_long_way(opened: Pair) -> None:
    assert not opened.fast._begins(1)  # type: ignore[attr-defined]
    opened.both(lambda one: one.send_headers(1, RESPONSE, end_stream=True))
    opened.both(lambda one: one.send_headers(5, _request([]), priority_weight=3))


def test_a_server_answers_the_long_way() -> None:
    both = pair(client=False, corrected=True)
    assert both.receive(both.head(1))
    both.both(lambda one: one.send_headers(1, RESPONSE))
    assert isinstance(both.fast, FastCodec)
    assert not both.fast._begins(3)


def test_an_answer_is_decoded_alike() -> None:
    both = pair(client=True, corrected=True)
    block = encoded(*RESPONSE, (b"content-type", b"text/event-stream"))
    assert both.receive(frame(HEADERS, END_HEADERS, 1, block) + body(10))
    assert both.counted[True] == 1


LAWFUL = st.tuples(
    st.just("head"),
    st.sampled_from([1, 5]),
    st.just(b"200"),
    st.sampled_from([[], [(b"content-length", b"5")]]),
    st.just(END_HEADERS),
)
RESPONSES = st.lists(
    st.one_of(
        LAWFUL,
        LAWFUL,
        st.tuples(
            st.just("head"),
            st.sampled_from([1, 1, 3, 5, 2]),
            st.sampled_from([*[b"200"] * 5, b"204", b"304", b"100", b"20", b"", b"x"]),
            st.lists(
                st.sampled_from(
                    [
                        (b"content-length", b"5"),
                        (b"content-length", b"6"),
                        (b"content-length", b"+5"),
                        (b"content-length", b"5" * 5_000),
                        (b":status", b"204"),
                        (b"x-a", b"1"),
                    ]
                ),
                max_size=2,
            ),
            st.sampled_from([END_HEADERS, END_HEADERS, END_HEADERS | END_STREAM, 0]),
        ),
        st.tuples(st.just("broken"), st.sampled_from([1, 3]), st.binary(max_size=6)),
        st.tuples(st.just("body"), st.sampled_from([1, 3]), st.booleans()),
        st.tuples(st.just("drop"), st.sampled_from([1, 3])),
        st.tuples(st.just("end"), st.sampled_from([1, 3])),
    ),
    min_size=1,
    max_size=6,
)


def _sent(both: Pair, step: tuple[Any, ...]) -> bytes:
    """Return what the peer sends in a step; do what the client does."""
    match step:
        case ("head", stream, status, fields, flags):
            return frame(HEADERS, flags, stream, encoded((b":status", status), *fields))
        case ("broken", stream, block):
            return frame(HEADERS, END_HEADERS, stream, block)
        case ("body", stream, end):
            return body(5, END_STREAM if end else 0, stream)
        case ("drop", stream):
            both.both(lambda one: one.reset_stream(stream))
        case ("end", stream):
            both.both(lambda one: one.end_stream(stream))
    return b""


def test_responses_begin_alike_whatever_came_before() -> None:
    taken: Counter[bool] = Counter()
    take = HeaderFrames._take_headers

    def counted(self: HeaderFrames, *args: Any) -> Any:
        taken[bool(found := take(self, *args))] += 1
        return found

    @settings(max_examples=scaled(250, 100), deadline=None)
    @given(RESPONSES, st.sampled_from([b"POST", b"POST", b"HEAD"]), st.integers(1, 3))
    def law(steps: list[tuple[Any, ...]], method: bytes, together: int) -> None:
        both = pair(client=True, corrected=True, window=200_000)
        both.both(lambda one: one.reset_stream(3))
        fields = [HeaderTuple(b":method", method), *_request([])[1:]]
        both.both(lambda one: one.send_headers(5, fields))
        segment = b""
        for number, step in enumerate(steps):
            segment += _sent(both, step)
            if number % together == 0:
                if not both.receive(segment):
                    return  # a connection is not used after its error
                segment = b""
        both.receive(segment)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HeaderFrames, "_take_headers", counted)
        law()
    assert taken[True] >= scaled(250, 100) // 8
    assert taken[False] > 0


def test_trailers_are_told_from_a_head_that_was_taken_the_short_way(opened: Pair) -> None:
    assert opened.receive(opened.head(1, (b"content-length", b"3")) + body(3))
    trailers = encoded((b"x-a", b"1"))
    assert opened.receive(frame(HEADERS, END_HEADERS | END_STREAM, 1, trailers))
    assert opened.counted[True] == 1


def test_a_head_that_comes_before_settings_ends_the_connection() -> None:
    connection = Codec(client(100))
    connection.initiate_connection()
    connection.send_headers(1, _request([]))
    with pytest.raises(ProtocolError, match="SETTINGS"):
        connection.receive_data(frame(HEADERS, END_HEADERS, 1, encoded(*RESPONSE)))
