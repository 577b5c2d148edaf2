"""python-h2, with the corrections a proxy needs.

Two of them override private methods, so these are asserted at import and ``h2`` is pinned below
its next major version (pyproject.toml).
"""

from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, Event
from h2.settings import SettingCodes, Settings
from hpack import Encoder
from hyperframe.frame import Frame, GoAwayFrame, RstStreamFrame

STREAM_WINDOW = 256 * 1024  # bytes a response may lie unread (RFC 9113 §6.9.2)
HEADER_LIST = 1024 * 1024  # bytes of decoded response fields (§6.5.2)
SETTLED_WINDOW = 65_535  # every connection starts with it, whatever SETTINGS say (§6.9.2)

_OVERRIDDEN = {"_receive_goaway_frame", "_prepare_for_sending"}
if missing := _OVERRIDDEN - vars(H2Connection).keys():
    raise ImportError(f"this h2 has no {missing}: app.http2.codec must be revised for it")


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

    def _prepare_for_sending(self, frames: list[Frame]) -> None:
        """Drop the RST_STREAM that python-h2 sends for each DATA frame on a cancelled stream.

        They were in flight when the stream was reset, and are to be ignored (§5.1, closed).
        """
        super()._prepare_for_sending([frame for frame in frames if not _is_echo(frame)])


class _PlainEncoder(Encoder):
    """Sends strings as they are (RFC 7541 §5.2): hpack's Huffman coding is quadratic.

    A field of 64 KB would hold up every stream for a second.
    """

    def encode(self, headers: Any, huffman: bool = False) -> bytes:
        return super().encode(headers, huffman=huffman)


def _is_echo(frame: Frame) -> bool:
    return isinstance(frame, RstStreamFrame) and frame.error_code == ErrorCodes.STREAM_CLOSED
