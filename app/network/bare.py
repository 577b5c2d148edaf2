"""A bare socket, before a transport has it or where none ever will."""

import asyncio
import socket
from contextlib import suppress

DEADLINE = 2.0  # seconds for the answer to go out, and for the client to close
UNREAD_LIMIT = 64 * 1024  # bytes of its request that are read and dropped


async def readable(sock: socket.socket) -> None:
    """Wait until there is something to read, or the end."""
    loop = asyncio.get_running_loop()
    came = asyncio.Event()
    loop.add_reader(sock, came.set)
    try:
        await came.wait()
    finally:
        loop.remove_reader(sock)


async def answer_and_end(sock: socket.socket, answer: bytes) -> None:
    """Answer, and return once the client has read it: unread bytes would reset the connection."""
    loop = asyncio.get_running_loop()
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(DEADLINE):
            await loop.sock_sendall(sock, answer)
            sock.shutdown(socket.SHUT_WR)
            unread = UNREAD_LIMIT
            while unread > 0 and (data := await loop.sock_recv(sock, unread)):
                unread -= len(data)
