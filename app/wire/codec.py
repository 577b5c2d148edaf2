"""python-h2, with the corrections that a proxy needs on either side.

State is python-h2's, except where a docstring says so. Private members of its classes are listed
in `app.wire.assertions`. Sections are RFC 9113's.
"""

from h2.config import H2Configuration
from h2.connection import ConnectionState
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    Event,
    ResponseReceived,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import InvalidBodyLengthError, ProtocolError
from h2.settings import Settings
from h2.stream import StreamClosedBy, StreamState
from hpack.exceptions import HPACKError
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PriorityFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from . import assertions
from .frame_reader import FrameReader, WholeHeaders
from .header_decoder import HeaderDecoder
from .header_encoder import HeaderEncoder
from .header_frames import HeaderFrames
from .headers import BODILESS, first
from .limits import INITIAL_WINDOW, LAST_STREAM
from .roles import Role

assertions.check()

_OF_STREAMS = (DataFrame, HeadersFrame, PriorityFrame, WindowUpdateFrame)
# Of python-h2's errors: none, its table of states, or a number too long to be read.
_CAUSES = (type(None), KeyError, ValueError)
_BODILESS = frozenset(b"%d" % status for status in BODILESS)


class StreamBroken(StreamReset):
    """The peer broke the protocol on one stream, which was reset (§5.4.2)."""

    def __init__(self, stream_id: int, reason: str) -> None:
        super().__init__(
            stream_id=stream_id, error_code=ErrorCodes.PROTOCOL_ERROR, remote_reset=False
        )
        self.reason = reason


