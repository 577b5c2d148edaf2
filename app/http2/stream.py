"""One request and its response, on a connection (RFC 9113 §5, §8.1)."""

import asyncio
from collections.abc import AsyncIterable
from typing import Protocol

from h2.errors import ErrorCodes

from ..network.errors import MalformedResponse
from ..network.reception import Reception
from ..wire.timeouts import Timeouts
from .turns import QUANTUM

CREDIT_STEP = 32 * 1024  # bytes the consumer takes before the peer is told (§6.9.1)
NOTHING = memoryview(b"")


class Link(Protocol):
    """What a stream needs of its connection."""

    def submit(self, stream: "Stream") -> None:
        """Write ``stream.rest`` when its turns come."""

    def progress(self) -> float:
        """Return the loop's time when the connection's uploads last got on."""

    def end(self, stream: "Stream") -> None:
        """Send END_STREAM."""

    def credit(self, stream: "Stream", size: int) -> None:
        """Let the peer send ``size`` bytes more on the stream and the connection."""

    def detach(self, stream: "Stream", uncredited: int, reset: ErrorCodes | None) -> None:
        """Forget the stream; send RST_STREAM if there is a code; give its slot and window back."""


class Stream(Reception):
    """The requester's and the connection's meeting point.

    It leaves its connection with one RST_STREAM, unless the peer ended it too (§5.4.2).

    ``owed`` is what of the expected upload the session has not settled, ``rest`` what it may
    write; ``small`` is whether it goes first.

    State beside `Reception`'s: ``sent`` and ``ended`` are END_STREAM sent and received, ``_held``
    the flow-controlled length of what was received and is not credited.
    """

    def __init__(
        self,
        link: Link,
        stream_id: int,
        timeouts: Timeouts,
        loop: asyncio.AbstractEventLoop,
        size: int,
    ) -> None:
        super().__init__(timeouts, loop)
        self.id = stream_id
        self.owed = size
        self.small = size <= QUANTUM
        self.rest = NOTHING
        self._link = link
        self._held = 0

    # The connection's side

    def receive(self, data: bytes, flow_controlled: int) -> bool:
        """Take DATA; return whether it is to be delivered when all of the segment has been read.

        Padding counts against the windows too (§6.1).
        """
        self._held += flow_controlled
        self._owing = self._held >= CREDIT_STEP
        if data:
            return self._put(data)
        if self._owing and self._reader is not None and not self._reader.done():
            self._taken()  # else a consumer may still hold what it has read
        return False

    def receive_end(self) -> None:
        """Take END_STREAM. A response may end before its request: the rest is not sent (§8.1)."""
        if self._head is None:
            self.fail(MalformedResponse("the response has no header fields"))
            return
        if self._first:
            self.deliver()  # now: the reader wakes for the end, and finds the rest a turn later
        self.ended = True
        self._detach(None if self.sent else ErrorCodes.CANCEL)
        self._wake_reader()

    def wrote(self, size: int) -> bool:
        """Take ``size`` bytes of ``rest`` as written; return whether there are more."""
        self.rest = self.rest[size:] or NOTHING  # an empty view would keep the body
        self.wrote_at = self._loop.time()
        if not self.rest:
            self._wake_writer()
        return bool(self.rest)

    def fail(self, error: BaseException, reset: ErrorCodes | None = ErrorCodes.CANCEL) -> None:
        """End the stream early; ``reset`` is the code for the peer, if it is to be told."""
        if self.attached:
            self._error = error
            self._detach(reset)
            self._wake_reader()

    # Between the two

    def _taken(self) -> None:
        """Give the windows of what was read back, in steps worth a frame.

        Less than a step of each stream is not given back: the connection's window has room for
        all of each stream's (`app.wire.roles`).
        """
        if not self._owing or not self.attached:
            return
        unread = self.unread
        read = self._held - unread
        if read >= CREDIT_STEP:
            self._held = unread
            self._owing = False
            self._link.credit(self, read)

    async def _send_all(self, body: AsyncIterable[bytes]) -> None:
        async for chunk in body:
            await self._write(memoryview(chunk))
        self._link.end(self)

    async def _write(self, data: memoryview) -> None:
        """Write in turn with the connection's other uploads."""
        self.rest, self.wrote_at = data, self._loop.time()
        self._link.submit(self)
        if self.rest:
            await self._room()

    def _write_deadline(self, limit: float) -> float:
        """Give up once the connection's uploads stand still; or this one alone, for much longer."""
        alone = self.wrote_at + max(limit, self._timeouts.read or float("inf"))
        return min(max(self._link.progress(), self.wrote_at) + limit, alone)

    def _detach(self, reset: ErrorCodes | None) -> None:
        self.rest = NOTHING
        self._leave()
        self._link.detach(self, self._held, reset)
