"""The raw upstream's HTTP/1.1, for proxies that speak no HTTP/2 to upstream, and for none at all.

Takes well-formed requests with a content-length only; answers streams in chunks.
"""

import asyncio
import re
import zlib
from collections.abc import Callable
from typing import Any

from benchmarks.raw_work import FIELDS, answer, request_id

HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
HEAD = (
    b"HTTP/1.1 200 OK\r\n"
    + b"".join(b"%b: %b\r\n" % field for field in FIELDS)
    + b"request-id: %b\r\ncontent-type: %b\r\n%b\r\n\r\n"
)
WORK = re.compile(rb"\r\nx-work: *([^\r]+)", re.IGNORECASE)


class Connection(asyncio.Protocol):
    """One connection, and the request on it. State: what came of head and body, the window."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._path = b""
        self._left = self._size = self._checksum = 0
        self._chunked = False
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: Any) -> None:
        """Remember how to write."""
        self._write: Callable[[bytes], None] = transport.write

    def connection_lost(self, _exc: Exception | None) -> None:
        """Stop sending."""
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """Wait for a client that is slower than we are."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Go on."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Take a head or a piece of a body."""
        if not self._path:
            self._buffer += data
            end = self._buffer.find(HEAD_END)
            if end < 0:
                return
            head, data = bytes(self._buffer[: end + 4]), bytes(self._buffer[end + 4 :])
            self._buffer.clear()
            work, length = WORK.search(head), LENGTH.search(head)
            self._path = work[1] if work else head.split(b" ", 2)[1]
            self._left = int(length[1]) if length else 0
            self._size, self._checksum = self._left, 0
        self._checksum = zlib.crc32(data, self._checksum)
        self._left -= len(data)
        if not self._left:
            path, self._path = self._path, b""
            self._task = answer(self, path, self._size, self._checksum)

    def begin(self, kind: bytes, size: int | None, /) -> None:
        """Send the head."""
        self._chunked = size is None
        framing = b"transfer-encoding: chunked" if size is None else b"content-length: %d" % size
        self._write(HEAD % (request_id(), kind, framing))

    def send(self, pieces: list[bytes], *, end: bool = False) -> None:
        """Send a chunk for each piece, or the body itself."""
        if self._chunked:
            pieces = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
            if end:
                pieces.append(b"0\r\n\r\n")
        self._write(b"".join(pieces))

    async def room(self, _size: int) -> None:
        """Wait until the transport's buffer has room."""
        await self._writable.wait()
