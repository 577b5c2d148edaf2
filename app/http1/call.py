"""One request and its response, on a connection of their own."""

import asyncio
from collections.abc import AsyncIterable
from typing import Protocol

from ..network.reception import Reception
from ..wire.timeouts import Timeouts
from .request import Body

PIECE = 64 * 1024  # bytes of a body that are written at a time
TURNS = 3  # of the event loop, in which it reads what has come
UNREAD = 64 * 1024  # bytes of a response that may lie unread before the socket is read no more


class Link(Protocol):
    """What a call needs of its connection."""

    paused: bool  # whether the socket is full

    def write(self, data: memoryview | bytes) -> None:
        """Write to the socket."""

    def readable(self) -> bool:
        """Return whether the peer has sent what was not read yet, or has left."""

    def follow(self) -> None:
        """Follow the bytes written so far on their way out."""

    def progress(self) -> float:
        """Return the loop's time when they were last seen to leave."""

    def hold(self, *, reading: bool) -> None:
        """Read from the socket, or let the peer wait."""

    def detach(self, *, reusable: bool) -> None:
        """Forget the call; close the connection unless it can be used again."""


class Call(Reception):
    """The requester's and the connection's meeting point.

    ``framing`` is how the request's body is sent. State of `Reception`'s: ``_owing`` is also set
    while the peer has to wait.
    """

    def __init__(
        self, link: Link, framing: Body, timeouts: Timeouts, loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(timeouts, loop)
        self._link = link
        self._framing = framing

    # The connection's side

    def receive(self, data: bytes | bytearray) -> bool:
        """Take some of the body; return whether it is to be delivered at the segment's end."""
        delivers = self._put(data)
        if self.unread > UNREAD:
            self._hold(reading=False)
        return delivers

    def receive_end(self, *, reusable: bool) -> None:
        """Take the end. A response may end before its request: the rest is not sent (§9.5)."""
        if self._first:
            self.deliver()  # now: the reader wakes for the end, and finds the rest a turn later
        self.ended = True
        self._detach(reusable=reusable and self.sent)
        self._wake_reader()

    def resume(self) -> None:
        """Let the upload go on: the socket has room."""
        self._wake_writer()

    def fail(self, error: BaseException) -> None:
        """End the call early, and its connection with it."""
        if self.attached:
            self._error = error
            self._detach(reusable=False)
            self._wake_reader()

    # Between the two

    def _taken(self) -> None:
        self._hold(reading=True)

    def _hold(self, *, reading: bool) -> None:
        if self.attached and self._owing is reading:
            self._owing = not reading
            self._link.hold(reading=reading)

    async def _send_all(self, body: AsyncIterable[bytes]) -> None:
        async for chunk in body:
            for start in range(0, len(chunk), PIECE):
                await self._write(self._framing.frame(memoryview(chunk)[start : start + PIECE]))
        self._link.write(self._framing.end())
        self.finish_request()

    async def _write(self, data: memoryview | bytes) -> None:
        """Write, and wait until the socket has room.

        What the peer has sent is read first: an early answer often has a reset behind it, and a
        write that fails would end the connection with the answer unread.
        """
        for _ in range(TURNS):
            if not self._link.readable():
                break
            await asyncio.sleep(0)
        self._link.write(data)
        self.wrote_at = self._loop.time()
        if self._link.paused:
            self._link.follow()
            await self._room()

    def _write_deadline(self, limit: float) -> float:
        """Give up once no byte leaves any more."""
        return max(self._link.progress(), self.wrote_at) + limit

    def _detach(self, *, reusable: bool) -> None:
        self._hold(reading=True)
        self._leave()
        self._link.detach(reusable=reusable)
