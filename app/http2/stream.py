"""One request and its response, on a connection (RFC 9113 §5, §8.1)."""

import asyncio
from collections.abc import AsyncIterable
from typing import Protocol

import httpx
from h2.errors import ErrorCodes

from ..network.timeouts import Alarm, Timeouts
from ..wire.headers import Headers
from .turns import QUANTUM

CREDIT_STEP = 32 * 1024  # bytes the consumer takes before the peer is told (§6.9.1)
NOTHING = memoryview(b"")
LOOKS = 4  # times that an upload's progress is looked at within the write time-out


class Link(Protocol):
    """What a stream needs of its connection."""

    def submit(self, stream: "Stream") -> None:
        """Write ``stream.rest`` when its turns come."""

    def progress(self) -> float:
        """Return the loop's time when the connection's uploads last got on."""

    def end(self, stream: "Stream") -> None:
        """Send END_STREAM."""

    def credit(self, stream: "Stream", size: int) -> None:
        """Let the peer send ``size`` bytes more on the stream."""

    def detach(self, stream: "Stream", unread: int, reset: ErrorCodes | None) -> None:
        """Forget the stream; send RST_STREAM if there is a code; give its slot back."""

    def taken(self, size: int) -> None:
        """Let the peer send ``size`` bytes more on the connection."""


