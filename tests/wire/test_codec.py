"""What python-h2 is corrected in, and canaries that turn red once it needs no correction."""

import struct

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, RequestReceived
from h2.exceptions import DenialOfServiceError, FrameTooLargeError, ProtocolError
from hpack import Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
)

from app.wire.codec import Codec, StreamBroken
from app.wire.limits import DECODED_REQUEST_FIELDS, PREFACE, STREAM_WINDOW
from app.wire.roles import SERVER, client

REQUEST = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/")]


def begun(connection: H2Connection) -> H2Connection:
    """Open stream 1 and receive its response's fields."""
    connection.initiate_connection()
    connection.receive_data(SettingsFrame(0).serialize())
    connection.send_headers(1, REQUEST, end_stream=True)
    head = HeadersFrame(1, Encoder().encode([(b":status", b"200")]), flags=["END_HEADERS"])
    connection.receive_data(head.serialize())
    connection.data_to_send()
    return connection


def plain() -> H2Connection:
    return H2Connection(H2Configuration(client_side=True, validate_inbound_headers=False))


def serving() -> Codec:
    """Return a server that was greeted."""
    codec = Codec(SERVER)
    codec.initiate_connection()
    codec.receive_data(PREFACE + SettingsFrame(0).serialize())
    codec.data_to_send()
    return codec


def asked(*fields: tuple[bytes, bytes]) -> Codec:
    """Return a server that has taken a request's head on stream 1."""
    codec = serving()
    head = HeadersFrame(1, Encoder().encode([*REQUEST, *fields]), flags=["END_HEADERS"])
    codec.receive_data(head.serialize())
    codec.data_to_send()
    return codec


def goaway_then_data(connection: H2Connection) -> list[object]:
    frames = [GoAwayFrame(0, last_stream_id=1), DataFrame(1, b"rest")]
    return list(connection.receive_data(b"".join(frame.serialize() for frame in frames)))


def answers_to_data_in_flight(connection: H2Connection) -> list[Frame]:
    """Reset a stream, receive three more frames of it, and return what is sent in reply."""
    connection.reset_stream(1, 8)
    connection.data_to_send()
    connection.receive_data(DataFrame(1, b"late").serialize() * 3)
    return sent(connection)


def sent(connection: H2Connection) -> list[Frame]:
    rest, frames = memoryview(connection.data_to_send()), []
    while rest:
        frame, length = Frame.parse_frame_header(rest[:9])
        frame.parse_body(rest[9 : 9 + length])
        frames.append(frame)
        rest = rest[9 + length :]
    return frames


def test_a_stream_receives_data_after_goaway() -> None:
    assert any(
        isinstance(event, DataReceived) for event in goaway_then_data(begun(Codec(client(100))))
    )


def test_canary_python_h2_closes_on_goaway() -> None:
    try:
        goaway_then_data(begun(plain()))
    except Exception as exc:  # noqa: BLE001 - any failure shows the defect
        assert type(exc).__name__ == "ProtocolError"  # noqa: PT017 - its absence is the news
    else:
        raise AssertionError("h2#1181 is fixed: Codec._receive_goaway_frame can go")


def test_data_in_flight_on_a_reset_stream_is_ignored() -> None:
    assert answers_to_data_in_flight(begun(Codec(client(100)))) == []


def test_streams_that_closed_long_ago_are_forgotten_and_late_frames_of_recent_ones_known() -> None:
    codec = begun(Codec(client(100)))
    last = 2 * codec.MAX_CLOSED_STREAMS + 99
    for stream in range(3, last + 2, 2):
        codec.send_headers(stream, REQUEST, end_stream=True)
        codec.reset_stream(stream, 8)
    codec.data_to_send()
    assert len(codec._closed_streams) <= codec.MAX_CLOSED_STREAMS < 5_000
    codec.receive_data(DataFrame(last - 100, b"late").serialize())
    assert sent(codec) == []


def test_canary_python_h2_answers_data_in_flight_with_resets() -> None:
    frames = answers_to_data_in_flight(begun(plain()))
    assert [type(frame) for frame in frames] == [RstStreamFrame] * 3


def test_the_window_of_the_connection_outlasts_all_of_its_streams() -> None:
    codec = Codec(client(100))
    codec.initiate_connection()
    half = codec.inbound_flow_control_window // 2  # python-h2 may keep so much credit back
    assert half >= 100 * STREAM_WINDOW
    assert codec.local_settings.initial_window_size == STREAM_WINDOW


def test_a_stream_that_a_server_begins_ends_the_connection() -> None:
    codec = begun(Codec(client(100)))
    head = HeadersFrame(2, Encoder().encode(REQUEST), flags=["END_HEADERS"])
    with pytest.raises(ProtocolError, match="push is off"):
        codec.receive_data(head.serialize())


def test_canary_python_h2_lets_a_server_begin_a_stream() -> None:
    connection = begun(plain())
    head = HeadersFrame(2, Encoder().encode(REQUEST), flags=["END_HEADERS"])
    assert any(
        isinstance(event, RequestReceived) for event in connection.receive_data(head.serialize())
    )


