"""What the client sends: received from the start of a request to its end.

Receiving never stops, since that is the only way to learn that the client has left.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from ...errors import BodyTooLarge, ProxyFailure, RequestTimeout
from ...network.timeouts import Alarm
from ...wire.grammar import announced_length
from ...wire.headers import Headers, first
from .client_request import Message, Poll

Receive = Callable[[], Awaitable[Message]]

BUFFER = 128 * 1024  # bytes that may wait between the client and upstream


class Inbound:
    """What the client sends.

    ``limit`` is the largest body in bytes; ``silence`` is how many seconds it may make no
    progress; ``received`` counts what has come so far.
    State: ``_chunks`` with ``_waiting`` bytes in all, ``complete`` once the last has come,
    ``_failure`` once reading has failed.
    """

    def __init__(self, receive: Receive, limit: int, silence: float | None = None) -> None:
        self.received = 0
        self._silence = silence
        self._failure: ProxyFailure | None = None
        self.complete = False
        self._receive = receive
        self._limit = limit
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._readable = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def watch(self) -> None:
        """Receive until the client has left; pause while `BUFFER` bytes are unread."""
        alarm = Alarm(asyncio.get_running_loop())
        try:
            while (message := await self._next(alarm))["type"] != "http.disconnect":
                self._take(message)
        finally:
            alarm.stop()

    def take_arrived(self, poll: Poll) -> bool:
        """Receive what has come; return whether that is all, the client's leaving apart."""
        while not self.complete and (message := poll()) is not None:
            if message["type"] == "http.disconnect":
                return True
            self._take(message)
        return self.complete

    async def read(self) -> bytes:
        """Return what has come and was not yet read, b"" at the end.

        Raises `BodyTooLarge` past the limit, or the failure that ended the reading.
        """
        while not self._chunks and not self.complete and self._failure is None:
            self._readable.clear()
            await self._readable.wait()
        if self._failure is not None:
            raise self._failure
        if self.received > self._limit:
            raise too_large(self._limit)
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._waiting = 0
        self._room.set()
        return data

    @property
    def exhausted(self) -> bool:
        """Whether the whole body was received and read."""
        return self.complete and not self._chunks

    def fail(self, failure: ProxyFailure) -> None:
        """Let the reader of a body that is not complete fail."""
        if not self.complete and self._failure is None:
            self._failure = failure
            self._readable.set()

    def drop(self) -> None:
        """Drop what has come and was not read; it is not needed any more."""
        self._chunks.clear()
        self._waiting = 0

    async def _next(self, alarm: Alarm) -> Message:
        """Return the next message; a client that is silent in the middle of a body is refused."""
        if not self.complete:
            await self._room.wait()
            alarm.set(self._silence, self._give_up)
        message = await self._receive()
        alarm.clear()
        return message

    def _give_up(self) -> None:
        self.fail(
            RequestTimeout(
                "body_timeout",
                f"The request body made no progress for {self._silence:g} s: send it again.",
            )
        )

    def _take(self, message: Message) -> None:
        self._put(message.get("body", b""), last=not message.get("more_body", False))

    def _put(self, data: bytes, *, last: bool) -> None:
        if data:
            self._chunks.append(data)
            self._waiting += len(data)
            self.received += len(data)
        self.complete = last
        if self._waiting >= BUFFER:
            self._room.clear()
        self._readable.set()


def check_length(headers: Headers, limit: int) -> None:
    """Refuse a body that is announced to be too large before any of it is read."""
    announced = announced_length(first(headers, b"content-length"))
    if announced is not None and announced > limit:
        raise too_large(limit)


def too_large(limit: int) -> BodyTooLarge:
    """Return the failure for a body of more than ``limit`` bytes."""
    return BodyTooLarge(
        "body_too_large",
        f"The request body is larger than this proxy accepts ({limit} bytes): send less, "
        "or raise ANTHROPIC_PROXY_MAX_BODY_SIZE.",
    )
