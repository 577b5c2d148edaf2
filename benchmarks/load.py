"""A client that costs little itself: HTTP/1.1 over TLS, one connection, bodies kept to be compared.

What arrived when is noted once per segment; everything else is worked out after the measurement.
"""

import asyncio
import re
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

HEAD_END = b"\r\n\r\n"
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)

# What Claude Code sends beside what `request` says.
CLAUDE_CODE = (
    b"Accept: application/json\r\n"
    b"Accept-Encoding: gzip, deflate, br, zstd\r\n"
    b"Accept-Language: *\r\n"
    b"Connection: keep-alive\r\n"
    b"Sec-Fetch-Mode: cors\r\n"
    b"User-Agent: claude-cli/2.1.330 (external, cli)\r\n"
    b"X-Claude-Code-Session-Id: 00000000-0000-4000-8000-000000000000\r\n"
    b"X-Stainless-Arch: x64\r\n"
    b"X-Stainless-Helper-Method: stream\r\n"
    b"X-Stainless-Lang: js\r\n"
    b"X-Stainless-OS: Linux\r\n"
    b"X-Stainless-Package-Version: 0.70.0\r\n"
    b"X-Stainless-Retry-Count: 0\r\n"
    b"X-Stainless-Runtime: node\r\n"
    b"X-Stainless-Runtime-Version: v24.3.0\r\n"
    b"X-Stainless-Timeout: 600\r\n"
    b"anthropic-beta: claude-code-20250219,interleaved-thinking-2025-05-14,"
    b"fine-grained-tool-streaming-2025-05-14,prompt-caching-scope-2026-01-05\r\n"
    b"anthropic-dangerous-direct-browser-access: true\r\n"
    b"x-app: cli\r\n"
)


@dataclass(slots=True)
class Answer:
    """An answer. ``marks`` are the times (ns, monotonic) at which the body had so many bytes."""

    head: bytes = b""
    body: bytearray = field(default_factory=bytearray)
    marks: list[tuple[int, int]] = field(default_factory=list)


class Client(asyncio.Protocol):
    """One kept-alive connection. State: the answer being read, the bytes of it not yet parsed."""

    def __init__(self) -> None:
        self._answer = Answer()
        self._buffer = bytearray()
        self._left = 0  # bytes of the body or chunk still to come
        self._chunked = False
        self._done: asyncio.Future[Answer] | None = None
        self._begun: asyncio.Future[None] | None = None

    @classmethod
    async def connect(cls, port: int, trusted: ssl.SSLContext) -> "Client":
        """Connect to a server on this machine."""
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(
            cls, "127.0.0.1", port, ssl=trusted, server_hostname="localhost"
        )
        return client

    def connection_made(self, transport: Any) -> None:
        """Remember how to write."""
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is under way."""
        for waiting in (self._done, self._begun):
            if waiting is not None and not waiting.done():
                waiting.set_exception(exc or ConnectionResetError("closed in the middle"))

    def start(self, request: bytes) -> asyncio.Future[Answer]:
        """Send a request; the result is its whole answer."""
        loop = asyncio.get_running_loop()
        self._answer = Answer()
        self._done, self._begun = loop.create_future(), loop.create_future()
        self._transport.write(request)
        return self._done

    async def begun(self) -> None:
        """Wait for the head of the answer."""
        assert self._begun is not None
        await self._begun

    @property
    def content(self) -> bytearray:
        """The body as far as it has come."""
        return self._answer.body

    def close(self) -> None:
        """Close the connection at once, whatever is under way."""
        for waiting in (self._done, self._begun):
            if waiting is not None:
                waiting.cancel()
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take what came of the answer."""
        now = time.monotonic_ns()
        if not self._answer.head:
            self._buffer += data
            if not self._head():
                return
            data = bytes(self._buffer)
            self._buffer.clear()
        if self._chunked:
            ended = self._chunks(data)
        else:
            self._answer.body += data
            self._left -= len(data)
            ended = not self._left
        self._answer.marks.append((now, len(self._answer.body)))
        if ended and self._done is not None and not self._done.done():
            self._done.set_result(self._answer)

    def _head(self) -> bool:
        end = self._buffer.find(HEAD_END)
        if end < 0:
            return False
        self._answer.head = bytes(self._buffer[: end + 2])
        del self._buffer[: end + 4]
        length = LENGTH.search(self._answer.head)
        self._chunked = length is None
        self._left = int(length[1]) if length else 0
        if self._begun is not None and not self._begun.done():
            self._begun.set_result(None)
        return True

    def _chunks(self, data: bytes) -> bool:
        """Take chunks; return True after the last one."""
        if self._buffer:
            data = bytes(self._buffer) + data
            self._buffer.clear()
        body, left, start = self._answer.body, self._left, 0
        while True:
            if left > 2:  # of the chunk and its line end
                piece = data[start : start + left - 2]
                body += piece
                start += len(piece)
                left -= len(piece)
            if left > 2:
                break
            if len(data) - start < left:
                break
            start += left
            left = 0
            end = data.find(b"\r\n", start)
            if end < 0:
                break
            size = int(data[start:end], 16)
            if not size:
                if len(data) < end + 4:
                    break
                assert data[end:] == HEAD_END, "the answer goes on after its end"
                return True
            left = size + 2
            start = end + 2
        self._left = left
        self._buffer += data[start:]
        return False


def request(work: str, body: bytes, fields: bytes = CLAUDE_CODE) -> bytes:
    """Return a message to the API, and what the raw upstream is to do with it.

    ``fields`` are further lines of the head.
    """
    return (
        b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        b"x-api-key: fake\r\nanthropic-version: 2023-06-01\r\nx-work: %b\r\n"
        b"%bcontent-length: %d\r\n\r\n%b" % (work.encode(), fields, len(body), body)
    )


def body(size: int, *, stream: bool = False) -> bytes:
    """Return a request's body of ``size`` bytes."""
    start = b'{"model":"claude-sonnet-4-5","max_tokens":99,"stream":%b,"messages":[' % (
        b"true" if stream else b"false"
    )
    start += b'{"role":"user","content":"'
    return start + b"x" * (size - len(start) - 4) + b'"}]}'