@pytest.mark.parametrize(
    ("length", "body"), [(b"3", b"four"), (b"-1", b""), (b"1" * 5000, b""), (b"\xb2", b"")]
)
def test_a_length_that_is_wrong_breaks_its_stream_only(length: bytes, body: bytes) -> None:
    codec = serving()
    fields = [*REQUEST, (b"content-length", length)]
    head = HeadersFrame(1, Encoder().encode(fields, huffman=False), flags=["END_HEADERS"])
    received = codec.receive_data(head.serialize() + DataFrame(1, body).serialize())
    assert [event.stream_id for event in received if isinstance(event, StreamBroken)] == [1]
    assert any(isinstance(frame, RstStreamFrame) for frame in sent(codec))


def test_a_frame_behind_the_end_of_a_request_is_answered_with_a_reset() -> None:
    codec = serving()
    head = HeadersFrame(1, Encoder().encode(REQUEST), flags=["END_HEADERS", "END_STREAM"])
    codec.receive_data(head.serialize() + DataFrame(1, b"more").serialize())
    assert [frame.error_code for frame in sent(codec) if isinstance(frame, RstStreamFrame)] == [
        ErrorCodes.STREAM_CLOSED
    ]


def test_bodies_of_broken_streams_use_no_window_up() -> None:
    codec = serving()
    whole = codec.inbound_flow_control_window
    encoder = Encoder()
    for number in range(1, 2 * (whole // 16_384), 2):
        fields = [*REQUEST, (b"content-length", b"1")]
        head = HeadersFrame(number, encoder.encode(fields), flags=["END_HEADERS"])
        codec.receive_data(head.serialize() + DataFrame(number, bytes(16_384)).serialize())
    assert codec.inbound_flow_control_window >= whole // 2


def test_large_fields_are_not_compressed_by_huffman() -> None:
    codec = serving()
    head = HeadersFrame(1, Encoder().encode(REQUEST), flags=["END_HEADERS", "END_STREAM"])
    codec.receive_data(head.serialize())
    codec.send_headers(1, [(b":status", b"200"), (b"x-large", b"v" * 5000)])
    assert b"v" * 5000 in codec.data_to_send()


def test_canary_python_h2_passes_over_resets_of_idle_streams() -> None:
    assert begun(plain()).receive_data(RstStreamFrame(5).serialize()) == []


def test_canary_python_h2_waits_for_the_whole_of_a_frame_that_is_too_large() -> None:
    head = DataFrame(1, bytes(16_385)).serialize()[:9]
    assert begun(plain()).receive_data(head) == []
    with pytest.raises(FrameTooLargeError):
        begun(Codec(client(100))).receive_data(head)


RESERVED = 2**31


@pytest.mark.parametrize("bits", [(0, 0), (RESERVED, 0), (0, RESERVED)])
def test_a_credit_of_nothing_breaks_its_stream_whatever_the_reserved_bits(
    bits: tuple[int, int],
) -> None:
    codec = asked()
    update = struct.pack(">HBBBLL", 0, 4, 8, 0, 1 | bits[0], bits[1])
    assert [type(event) for event in codec.receive_data(update)] == [StreamBroken]


def test_a_credit_of_nothing_in_a_header_block_ends_the_connection() -> None:
    codec = asked()
    begun_block = HeadersFrame(3, Encoder().encode(REQUEST)).serialize()
    with pytest.raises(ProtocolError):
        codec.receive_data(begun_block + struct.pack(">HBBBLL", 0, 4, 8, 0, 1, 0))


def test_a_stream_that_is_over_is_not_reset_again() -> None:
    codec = asked()
    codec.receive_data(RstStreamFrame(1, 8).serialize())
    codec.receive_data(struct.pack(">HBBBLL", 0, 4, 8, 0, 1, 0))
    assert sent(codec) == []


def test_what_comes_behind_a_fault_is_passed_over() -> None:
    codec = asked((b"content-length", b"1"))
    codec.receive_data(DataFrame(1, b"four").serialize())
    sent(codec)
    assert codec.receive_data(DataFrame(1, b"four").serialize() * 3) == []
    assert sent(codec) == []


@pytest.mark.parametrize("stream", [1, 5])
def test_a_priority_that_depends_on_itself_leaves_the_connection_open(stream: int) -> None:
    codec = asked()
    frame = PriorityFrame(stream, depends_on=stream, stream_weight=1).serialize()
    assert [type(event) for event in codec.receive_data(frame)] == [StreamBroken]
    assert codec.receive_data(PingFrame(0, b"12345678").serialize())


def test_fields_that_are_too_many_to_decode_end_the_connection() -> None:
    codec = serving()
    field = Encoder().encode([(b"x-a", b"v" * 4000)])  # enters the table: one byte from then on
    again = b"\xbe" * (DECODED_REQUEST_FIELDS // 4000 + 1)
    head = HeadersFrame(1, Encoder().encode(REQUEST) + field + again, flags=["END_HEADERS"])
    with pytest.raises(DenialOfServiceError):
        codec.receive_data(head.serialize())
