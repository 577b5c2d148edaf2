"""python-h2 for a server, with the corrections a proxy needs.

Five private methods are overridden or called (`app.listener.assertions`); ``h2`` is pinned below
its next major version (pyproject.toml).
"""

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, Event, StreamReset
from h2.exceptions import InvalidBodyLengthError, ProtocolError
from h2.settings import SettingCodes, Settings
from hpack.exceptions import HPACKError
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, SettingsFrame

from .refusal import MAX_HEADER_LIST

MAX_STREAMS = 128
STREAM_WINDOW = 256 * 1024  # bytes of a request that may lie unread
CONNECTION_WINDOW = MAX_STREAMS * STREAM_WINDOW  # so that unread ones never block the others
DECODED_LIMIT = 4 * MAX_HEADER_LIST  # more ends the connection: it cannot be decoded further
DEFAULT_WINDOW = 65_535  # RFC 9113 §6.9.2
EVERY_STREAM = 2**31 - 1  # RFC 9113 §6.8


class Codec(H2Connection):
    """The server's side of one connection: bytes in, events out, and the reverse.

    Header fields pass unvalidated both ways: `app.listener.refusal` judges a request's, one by
    one, where python-h2 would end the connection; a response's are upstream's, passed on as
    they are. State of its own: ``_greeted``, once the client's first frame has come.
    """

    def __init__(self) -> None:
        super().__init__(
            H2Configuration(
                client_side=False,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
                normalize_inbound_headers=False,
            )
        )
        self.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: MAX_HEADER_LIST,
            },
        )
        self.decoder.max_header_list_size = DECODED_LIMIT
        self._greeted = False

    def initiate_connection(self) -> None:
        """Write the preface, and open a window for all of the connection's streams."""
        super().initiate_connection()
        self.increment_flow_control_window(CONNECTION_WINDOW - DEFAULT_WINDOW)

    def retire(self) -> None:
        """Tell the client to begin no more streams here; those on their way are still served.

        Written by hand: python-h2 closes its own state with any GOAWAY.
        """
        self._prepare_for_sending([GoAwayFrame(0, last_stream_id=EVERY_STREAM)])

    def _receive_frame(self, frame: Frame) -> list[Event]:
        """Insist that the client begins with SETTINGS (RFC 9113 §3.4); python-h2 does not."""
        if not self._greeted and not isinstance(frame, SettingsFrame):
            raise ProtocolError("the first frame is not SETTINGS")
        self._greeted = True
        return super()._receive_frame(frame)

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        """Report GOAWAY and go on: a client that begins no more streams waits for its answers.

        python-h2 closes the connection on any GOAWAY (python-hyper/h2#1181).
        """
        event = ConnectionTerminated()
        event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        return [], [event]

    def _receive_headers_frame(self, frame: HeadersFrame) -> tuple[list[Frame], list[Event]]:
        """Reset a stream whose content-length is no number, or two (RFC 9113 §8.1.1).

        python-h2 ends the connection instead, and gives a wrong code for a block that cannot be
        decoded.
        """
        try:
            return super()._receive_headers_frame(frame)
        except ProtocolError as exc:
            if type(exc) is ProtocolError and isinstance(exc.__cause__, HPACKError):
                exc.error_code = ErrorCodes.COMPRESSION_ERROR  # RFC 9113 §4.3
            if not str(exc).startswith(("Invalid content-length", "Conflicting content-length")):
                raise
            self.reset_stream(frame.stream_id, ErrorCodes.PROTOCOL_ERROR)
            return [], [StreamReset(stream_id=frame.stream_id, remote_reset=False)]

    def _receive_data_frame(self, frame: DataFrame) -> tuple[list[Frame], list[Event]]:
        """Reset a stream whose body belies its content-length (RFC 9113 §8.1.1).

        python-h2 ends the connection instead.
        """
        try:
            return super()._receive_data_frame(frame)
        except InvalidBodyLengthError:
            self.acknowledge_received_data(frame.flow_controlled_length, frame.stream_id)
            self.reset_stream(frame.stream_id, ErrorCodes.PROTOCOL_ERROR)
            return [], [StreamReset(stream_id=frame.stream_id, remote_reset=False)]
