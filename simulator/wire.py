"""What an answer is sent through, whichever the protocol."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from .received import Ended, Received

Headers = list[tuple[bytes, bytes]]
HEAD_LIMIT = 2**18  # bytes of a request's head


class Stream(ABC):
    """One request and the way back for its answer.

    ``task`` answers it and is cancelled when the client leaves, ``on_end`` is told once how it
    ended. ``reading`` False leaves the request's body without credit. State beside these:
    ``_complete`` is set with the last byte of the request's body.
    """

    def __init__(self, received: Received) -> None:
        self.received = received
        self.reading = True
        self.task: asyncio.Task[None] | None = None
        self.on_end: Callable[[Received], None] | None = None
        self._complete = asyncio.Event()

    async def body(self) -> bytes:
        """Return the request's body once it is whole."""
        await self._complete.wait()
        return self.received.body

    def body_ended(self) -> None:
        """Note that the request's body is whole."""
        self.received.body_complete = True
        self._complete.set()

    def finish(self, ended: Ended, code: int | None = None) -> None:
        """Note how the exchange ended, the first time it is told."""
        if self.received.ended is None:
            self.received.ended = ended
            self.received.reset_code = code
            self.received.ended_at = asyncio.get_running_loop().time()
            if self.on_end is not None:
                self.on_end(self.received)

    def gone(self, ended: Ended, code: int | None = None) -> None:
        """Note that the client has left, and stop answering."""
        self.finish(ended, code)
        if self.task is not None:
            self.task.cancel()

    @abstractmethod
    def start(self, status: int, headers: Headers) -> None:
        """Send the response's head; without a ``content-length`` its length stays open."""

    @abstractmethod
    async def send(self, data: bytes) -> None:
        """Send a piece of the body, as far as the client's windows and buffers let it."""

    @abstractmethod
    def end(self) -> None:
        """End the response in good order."""

    @abstractmethod
    def reset(self, code: int) -> None:
        """Reset the stream; over HTTP/1.1 the TCP connection."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection after what was sent."""

    @abstractmethod
    def cut(self) -> None:
        """Begin a frame, or a chunk, and close the connection in the middle of it."""

    @abstractmethod
    def goaway(self, code: int) -> None:
        """Announce that the connection takes no more requests."""


class Wire(ABC):
    """One connection's protocol."""

    @abstractmethod
    def receive(self, data: bytes) -> None:
        """Take what has come."""

    @abstractmethod
    def lost(self) -> None:
        """Note that the connection is gone."""

    @abstractmethod
    def goaway(self, code: int, last_stream_id: int | None) -> None:
        """Take no more requests, and close when those that run have ended."""


Accept = Callable[[Stream], None]  # called for each request when its head has come


class Pipe:
    """A transport with its back-pressure.

    State: ``writable`` is set while the transport's buffer is below its limit; a ``mute`` one
    writes no more.
    """

    def __init__(self, transport: asyncio.Transport, number: int) -> None:
        self.transport = transport
        self.number = number
        self.mute = False
        self.writable = asyncio.Event()
        self.writable.set()

    def write(self, data: bytes) -> None:
        """Write, unless the connection is closing or mute."""
        if data and not self.mute and not self.transport.is_closing():
            self.transport.write(data)
