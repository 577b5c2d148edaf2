"""One request and its response, on a connection of their own."""

import asyncio
from collections.abc import AsyncIterable
from typing import Protocol

import httpx

from ..network.timeouts import Alarm, Timeouts
from ..wire.headers import Headers
from .request import Body
from .session import Head

PIECE = 64 * 1024  # bytes of a body that are written at a time
UNREAD = 64 * 1024  # bytes of a response that may lie unread before the socket is read no more
LOOKS = 4  # times that an upload's progress is looked at within the write time-out


class Link(Protocol):
    """What a call needs of its connection."""

    paused: bool  # whether the socket is full

    def write(self, data: memoryview | bytes) -> None:
        """Write to the socket."""

    def follow(self) -> None:
        """Follow the bytes written so far on their way out."""

    def progress(self) -> float:
        """Return the loop's time when they were last seen to leave."""

    def hold(self, *, reading: bool) -> None:
        """Read from the socket, or let the peer wait."""

    def detach(self, *, reusable: bool) -> None:
        """Forget the call; close the connection unless it can be used again."""


class Call:
    """The requester's and the connection's meeting point.

    A call is attached until the response has ended, or it fails or is closed, whatever comes
    first. What was received before stays readable.

    State: ``sent`` once the request is written, ``attached``, ``_ended`` once the response has
    ended, ``_head`` and ``_buffer`` what was received and not yet read, ``_held`` while the peer
    has to wait, ``_error`` what ended it early, ``_reader`` and ``_writer`` the futures of
    whoever waits, ``_upload`` the task of a long body, ``_wrote_at`` the loop's time of the last
    write.
    """

    def __init__(self, link: Link, timeouts: Timeouts, loop: asyncio.AbstractEventLoop) -> None:
        self.sent = False
        self.attached = True
        self._link = link
        self._timeouts = timeouts
        self._loop = loop
        self._alarm = Alarm(loop)
        self._head: Head | None = None
        self._buffer = bytearray()
        self._held = False
        self._ended = False
        self._error: BaseException | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._upload: asyncio.Task[None] | None = None
        self._wrote_at = loop.time()

    # The requester's side

    async def head(self) -> tuple[int, Headers]:
        """Return status and header fields once they are here; raises httpx's errors."""
        while self._head is None:
            if self._error is not None:
                raise self._error
            await self._silence()
        return self._head.status, self._head.fields

    async def read(self) -> bytes:
        """Return all that was received and not yet read, b"" at the end; raises httpx's errors."""
        while not self._buffer:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._hold(reading=True)
            await self._silence()
        data = bytes(self._buffer)
        self._buffer.clear()
        return data

    def close(self) -> None:
        """End the call, whatever its state. Idempotent and synchronous, so it can't be cut."""
        self._buffer.clear()
        if self.attached:
            self.fail(httpx.ReadError("the response was closed while it was being read"))

    def upload(self, body: AsyncIterable[bytes], framing: Body) -> None:
        """Send a body in a task of its own, so that an early response is seen (§9.5)."""
        self._upload = self._loop.create_task(self._send(body, framing))

    # The connection's side

    def receive_head(self, head: Head) -> None:
        """Take the response's status and fields."""
        self._head = head
        _wake(self._reader)

    def receive(self, data: bytes | bytearray) -> None:
        """Take some of the body."""
        self._buffer += data
        if len(self._buffer) > UNREAD:
            self._hold(reading=False)
        _wake(self._reader)

    def receive_end(self, *, reusable: bool) -> None:
        """Take the end. A response may end before its request: the rest is not sent (§9.5)."""
        self._ended = True
        self._detach(reusable=reusable and self.sent)
        _wake(self._reader)

    def receive_sign(self) -> None:
        """Take an interim response: the peer is not silent."""
        _wake(self._reader)

    def finish_request(self) -> None:
        """Note that the request is written: from now on the peer's silence counts."""
        self.sent = True
        if self._reader is not None:
            self._watch_silence()

    def resume(self) -> None:
        """Let the upload go on: the socket has room."""
        _wake(self._writer)

    def fail(self, error: BaseException) -> None:
        """End the call early, and its connection with it."""
        if self.attached:
            self._error = error
            self._detach(reusable=False)
            _wake(self._reader)

    # Between the two

    def _hold(self, *, reading: bool) -> None:
        if self.attached and self._held is reading:
            self._held = not reading
            self._link.hold(reading=reading)

    async def _silence(self) -> None:
        """Wait for anything to happen, for as long as the read time-out allows."""
        self._reader = self._loop.create_future()
        if self.sent:
            self._watch_silence()
        try:
            await self._reader
        finally:
            self._reader = None
            if self.sent:
                self._alarm.clear()

    def _watch_silence(self) -> None:
        self._alarm.set(self._timeouts.read, self._silent_too_long)

    def _silent_too_long(self) -> None:
        self.fail(httpx.ReadTimeout(f"no data for {self._timeouts.read} s"))

    async def _send(self, body: AsyncIterable[bytes], framing: Body) -> None:
        try:
            async for chunk in body:
                for start in range(0, len(chunk), PIECE):
                    await self._write(framing.frame(memoryview(chunk)[start : start + PIECE]))
            self._link.write(framing.end())
            self.finish_request()
        except asyncio.CancelledError:
            self.fail(httpx.WriteError("the request was cancelled while it was being sent"))
            raise
        except Exception as exc:  # noqa: BLE001 - the body is the caller's, and so is its failure
            self.fail(exc)

    async def _write(self, data: memoryview | bytes) -> None:
        """Write once the socket has room."""
        self._link.write(data)
        self._wrote_at = self._loop.time()
        if not self._link.paused:
            return
        self._writer = self._loop.create_future()
        self._link.follow()
        self._watch_progress()
        try:
            await self._writer
        finally:
            self._writer = None
            self._alarm.clear()

    def _watch_progress(self) -> None:
        """Fail once no byte leaves any more."""
        limit = self._timeouts.write
        if limit is None:
            return
        rest = max(self._link.progress(), self._wrote_at) + limit - self._loop.time()
        if rest > 0:
            self._alarm.set(min(rest, limit / LOOKS), self._watch_progress)
        else:
            self.fail(httpx.WriteTimeout(f"no data accepted for {limit} s"))

    def _detach(self, *, reusable: bool) -> None:
        self._hold(reading=True)
        self.attached = False
        self._alarm.stop()
        if self._upload is not None and self._upload is not asyncio.current_task():
            self._upload.cancel()
        self._link.detach(reusable=reusable)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
