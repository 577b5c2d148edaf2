"""Short ways for HEADERS: a request's that is sent, and a response's that is received.

python-h2 takes 30 µs for the one and 40 for the other, these take 12 and 6. The same streams are
begun and the same bytes written, or the same event made, without an object for each frame and a
copy of each field. Property tests hold both ways to that.
"""

from collections.abc import Sequence
from typing import Any

from h2.connection import ConnectionState
from h2.events import Event, ResponseReceived
from h2.stream import H2Stream, StreamInputs, StreamState
from h2.utilities import authority_from_headers, extract_method_header

from .data_frames import DataFrames
from .frame_head import CONTINUATION, END_HEADERS, END_STREAM, HEAD, HEADERS
from .header_decoder import HeaderDecoder
from .headers import BODILESS

_LONGEST = 19  # digits of a length
_WITH_CONTENT = frozenset(b"%d" % status for status in {*range(200, 600)} - BODILESS)
_AWAITING = (StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL)
_COUNTED = (StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL, StreamState.HALF_CLOSED_REMOTE)


class HeaderFrames(DataFrames):
    """python-h2's connection, with the short ways."""

    decoder: HeaderDecoder

    def send_headers(  # type: ignore[override] # fields are pairs of bytes
        self,
        stream_id: int,
        headers: Sequence[tuple[bytes, bytes]],
        end_stream: bool = False,
        **priority: Any,
    ) -> None:
        """Write a header block; raises what python-h2 raises."""
        if priority or not headers or not self._begins(stream_id):
            super().send_headers(stream_id, headers, end_stream, **priority)
            return
        stream = self._begin(stream_id)
        self._write_block(stream_id, self.encoder.encode(headers), ended=end_stream)
        if end_stream:
            stream.state_machine.process_input(StreamInputs.SEND_END_STREAM)
        stream._authority = authority_from_headers(headers)  # noqa: SLF001
        stream.request_method = extract_method_header(headers)

    def _take_headers(self, stream_id: int, block: bytes) -> tuple[Event, ...]:
        """Return the event of a response's head that content follows; none leaves it to python-h2.

        Its block is decoded already then (`HeaderDecoder.decode_ahead`).
        """
        stream = self._awaiting(stream_id, len(block))
        fields = None if stream is None else self.decoder.decode_ahead(block)
        if stream is None or not fields or fields[0][0] != b":status":
            return ()
        lengths = [value for name, value in fields if name == b"content-length"]
        plain = not lengths or (lengths[0].isdigit() and len(lengths[0]) <= _LONGEST)
        if fields[0][1] not in _WITH_CONTENT or len(lengths) > 1 or not plain:
            return ()
        self.decoder.ahead = None
        stream.state_machine.headers_received = True
        stream._expected_content_length = int(lengths[0]) if lengths else None  # noqa: SLF001
        event = ResponseReceived(stream_id=stream_id)
        event.headers = fields  # type: ignore[assignment] # pairs of bytes
        return (event,)

    def _awaiting(self, stream_id: int, length: int) -> H2Stream | None:
        """Return the stream that may receive the head of its response by every account, or None.

        RFC 9113 §5.1 (states), §3.4 (SETTINGS first), §4.3 (an open header block), §4.2 (size). To
        HEAD there is no content, whatever the length.
        """
        stream = self.streams.get(stream_id)
        fits = (
            stream is not None
            and self.state_machine.state is ConnectionState.CLIENT_OPEN
            and self._greeted
            and self._between_frames()
            and length <= self.max_inbound_frame_size
            and stream.state_machine.state in _AWAITING
            and not stream.state_machine.headers_received
            and stream.request_method != b"HEAD"
        )
        return stream if fits else None

    def _begins(self, stream_id: int) -> bool:
        """Return True if a client may begin this stream by every account (§5.1.1, §5.1.2)."""
        return (
            self.config.client_side
            and self.state_machine.state is ConnectionState.CLIENT_OPEN
            and stream_id > self.highest_outbound_stream_id
            and stream_id % 2 == 1
            and self._open_streams(1) < self.remote_settings.max_concurrent_streams
        )

    def _begin(self, stream_id: int) -> H2Stream:
        """Begin a client's stream; the connection's state stays as it is."""
        stream = self.streams[stream_id] = H2Stream(
            stream_id,
            config=self.config,
            inbound_window_size=self.local_settings.initial_window_size,
            outbound_window_size=self.remote_settings.initial_window_size,
        )
        stream.max_outbound_frame_size = self.max_outbound_frame_size
        self.highest_outbound_stream_id = stream_id
        machine = stream.state_machine
        machine.state, machine.client, machine.headers_sent = StreamState.OPEN, True, True
        return stream

    def _write_block(self, stream_id: int, block: bytes, *, ended: bool) -> None:
        """Write a header block as HEADERS and CONTINUATION (§4.3)."""
        kind, flags = HEADERS, END_STREAM if ended else 0
        step = self.max_outbound_frame_size
        for start in range(0, len(block), step):
            piece = block[start : start + step]
            if start + step >= len(block):
                flags |= END_HEADERS
            size = len(piece)
            self._data_to_send += HEAD.pack(size >> 8, size & 0xFF, kind, flags, stream_id) + piece
            kind, flags = CONTINUATION, 0

    def _open_streams(self, remainder: int) -> int:
        """Count the open streams whose ids have this ``remainder``, and drop those that are closed.

        python-h2 takes four calls for each stream, so that a request among 100 costs 60 µs.
        """
        count = 0
        closed = []
        for stream_id, stream in self.streams.items():
            state = stream.state_machine.state
            if state is StreamState.CLOSED:
                closed.append(stream_id)
            elif state in _COUNTED and stream_id % 2 == remainder:
                count += 1
        for stream_id in closed:
            self._closed_streams[stream_id] = self.streams.pop(stream_id).closed_by
        return count
