"""One request on its way and the response to it, for either version of HTTP.

Here the requester and the connection meet: the requester waits, the connection tells what
happens. What both versions have in common is here: how long either side may be silent, how an
upload ends, and what is left to read after an early end.

A response's body is either read (`Reception.read`) or poured out (`Reception.pour`): what came in
one segment then goes to its consumer in the same turn of the event loop, and no task is woken.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterable
from functools import partial

import httpx

from ..wire.handover import Rest, Take
from ..wire.headers import Headers
from ..wire.timeouts import Timeouts
from .errors import MalformedResponse
from .timeouts import Alarm

INTERIMS = 64  # responses that may precede the final one: a peer that works sends a few
LOOKS = 4  # times that an upload's progress is looked at within the write time-out


class Reception(ABC):
    """An exchange, attached to its connection until it has ended, failed or been closed.

    Data received before stays readable.

    State: ``sent`` once the request is written, ``attached``, ``ended`` once the response has
    ended, ``_interims`` counts interim responses, ``_head``, ``_first`` and ``_others`` are what
    was received and not yet read (the body's first piece and the others), ``_error`` is what ended
    it early, ``_reader`` and ``_writer`` are the futures of whoever waits, ``_take`` is the
    consumer of the chunks while `pour` waits for them, ``_rest`` what that consumer has still to
    do, ``_upload`` the task of a long body, ``wrote_at`` the loop's time of the last write,
    ``_heard_at`` of the last delivery. ``_owing`` is set once the peer is to hear that what was
    taken out is consumed.
    """

    def __init__(self, timeouts: Timeouts, loop: asyncio.AbstractEventLoop) -> None:
        self.sent = False
        self.ended = False
        self.attached = True
        self.wrote_at = self._heard_at = loop.time()
        self._timeouts = timeouts
        self._loop = loop
        self._alarm = Alarm(loop)
        self._interims = 0
        self._head: tuple[int, Headers] | None = None
        self._first = b""
        self._others = bytearray()
        self._owing = False
        self._error: BaseException | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None
        self._take: Take | None = None
        self._rest: Rest | None = None
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
        """Return all that was received and not yet read, b"" at the end; raises httpx's errors."""
        self._taken()
        while not (data := self._collect()):
            if self._over():
                return b""
            await self._silence()
        return data

    async def pour(self, take: Take) -> None:
        """Hand all that is received to ``take``, as it comes, to the end; raises httpx's errors.

        While ``take`` has something left to do, which is awaited here, it gets nothing more.
        """
        while True:
            self._taken()
            if data := self._collect():
                rest = take(data)
            elif self._over():
                return
            else:
                rest = await self._await_delivery(take)
            if rest is not None:
                await rest()

    @property
    def unread(self) -> int:
        """Bytes of the body that were received and not yet read."""
        return len(self._first) + len(self._others)

    def close(self) -> None:
        """End the exchange in any state. Idempotent and synchronous, so it can't be cut."""
        self._first = b""
        self._others.clear()
        raised = self._error is not None and self._error.__traceback__ is not None
        if self.attached or raised:
            closed = httpx.ReadError("the response was closed while it was being read")
            self.fail(closed)
            if raised:
                self._error = closed  # one that was raised refers to frames that refer to this

    def upload(self, body: AsyncIterable[bytes]) -> None:
        """Send a body in a task of its own, so that an early response is seen."""
        self._upload = self._loop.create_task(self._send(body))

    # The connection's side

    def receive_head(self, status: int, fields: Headers) -> None:
        """Take the response's status and fields."""
        self._head = status, fields
        self._wake_reader()

    def receive_interim(self) -> None:
        """Take an interim response: the final one is still awaited, no longer than before."""
        self._interims += 1
        if self._interims > INTERIMS:
            self.fail(MalformedResponse(f"more than {INTERIMS} interim responses"))

    def deliver(self) -> None:
        """Hand what a segment has brought to whoever waits in `pour`."""
        take, reader = self._take, self._reader
        if take is None or reader is None or reader.done():
            return  # the reader was woken for another reason, and finds it
        try:
            rest = take(self._collect())
        except Exception as exc:  # noqa: BLE001 - the reader's, who gets it
            rest = partial(_fail, exc)
        if rest is not None:
            self._rest = rest
            self._wake_reader()
            return
        self._heard_at = self._loop.time()
        if self._owing:
            self._taken()

    def finish_request(self) -> None:
        """Note that the request is written: from now on the peer's silence counts."""
        self.sent = True
        if self._reader is not None:
            self._watch_silence()

    @abstractmethod
    def fail(self, error: BaseException) -> None:
        """End the exchange early, unless it has ended."""

    # Between the two

    @abstractmethod
    def _taken(self) -> None:
        """Let the peer send more: the bytes taken out are consumed, or there were none."""

    @abstractmethod
    async def _send_all(self, body: AsyncIterable[bytes]) -> None:
        """Send a whole body, and what ends it."""

    @abstractmethod
    def _write_deadline(self, limit: float) -> float:
        """Return the loop's time at which an upload that gets no further is given up.

        ``limit`` is the write time-out.
        """

    def _put(self, data: bytes | bytearray) -> bool:
        """Keep a piece of the body; return whether it is to be delivered at the segment's end."""
        if self._first:
            self._others += data
        else:
            self._first = bytes(data)
        if self._take is not None:
            return True
        self._wake_reader()
        return False

    def _collect(self) -> bytes:
        """Take out all that was received; a single piece is not copied."""
        data, self._first = self._first, b""
        if self._others:
            data += self._others
            self._others.clear()
        return data

    def _over(self) -> bool:
        """Return whether nothing more comes; raises what ended the exchange early."""
        if self._error is not None:
            raise self._error
        return self.ended

    async def _await_delivery(self, take: Take) -> Rest | None:
        """Wait until ``take`` leaves something to do, which is returned, or for anything else."""
        self._take = take
        try:
            await self._silence()
            return self._rest
        finally:
            self._take = self._rest = None

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
        self._heard_at = self._loop.time()
        self._alarm.set(self._timeouts.read, self._silent_too_long)

    def _silent_too_long(self) -> None:
        """Fail, unless something was delivered meanwhile: the alarm is not set again for that."""
        limit = self._timeouts.read
        if limit is None:
            return
        rest = self._heard_at + limit - self._loop.time()
        if rest > 0:
            self._alarm.set(rest, self._silent_too_long)
        else:
            self.fail(httpx.ReadTimeout(f"no data for {limit} s"))

    async def _send(self, body: AsyncIterable[bytes]) -> None:
        try:
            await self._send_all(body)
        except asyncio.CancelledError:
            self.fail(httpx.WriteError("the request was cancelled while it was being sent"))
            raise
        except Exception as exc:  # noqa: BLE001 - the body is the caller's, and so is its failure
            self.fail(exc)
        finally:
            self._upload = None  # this, task and traceback would keep one another, and the body

    async def _room(self) -> None:
        """Wait until the connection wakes the writer, while the upload gets on."""
        self._writer = self._loop.create_future()
        self._watch_progress()
        try:
            await self._writer
        finally:
            self._writer = None
            self._alarm.clear()

    def _watch_progress(self) -> None:
        """Fail once the upload gets no further."""
        limit = self._timeouts.write
        if limit is None:
            return
        rest = self._write_deadline(limit) - self._loop.time()
        if rest > 0:
            self._alarm.set(min(rest, limit / LOOKS), self._watch_progress)
        else:
            self.fail(httpx.WriteTimeout(f"no data accepted for {limit} s"))

    def _leave(self) -> None:
        """Stop what runs for the exchange; the connection must still be told."""
        self.attached = False
        self._alarm.stop()
        if self._upload is not None and self._upload is not asyncio.current_task():
            self._upload.cancel()

    def _wake_reader(self) -> None:
        if self._reader is not None and not self._reader.done():
            self._reader.set_result(None)

    def _wake_writer(self) -> None:
        if self._writer is not None and not self._writer.done():
            self._writer.set_result(None)


async def _fail(exc: Exception) -> None:
    raise exc
