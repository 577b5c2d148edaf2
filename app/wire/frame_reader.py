"""python-h2's reader of frames; what concerns one stream does not end the connection."""

import struct

from h2.exceptions import ProtocolError
from h2.frame_buffer import FrameBuffer
from hyperframe.frame import Frame, WindowUpdateFrame

from .frame_head import HEAD
from .limits import LAST_STREAM

_ZERO_CREDIT = struct.Struct(">HBBBLL")  # a WINDOW_UPDATE: length, type, flags, stream, increment


class FrameReader(FrameBuffer):
    """Reads frames; one that is malformed for its own stream only does not end the rest."""

    def __next__(self) -> Frame:
        """Return the next frame; a WINDOW_UPDATE of 0 on a stream is one, too (§6.9).

        One that is too large is refused at its head: python-h2 waits for all of it (§4.2).
        """
        if len(self._data) >= HEAD.size:
            self._validate_frame_length(int.from_bytes(self._data[:3], "big"))
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
