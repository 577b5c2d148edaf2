"""The bytes of a connection that were received and not read yet.

asyncio's reader copies everything twice: into its buffer, and out of it again.
"""

import asyncio

LIMIT = 64 * 1024  # bytes; asyncio pauses a transport at twice as many that are not read


class PieceReader(asyncio.StreamReader):
    """asyncio's, except that a piece which came whole is read whole, and not copied.

    State beside its own: ``_buffer`` is immutable here.
    """

    _buffer: bytes
    _eof: bool
    _paused: bool
    _transport: asyncio.ReadTransport | None

    def __init__(self) -> None:
        super().__init__(LIMIT)
        self._buffer = b""

    def feed_data(self, data: bytes) -> None:  # type: ignore[override] # no other kind
        """Take a piece; pause the transport once too much is here."""
        if not data:
            return  # a reader would take it for the end
        self._buffer = self._buffer + data if self._buffer else data
        self._wakeup_waiter()  # type: ignore[attr-defined] # not in typeshed
        if self._transport is not None and not self._paused and len(self._buffer) > 2 * LIMIT:
            self._transport.pause_reading()
            self._paused = True

    async def read(self, n: int = -1) -> bytes:
        """Return what has come, at most ``n`` bytes if that is positive; b"" at the end."""
        if (lost := self.exception()) is not None:
            raise lost
        if not self._buffer and not self._eof:
            await self._wait_for_data("read")  # type: ignore[attr-defined] # the same
        data, self._buffer = self._buffer, b""
        if 0 < n < len(data):
            data, self._buffer = data[:n], data[n:]
        self._maybe_resume_transport()  # type: ignore[attr-defined] # the same
        return data
