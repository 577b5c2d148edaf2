"""python-h2, with the corrections a proxy needs.

Three of them override private methods, so these are asserted at import and ``h2`` is pinned below
its next major version (pyproject.toml).
"""

import struct
from dataclasses import dataclass
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, Event
from h2.exceptions import InvalidBodyLengthError, ProtocolError
from h2.frame_buffer import FrameBuffer
from h2.settings import SettingCodes, Settings
from h2.stream import StreamClosedBy, StreamState
from hpack import Encoder
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PriorityFrame,
    RstStreamFrame,
    WindowUpdateFrame,
)

STREAM_WINDOW = 256 * 1024  # bytes a response may lie unread (RFC 9113 §6.9.2)
HEADER_LIST = 1024 * 1024  # bytes of decoded response fields (§6.5.2)
SETTLED_WINDOW = 65_535  # every connection starts with it, whatever SETTINGS say (§6.9.2)

_OF_STREAMS = (DataFrame, HeadersFrame, PriorityFrame, WindowUpdateFrame)
_ZERO_CREDIT = struct.Struct(">HBBBLL")  # a WINDOW_UPDATE: length, type, flags, stream, increment
_STREAM_ID = 2**31 - 1  # the bit above is reserved (§4.1, §6.9)

_OVERRIDDEN = {"_receive_goaway_frame", "_prepare_for_sending", "_receive_frame"}
if missing := _OVERRIDDEN - vars(H2Connection).keys():
    raise ImportError(f"this h2 has no {missing}: app.http2.codec must be revised for it")
if not hasattr(FrameBuffer(), "_data") or not hasattr(FrameBuffer(), "_headers_buffer"):
    raise ImportError("this h2 buffers frames otherwise: app.http2.codec must be revised for it")


@dataclass
class StreamBroken(Event):
    """The peer broke the protocol on one stream, which was reset (§5.4.2).

    ``unread`` is the flow-controlled length of the frame that did.
    """

    stream_id: int
    reason: str
    unread: int


class Codec(H2Connection):
    """The client's side of one connection: bytes in, events out, and the reverse.

    Header fields are byte pairs and pass unvalidated: `app.http2.fields` does that. State is
    python-h2's.
    """

    def __init__(self, streams: int) -> None:
        super().__init__(
            H2Configuration(
                client_side=True,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
                normalize_inbound_headers=False,
            )
        )
        self.local_settings = Settings(
            client=True,
            initial_values={
                SettingCodes.ENABLE_PUSH: 0,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: HEADER_LIST,
            },
        )
        self.decoder.max_header_list_size = HEADER_LIST
        self.encoder = _PlainEncoder()
        self.incoming_buffer = _Frames(server=False)
        self._streams = streams

    def start(self) -> None:
        """Write the preface and open the connection's window (§3.4, §6.9).

        All streams together may lie unread without blocking one another. The window is twice
        that, since python-h2 gives the credit for DATA on cancelled streams back in halves.
        """
        self.initiate_connection()
        window = 2 * (self._streams + 1) * STREAM_WINDOW
        self.increment_flow_control_window(window - SETTLED_WINDOW)

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
        """Let a fault on one stream end that stream: python-h2 ends the connection (§5.4.2)."""
        if isinstance(frame, WindowUpdateFrame) and not frame.window_increment:
            return self._break(frame, "WINDOW_UPDATE of 0")
        try:
            return super()._receive_frame(frame)
        except ProtocolError as exc:
            if not _is_stream_error(frame, exc):
                raise
            return self._break(frame, str(exc))

    def _break(self, frame: Frame, reason: str) -> list[Event]:
        stream = self.streams.get(frame.stream_id)
        if stream is not None and stream.closed_by is None:
            # python-h2 refuses to reset a stream that its own error has closed.
            stream.state_machine.state = StreamState.CLOSED
            stream.state_machine.stream_closed_by = StreamClosedBy.SEND_RST_STREAM
            reset = RstStreamFrame(frame.stream_id, error_code=ErrorCodes.PROTOCOL_ERROR)
            self._prepare_for_sending([reset])
        unread = frame.flow_controlled_length if isinstance(frame, DataFrame) else 0
        return [StreamBroken(frame.stream_id, reason, unread)]

    def _prepare_for_sending(self, frames: list[Frame]) -> None:
        """Drop the RST_STREAM that python-h2 sends for each DATA frame on a cancelled stream.

        They were in flight when the stream was reset, and are to be ignored (§5.1, closed).
        """
        super()._prepare_for_sending([frame for frame in frames if not _is_echo(frame)])


class _Frames(FrameBuffer):
    """Reads frames; one that is malformed for its own stream only does not end the rest."""

    def __next__(self) -> Frame:
        """Return the next frame; a WINDOW_UPDATE of 0 on a stream is one, too (§6.9)."""
        try:
            return super().__next__()
        except ProtocolError:
            head = bytes(self._data[: _ZERO_CREDIT.size])
            if self._headers_buffer or len(head) < _ZERO_CREDIT.size:
                raise
            high, low, kind, _, stream_id, increment = _ZERO_CREDIT.unpack(head)
            stream_id &= _STREAM_ID
            whole = (high, low) == (0, 4) and not increment & _STREAM_ID
            if kind != WindowUpdateFrame.type or not stream_id or not whole:
                raise
            del self._data[: _ZERO_CREDIT.size]
            return WindowUpdateFrame(stream_id, 0)


class _PlainEncoder(Encoder):
    """Sends strings as they are (RFC 7541 §5.2): hpack's Huffman coding is quadratic.

    A field of 64 KB would hold up every stream for a second.
    """

    def encode(self, headers: Any, huffman: bool = False) -> bytes:
        return super().encode(headers, huffman=huffman)


def _is_stream_error(frame: Frame, exc: ProtocolError) -> bool:
    """Return True for a fault that concerns one stream (§8.1.1, §6.9, §5.3.1).

    What was wrong with the compression concerns all: its state is shared (§4.3).
    """
    return (
        type(exc) in (ProtocolError, InvalidBodyLengthError)
        and isinstance(frame, _OF_STREAMS)
        and frame.stream_id != 0
        and isinstance(exc.__cause__, (KeyError, type(None)))  # KeyError: by the table of states
    )


def _is_echo(frame: Frame) -> bool:
    return isinstance(frame, RstStreamFrame) and frame.error_code == ErrorCodes.STREAM_CLOSED
