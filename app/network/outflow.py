"""The way out: bytes written, and how far they have come.

A peer that is busy taking our bytes says nothing, and a PING behind them cannot be answered yet.
That bytes leave is thus a sign of life of its own.
"""

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from collections.abc import Callable

UNSENT = 128 * 1024  # bytes that may wait in the kernel, and in the program: a small body is behind
_BYTES_ACKED = 120  # offset in Linux's struct tcp_info of tcpi_bytes_acked (since Linux 4.1)
_INFO_SIZE = _BYTES_ACKED + 8
_MAC_NOTSENT_LOWAT = 0x201  # <netinet/tcp.h> of macOS, which Python does not name
_MAC_NWRITE = 0x1024  # SO_NWRITE, <sys/socket.h>


class Outflow:
    """Writes to a socket and knows what the peer's kernel has taken.

    State: ``_written`` counts bytes handed to the transport.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._socket: socket.socket | None = transport.get_extra_info("socket")
        self._written = 0
        transport.set_write_buffer_limits(high=UNSENT)
        self._hold_back()

    def write(self, data: bytes | memoryview) -> None:
        """Write at once, unless the transport is closing."""
        if not self._transport.is_closing():
            self._written += len(data)
            self._transport.write(data)

    def backlog(self) -> int:
        """Bytes that the peer's kernel has not taken yet, as far as can be known."""
        return self._transport.get_write_buffer_size() + self._in_kernel()

    def position(self) -> int:
        """Return a number that grows whenever bytes arrive at the peer's kernel."""
        acked = self._acked()
        return self._written - self.backlog() if acked is None else acked

    def _hold_back(self) -> None:
        """Keep what is unsent with the program: in the kernel, nothing can overtake it."""
        option = getattr(
            socket, "TCP_NOTSENT_LOWAT", _MAC_NOTSENT_LOWAT if sys.platform == "darwin" else None
        )
        if self._socket is not None and option is not None:
            self._socket.setsockopt(socket.IPPROTO_TCP, option, UNSENT)

    def _in_kernel(self) -> int:
        if self._socket is None:
            return 0
        try:
            if sys.platform == "darwin":
                return self._socket.getsockopt(socket.SOL_SOCKET, _MAC_NWRITE)
            empty = bytes(struct.calcsize("i"))
            queued = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, empty)
            return int(struct.unpack("i", queued)[0])
        except (OSError, ValueError):  # closed, or not known here
            return 0

    def _acked(self) -> int | None:
        if self._socket is None or sys.platform != "linux":
            return None
        try:
            info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_SIZE)
        except OSError:
            return None
        return (
            None if len(info) < _INFO_SIZE else int(struct.unpack_from("Q", info, _BYTES_ACKED)[0])
        )


class Passage:
    """Follows the bytes that were written before a mark: whether they leave, and are gone.

    State: ``_mark`` and the last ``_position`` before it, ``_moved`` the loop's time when that
    was found to have changed. ``_slack`` are bytes beyond the mark that may have been before it:
    TLS transports have a buffer below theirs, and do not tell its size.
    """

    def __init__(self, outflow: Outflow, clock: Callable[[], float]) -> None:
        self._outflow = outflow
        self._clock = clock
        self._mark = self._slack = self._position = 0
        self._moved = clock()

    def mark(self) -> None:
        """Follow what has been written so far."""
        self._position = self._outflow.position()
        backlog = self._outflow.backlog()
        self._mark = self._position + backlog
        self._slack = UNSENT if backlog else 0

    def moved(self) -> float:
        """Return when bytes before the mark were last found to have left."""
        position = min(self._outflow.position(), self._mark + self._slack)
        if position > self._position:
            self._position = position
            self._moved = self._clock()
        return self._moved

    @property
    def under_way(self) -> bool:
        """Whether bytes before the mark have not arrived at the peer's kernel."""
        return self._outflow.position() < self._mark