class Stream:
    """The requester's and the connection's meeting point; every method but three is synchronous.

    A stream is attached until both sides have ended it or it fails or is closed, whatever comes
    first: then it leaves its connection, with one RST_STREAM unless the peer ended it too (§5.4.2).
    What was received before stays readable.

    ``owed`` is what of the expected upload the session has not settled, ``rest`` what it may
    write; ``small`` is whether it goes first.

    State: ``sent`` and ``ended`` are END_STREAM sent and received, ``_head`` and ``_buffer`` what
    was received and not yet read, ``_held`` its flow-controlled length, ``_uncredited`` what was
    read since the last credit, ``_error`` what ended it early, ``_reader`` and ``_writer`` the
    futures of whoever waits, ``_upload`` the task of a long body, ``wrote_at`` the loop's time
    when it last wrote.
    """

    def __init__(
        self,
        link: Link,
        stream_id: int,
        timeouts: Timeouts,
        loop: asyncio.AbstractEventLoop,
        size: int,
    ) -> None:
        self.id = stream_id
        self.owed = size
        self.small = size <= QUANTUM
        self.rest = NOTHING
        self.wrote_at = loop.time()
        self.sent = False
        self.ended = False
        self.attached = True
        self._link = link
        self._timeouts = timeouts
        self._loop = loop
        self._alarm = Alarm(loop)
        self._head: tuple[int, Headers] | None = None
        self._buffer = bytearray()
        self._held = 0
        self._uncredited = 0
        self._error: BaseException | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._upload: asyncio.Task[None] | None = None

    # The requester's side

    async def head(self) -> tuple[int, Headers]:
        """Return status and header fields once they are here; raises httpx's errors."""
        while self._head is None:
            if self._error is not None:
                raise self._error
            await self._silence()
        return self._head

    async def read(self) -> bytes:
        """Return all that was received and not yet read, b"" at the end; raises httpx's errors.

        The window of what was read before is opened now: until then the reader may still hold it.
        """
        if self.attached:
            self._open_window()
        while not self._buffer:
            if self._error is not None:
                raise self._error
            if self.ended:
                return b""
            await self._silence()
        data = bytes(self._buffer)
        self._buffer.clear()
        if self.attached:
            self._take()
        return data

    def close(self) -> None:
        """End the stream, whatever its state. Idempotent and synchronous, so it can't be cut."""
        self._buffer.clear()
        if self.attached:
            self.fail(httpx.ReadError("the response was closed while it was being read"))

    def upload(self, body: AsyncIterable[bytes]) -> None:
        """Send a body in a task of its own, so that an early response is seen (§8.1)."""
        self._upload = self._loop.create_task(self._send(body))

    # The connection's side

    def receive_head(self, status: int, fields: Headers) -> None:
        """Take the response's status and fields."""
        self._head = status, fields
        _wake(self._reader)

    def receive(self, data: bytes, flow_controlled: int) -> None:
        """Take DATA; padding counts against the windows too (§6.1)."""
        self._held += flow_controlled
        if data:
            self._buffer += data
            _wake(self._reader)
        elif not self._buffer:
            self._take()
            self._open_window()

    def receive_end(self) -> None:
        """Take END_STREAM. A response may end before its request: the rest is not sent (§8.1)."""
        if self._head is None:
            self.fail(httpx.RemoteProtocolError("the response has no header fields"))
            return
        self.ended = True
        self._detach(None if self.sent else ErrorCodes.CANCEL)
        _wake(self._reader)

    def receive_sign(self) -> None:
        """Take an interim response: the peer is not silent."""
        _wake(self._reader)

    def finish_request(self) -> None:
        """Note that END_STREAM was sent: from now on the peer's silence counts."""
        self.sent = True
        if self._reader is not None:
            self._watch_silence()

    def wrote(self, size: int) -> bool:
        """Take ``size`` bytes of ``rest`` as written; return whether there are more."""
        self.rest = self.rest[size:] or NOTHING  # an empty view would keep the body
        self.wrote_at = self._loop.time()
        if not self.rest:
            _wake(self._writer)
        return bool(self.rest)

    def fail(self, error: BaseException, reset: ErrorCodes | None = ErrorCodes.CANCEL) -> None:
        """End the stream early; ``reset`` is the code for the peer, if it is to be told."""
        if self.attached:
            self._error = error
            self._detach(reset)
            _wake(self._reader)

    # Between the two

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

    async def _send(self, body: AsyncIterable[bytes]) -> None:
        try:
            async for chunk in body:
                await self._write(memoryview(chunk))
            self._link.end(self)
        except asyncio.CancelledError:
            self.fail(httpx.WriteError("the request was cancelled while it was being sent"))
            raise
        except Exception as exc:  # noqa: BLE001 - the body is the caller's, and so is its failure
            self.fail(exc)
        finally:
            self._upload = None  # stream, task and traceback would keep one another, and the body

    async def _write(self, data: memoryview) -> None:
        """Write in turn with the connection's other uploads."""
        self.rest, self.wrote_at = data, self._loop.time()
        self._link.submit(self)
        if not self.rest:
            return
        self._writer = self._loop.create_future()
        self._watch_progress()
        try:
            await self._writer
        finally:
            self._writer = None
            self._alarm.clear()

    def _watch_progress(self) -> None:
        """Fail once the connection's uploads stand still; or this one alone, for much longer."""
        limit, now = self._timeouts.write, self._loop.time()
        if limit is None:
            return
        alone = self.wrote_at + max(limit, self._timeouts.read or float("inf"))
        rest = min(max(self._link.progress(), self.wrote_at) + limit, alone) - now
        if rest > 0:
            self._alarm.set(min(rest, limit / LOOKS), self._watch_progress)
        else:
            self.fail(httpx.WriteTimeout(f"no data accepted for {limit} s"))

    def _take(self) -> None:
        """Give back the connection's window of what was read."""
        self._link.taken(self._held)
        self._uncredited += self._held
        self._held = 0

    def _open_window(self) -> None:
        """Give back the stream's window of what was read, in steps worth a frame."""
        if self._uncredited >= CREDIT_STEP:
            self._link.credit(self, self._uncredited)
            self._uncredited = 0

    def _detach(self, reset: ErrorCodes | None) -> None:
        self.attached = False
        self.rest = NOTHING
        self._alarm.stop()
        if self._upload is not None and self._upload is not asyncio.current_task():
            self._upload.cancel()
        self._link.detach(self, self._held, reset)


def _wake(future: asyncio.Future[None] | None) -> None:
    if future is not None and not future.done():
        future.set_result(None)
