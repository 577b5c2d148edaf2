"""HTTP without TLS on the HTTPS port: a first-minute mistake, answered in plain words."""

import asyncio
import socket
from contextlib import suppress

from ..anthropic.errors import answer
from ..errors import BadRequest

DEADLINE = 2.0  # seconds for the answer to go out, and for the client to close
UNREAD_LIMIT = 64 * 1024  # bytes of its request that are read and dropped
MESSAGE = (
    "This port speaks HTTPS, and the request came without TLS: use https:// instead of http:// "
    "(ANTHROPIC_BASE_URL)."
)


def begins(first: bytes) -> bool:
    """Return True if a connection's first byte begins HTTP; TLS begins with 22 (RFC 8446 §5.1)."""
    return first.isalpha() or first in b"\r\n"


def response() -> bytes:
    """Return the whole answer as bytes."""
    made = answer(BadRequest("plain_http", MESSAGE))
    fields = [*made.headers, (b"connection", b"close")]
    lines = [b"HTTP/1.1 400 Bad Request", *(name + b": " + value for name, value in fields)]
    return b"\r\n".join([*lines, b"", made.body])


async def respond(sock: socket.socket) -> None:
    """Answer, and close once the client has read it: unread bytes would reset the connection."""
    loop = asyncio.get_running_loop()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(DEADLINE):
            await loop.sock_sendall(sock, response())
            sock.shutdown(socket.SHUT_WR)
            unread = UNREAD_LIMIT
            while unread > 0 and (data := await loop.sock_recv(sock, unread)):
                unread -= len(data)
