"""Waiting for a client to take what is written to it, as long as it takes anything at all."""

import asyncio
import fcntl
import socket
import struct
import termios
from collections.abc import Awaitable, Callable

from ..network.abort import abort

CUT_DEADLINE = 0.5  # seconds that the rest of a cut response may take to go out
LOOK = 0.01  # seconds between two looks at what the peer has acknowledged


class Stalled(ConnectionError):
    """The client took nothing for too long."""


async def while_moving(
    wait: Callable[[], Awaitable[object]], taken: Callable[[], int], idle: float
) -> None:
    """Await ``wait()``; raises `Stalled` when ``taken()`` stands still for ``idle`` seconds."""
    while True:
        before = taken()
        try:
            async with asyncio.timeout(idle):
                await wait()
                return
        except TimeoutError:
            if taken() <= before:
                raise Stalled from None


class WriteProgress:
    """What the peer of a stream writer has taken. State: ``written``, all bytes so far."""

    def __init__(self, writer: asyncio.StreamWriter, idle: float) -> None:
        self._writer = writer
        self._transport = writer.transport
        self._idle = idle
        self.written = 0

    async def drain(self) -> None:
        """Wait for room; aborts and raises `Stalled`."""
        try:
            await while_moving(self._writer.drain, self._taken, self._idle)
        except Stalled:
            abort(self._transport)
            raise

    async def wait_taken(self) -> None:
        """Wait until the peer has acknowledged all."""
        while self._taken() < self.written:  # noqa: ASYNC110 - the kernel tells nobody
            await asyncio.sleep(LOOK)

    def _taken(self) -> int:
        """Return the bytes that the peer has acknowledged, as far as the system tells."""
        sock = self._writer.get_extra_info("socket")
        return self.written - self._transport.get_write_buffer_size() - _unacknowledged(sock)


def _unacknowledged(sock: socket.socket) -> int:
    """Return the bytes in the kernel's send queue; 0 where it does not tell (tcp(7), SIOCOUTQ)."""
    try:
        answer = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0" * 4)
    except (OSError, ValueError):
        return 0
    return int(struct.unpack("=i", answer)[0])
