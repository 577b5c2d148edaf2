"""Bytes of one HTTP/2 stream on their way out, bounded.

Hypercorn's `StreamBuffer.pop` never holds a sender back: a client that stops reading fills the
memory.
"""

from typing import Any

from hypercorn.protocol.h2 import (
    BUFFER_HIGH_WATER,
    BUFFER_LOW_WATER,
    BufferCompleteError,
    StreamBuffer,
)

from .progress import while_moving


class BoundedBuffer(StreamBuffer):
    """A stream's bytes on their way out: a push waits while the buffer is full.

    A push and the last drain raise `Stalled` when none is taken out for ``idle`` seconds.
    """

    def __init__(self, event_class: Any, idle: float) -> None:
        super().__init__(event_class)
        self._idle = idle
        self._taken = 0

    async def push(self, data: bytes) -> None:
        """Add bytes, and wait for room; raises `Stalled`."""
        if self._complete:
            raise BufferCompleteError
        self.buffer.extend(data)
        await self._is_empty.clear()
        if len(self.buffer) >= BUFFER_HIGH_WATER:
            await while_moving(self._paused.wait, self._took, self._idle)
            await self._paused.clear()

    async def drain(self) -> None:
        """Wait until the buffer is empty; raises `Stalled`."""
        await while_moving(super().drain, self._took, self._idle)

    async def pop(self, max_length: int) -> bytes:
        """Take up to ``max_length`` bytes out; let the sender go on once few are left."""
        data = bytes(self.buffer[:max_length])
        del self.buffer[:max_length]
        self._taken += len(data)
        if len(self.buffer) < BUFFER_LOW_WATER:
            await self._paused.set()
        if not self.buffer:
            await self._is_empty.set()
        return data

    def _took(self) -> int:
        return self._taken
