"""What python-h2 is corrected in, and canaries that turn red once it needs no correction."""

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived
from hpack import Encoder
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame

from app.http2.codec import STREAM_WINDOW, Codec

REQUEST = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a"), (b":path", b"/")]


def begun(connection: H2Connection) -> H2Connection:
    """Open stream 1 and receive its response's fields."""
    if isinstance(connection, Codec):
        connection.start()
    else:
        connection.initiate_connection()
    connection.send_headers(1, REQUEST, end_stream=True)
    head = HeadersFrame(1, Encoder().encode([(b":status", b"200")]), flags=["END_HEADERS"])
    connection.receive_data(head.serialize())
    connection.data_to_send()
    return connection


def plain() -> H2Connection:
    return H2Connection(H2Configuration(client_side=True, validate_inbound_headers=False))


def goaway_then_data(connection: H2Connection) -> list[object]:
    frames = [GoAwayFrame(0, last_stream_id=1), DataFrame(1, b"rest")]
    return list(connection.receive_data(b"".join(frame.serialize() for frame in frames)))


def answers_to_data_in_flight(connection: H2Connection) -> list[Frame]:
    """Reset a stream, receive three more frames of it, and return what is sent in reply."""
    connection.reset_stream(1, 8)
    connection.data_to_send()
    connection.receive_data(DataFrame(1, b"late").serialize() * 3)
    sent, frames = memoryview(connection.data_to_send()), []
    while sent:
        frame, length = Frame.parse_frame_header(sent[:9])
        frames.append(frame)
        sent = sent[9 + length :]
    return frames


def test_a_stream_receives_data_after_goaway() -> None:
    assert any(isinstance(event, DataReceived) for event in goaway_then_data(begun(Codec(100))))


def test_canary_python_h2_closes_on_goaway() -> None:
    try:
        goaway_then_data(begun(plain()))
    except Exception as exc:  # noqa: BLE001 - any failure shows the defect
        assert type(exc).__name__ == "ProtocolError"  # noqa: PT017 - its absence is the news
    else:
        raise AssertionError("h2#1181 is fixed: Codec._receive_goaway_frame can go")


def test_data_in_flight_on_a_reset_stream_is_ignored() -> None:
    assert answers_to_data_in_flight(begun(Codec(100))) == []


def test_canary_python_h2_answers_data_in_flight_with_resets() -> None:
    frames = answers_to_data_in_flight(begun(plain()))
    assert [type(frame) for frame in frames] == [RstStreamFrame] * 3


def test_the_window_of_the_connection_outlasts_all_of_its_streams() -> None:
    codec = Codec(100)
    codec.start()
    half = codec.inbound_flow_control_window // 2  # python-h2 may keep so much credit back
    assert half >= 100 * STREAM_WINDOW
    assert codec.local_settings.initial_window_size == STREAM_WINDOW
