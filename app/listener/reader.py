"""The bytes of a connection that were received and not read yet.

asyncio's reader copies everything twice: into its buffer, and out of it again.
"""

import asyncio
from collections import deque

LIMIT = 64 * 1024  # bytes; asyncio pauses a transport at twice as many that are not read


class PieceReader(asyncio.StreamReader):
    """asyncio's, except that a piece which came whole is read whole, and not copied.

    Pieces are joined only as long as they are small. State beside its own: ``_buffer`` is a queue
    of pieces here, and ``_size`` how much they hold.
    """

    _buffer: deque[bytes]
    _eof: bool
    _paused: bool
    _transport: asyncio.ReadTransport | None

    def __init__(self) -> None:
        super().__init__(LIMIT)
        self._buffer = deque()
        self._size = 0

    def feed_data(self, data: bytes) -> None:  # type: ignore[override] # no other kind
        """Take a piece; pause the transport once too much is here."""
        if not data:
            return  # a reader would take it for the end
        pieces = self._buffer
        if pieces and len(pieces[-1]) + len(data) <= LIMIT:
            pieces[-1] += data
        else:
            pieces.append(data)
        self._size += len(data)
        self._wakeup_waiter()  # type: ignore[attr-defined] # not in typeshed
        if self._transport is not None and not self._paused and self._size > 2 * LIMIT:
            self._transport.pause_reading()
            self._paused = True

    async def read(self, n: int = -1) -> bytes:
        """Return what came first, at most ``n`` bytes if that is positive; b"" at the end."""
        if (lost := self.exception()) is not None:
            raise lost
        if not self._buffer and not self._eof:
            await self._wait_for_data("read")  # type: ignore[attr-defined] # the same
        data = self._buffer.popleft() if self._buffer else b""
        if 0 < n < len(data):
            self._buffer.appendleft(data[n:])
            data = data[:n]
        self._size -= len(data)
        if self._paused and self._transport is not None and self._size <= LIMIT:
            self._paused = False
            self._transport.resume_reading()
        return data
