"""A short way for the HEADERS of a request: python-h2 takes 30 µs for them, this takes 12.

The same streams are begun and the same bytes written, without an object for each frame and a copy
of each field. A property test holds both ways to that.
"""

from collections.abc import Sequence
from typing import Any

from h2.connection import AllowedStreamIDs, ConnectionInputs, ConnectionState
from h2.stream import StreamInputs, StreamState
from h2.utilities import authority_from_headers, extract_method_header

from .data_frames import DataFrames
from .frame_head import CONTINUATION, END_HEADERS, END_STREAM, HEAD, HEADERS

_COUNTED = (StreamState.OPEN, StreamState.HALF_CLOSED_LOCAL, StreamState.HALF_CLOSED_REMOTE)


class HeaderFrames(DataFrames):
    """python-h2's connection, with the short way."""

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
        self.state_machine.process_input(ConnectionInputs.SEND_HEADERS)
        stream = self._begin_new_stream(stream_id, AllowedStreamIDs.ODD)
        stream.state_machine.process_input(StreamInputs.SEND_HEADERS)
        self._write_block(stream_id, self.encoder.encode(headers), ended=end_stream)
        if end_stream:
            stream.state_machine.process_input(StreamInputs.SEND_END_STREAM)
        stream._authority = authority_from_headers(headers)  # noqa: SLF001
        stream.request_method = extract_method_header(headers)

    def _begins(self, stream_id: int) -> bool:
        """Return True if a client may begin this stream by every account (§5.1.1, §5.1.2)."""
        return (
            self.config.client_side
            and self.state_machine.state is ConnectionState.CLIENT_OPEN
            and stream_id > self.highest_outbound_stream_id
            and self.open_outbound_streams < self.remote_settings.max_concurrent_streams
        )

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