class Codec(HeaderFrames):
    """One side of a connection: bytes in, events out, and the reverse.

    Header fields are byte pairs and pass unvalidated both ways: `app.wire.heads` judges them one
    message at a time, where python-h2 would end the connection. State of its own: ``_late``, while
    a frame is taken on a stream that was reset before it came.
    """

    # Those whose late frames are passed over. They come within a round trip; 100 streams at a time
    # do not close 2,048 in one. Each takes 200 bytes; stock remembers 65,536.
    MAX_CLOSED_STREAMS = 2048

    def __init__(self, role: Role) -> None:
        super().__init__(
            H2Configuration(
                client_side=role.client_side,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
                normalize_inbound_headers=False,
            )
        )
        self.local_settings = Settings(client=role.client_side, initial_values=dict(role.settings))
        self.decoder = HeaderDecoder(role.decoded_fields)
        self.encoder = HeaderEncoder()
        self.incoming_buffer = FrameReader(server=not role.client_side)
        self._frame_dispatch_table[WholeHeaders] = self._receive_headers_frame
        self._window = role.window
        self._greeted = False
        self._late = False

    def initiate_connection(self) -> None:
        """Write the preface, and open the connection's window (§3.4, §6.9)."""
        super().initiate_connection()
        self.increment_flow_control_window(self._window - INITIAL_WINDOW)

    def announce_drain(self) -> None:
        """Tell the client to begin no more streams here; those on their way are still served.

        Written by hand: python-h2 closes its own state with any GOAWAY (§6.8).
        """
        self._prepare_for_sending([GoAwayFrame(0, last_stream_id=LAST_STREAM)])

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        """Report GOAWAY and go on: streams up to its last id may finish (§6.8).

        python-h2 closes the connection on any GOAWAY (python-hyper/h2#1181).
        """
        event = ConnectionTerminated()
        event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        event.additional_data = frame.additional_data or None
        return [], [event]

    def _receive_frame(self, frame: Frame) -> list[Event]:
        """Let a fault on one stream end that stream: python-h2 ends the connection (§5.4.2).

        And insist that the peer begins with SETTINGS (§3.4).
        """
        if not self._greeted and not isinstance(frame, SettingsFrame):
            raise ProtocolError("the first frame is not SETTINGS")
        self._greeted = True
        self._late = self._stream_closed_by(frame.stream_id) is StreamClosedBy.SEND_RST_STREAM
        try:
            return self._take(frame)
        finally:
            self._late = False

    def _take(self, frame: Frame) -> list[Event]:
        if _is_zero_credit(frame) and frame.stream_id in self.streams:
            return self._break(frame, "WINDOW_UPDATE of 0")
        try:
            return super()._receive_frame(frame)
        except ProtocolError as exc:
            if not self._is_stream_error(frame, exc):
                raise
            return self._break(frame, str(exc))

    def _receive_headers_frame(self, frame: HeadersFrame) -> tuple[list[Frame], list[Event]]:
        """Name the right code for a block that cannot be decoded (§4.3); refuse pushed streams."""
        if self.config.client_side and not frame.stream_id % 2:
            raise ProtocolError("a server begins no streams: push is off")  # §5.1.1, §8.4
        stream = self.streams.get(frame.stream_id)
        announced = None if stream is None else stream._expected_content_length  # noqa: SLF001
        try:
            frames, events = super()._receive_headers_frame(frame)
        except ProtocolError as exc:
            if type(exc) is ProtocolError and isinstance(exc.__cause__, HPACKError):
                exc.error_code = ErrorCodes.COMPRESSION_ERROR
            raise
        self._hold_to_length(events[0], announced)
        return frames, events

    def _hold_to_length(self, head: Event, announced: int | None) -> None:
        """Hold a message that fields end to its length (§8.1.1); python-h2 does so at DATA only.

        ``announced`` is the length so far. What has no content may announce any (RFC 9110 §6.4.1).
        """
        if not isinstance(head, ResponseReceived | TrailersReceived):
            return
        stream = self.streams[head.stream_id]
        if isinstance(head, ResponseReceived):
            if first(head.headers, b":status") in _BODILESS:
                stream._expected_content_length = 0  # noqa: SLF001
            announced = stream._expected_content_length  # noqa: SLF001
        received = stream._actual_content_length  # noqa: SLF001
        if head.stream_ended and announced not in (None, received):
            raise InvalidBodyLengthError(announced, received)

    def _receive_rst_stream_frame(self, frame: RstStreamFrame) -> tuple[list[Frame], list[Event]]:
        """Refuse to end a stream that has not begun (§6.4); python-h2 passes over it."""
        ours = bool(frame.stream_id % 2) == self.config.client_side
        begun = self.highest_outbound_stream_id if ours else self.highest_inbound_stream_id
        if frame.stream_id > begun:
            raise ProtocolError("RST_STREAM of a stream that is idle")
        return super()._receive_rst_stream_frame(frame)

    def _prepare_for_sending(self, frames: list[Frame]) -> None:
        """Send no RST_STREAM for a frame that was in flight when its stream was reset.

        It is to be ignored (§5.1, closed); python-h2 sends one for each.
        """
        if self._late:
            frames = [frame for frame in frames if not _is_echo(frame)]
        super()._prepare_for_sending(frames)

    def _is_stream_error(self, frame: Frame, exc: ProtocolError) -> bool:
        """Return True for a fault that concerns one stream (§8.1.1, §6.9, §5.3.1).

        What was wrong with the compression concerns all: its state is shared (§4.3).
        """
        return (
            type(exc) in (ProtocolError, InvalidBodyLengthError)
            and isinstance(frame, _OF_STREAMS)
            and (isinstance(frame, PriorityFrame) or frame.stream_id in self.streams)
            and type(exc.__cause__) in _CAUSES
            and self.state_machine.state is not ConnectionState.CLOSED
        )

    def _break(self, frame: Frame, reason: str) -> list[Event]:
        """Reset a stream, and give the connection's window back for what came on it."""
        stream = self.streams.get(frame.stream_id)
        if stream is not None and stream.closed_by is None:
            # python-h2 refuses to reset a stream that its own error has closed.
            stream.state_machine.state = StreamState.CLOSED
            stream.state_machine.stream_closed_by = StreamClosedBy.SEND_RST_STREAM
            reset = RstStreamFrame(frame.stream_id, error_code=ErrorCodes.PROTOCOL_ERROR)
            self._prepare_for_sending([reset])
        if isinstance(frame, DataFrame):
            self.acknowledge_received_data(frame.flow_controlled_length, frame.stream_id)
        return [StreamBroken(frame.stream_id, reason)]


def _is_echo(frame: Frame) -> bool:
    return isinstance(frame, RstStreamFrame) and frame.error_code == ErrorCodes.STREAM_CLOSED


def _is_zero_credit(frame: Frame) -> bool:
    return isinstance(frame, WindowUpdateFrame) and not frame.window_increment
