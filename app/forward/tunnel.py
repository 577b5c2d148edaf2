"""A blind tunnel: bytes go both ways as they come, and are counted.

Each end is an `asyncio.Protocol` that writes to the other one's transport. Back-pressure: an end
that cannot be written to stops the reading of the other. Half-close: the end of what one side sends
is passed on (RFC 9110 §9.3.6), and the other direction goes on. Who has closed says the same as who
only sends no more: so from then on the system asks whether anybody is there, by keep-alive probes
(RFC 9293 §3.8.4), which a closed socket refuses, or does not answer.
"""

import asyncio
import select
from collections.abc import Callable
from typing import Literal, cast

from ..network.keep_alive import keep_alive
from ..network.timeouts import Alarm

WRITE_HIGH, WRITE_LOW = 64 * 1024, 16 * 1024  # bytes that wait to be written, per direction
LOOK = 1.0  # seconds between two looks at connections that are not read
PROBING = {"idle": 20, "interval": 10, "probes": 3}  # as for `keep_alive`
READ_SIZE = 64 * 1024  # bytes read at a time: uvloop's 256 KiB would all wait for a slow reader

Direction = Literal["sent", "received"]  # by the client
Count = Callable[[Direction, int], None]

_VIEW = memoryview(bytearray(READ_SIZE))  # all tunnels read into it, and copy at once


class End(asyncio.BufferedProtocol):
    """One of the two ends.

    State: its ``transport``; ``finished``, once it sends no more; ``_early``, its bytes from before
    the other end was there; ``_joined``, since then.
    """

    other: "End"

    def __init__(self, tunnel: "Tunnel", direction: Direction) -> None:
        self._tunnel = tunnel
        self._direction = direction
        self.transport: asyncio.Transport | None = None
        self.finished = False
        self._early: list[bytes] = []
        self._joined = False

    @property
    def open(self) -> asyncio.Transport | None:
        """The transport, as long as it can be used."""
        transport = self.transport
        return None if transport is None or transport.is_closing() else transport

    @property
    def unread(self) -> bool:
        """Whether the transport reads nothing, for now or from now on."""
        return self.open is not None and (self.finished or not self.open.is_reading())

    def probe(self) -> None:
        """Let the system ask from time to time whether the peer is there."""
        sock = None if self.open is None else self.open.get_extra_info("socket")
        if sock is not None:
            keep_alive(sock, **PROBING)

    def was_reset(self) -> bool:
        """Return True if the connection is reset or dead: who does not read is not told."""
        if self.open is None:
            return False
        poll = select.poll()
        poll.register(self.open.get_extra_info("socket").fileno(), 0)  # errors come unasked
        return any(events & select.POLLERR for _, events in poll.poll(0))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket; read nothing yet, as far as the loop obeys: uvloop begins to read."""
        self.transport = transport = cast("asyncio.Transport", transport)  # not so with uvloop
        transport.set_write_buffer_limits(WRITE_HIGH, WRITE_LOW)
        transport.pause_reading()

    def join(self) -> None:
        """Pass on what came already, and go on: the other end is there."""
        self._joined = True
        if self.open is not None and not self.finished:
            self.open.resume_reading()
        for data in self._early:  # may stop the reading
            self.data_received(data)
        self._early.clear()

    def came_first(self, data: bytes) -> None:
        """Take what was read before this end had the connection."""
        self._early.insert(0, data)

    def get_buffer(self, _size_hint: int) -> memoryview:
        """Return where to read to."""
        return _VIEW

    def buffer_updated(self, count: int) -> None:
        """Take what was read."""
        self.data_received(bytes(_VIEW[:count]))

    def data_received(self, data: bytes) -> None:
        """Pass it on, or keep it until the other end is there."""
        if not self._joined:
            self._early.append(data)
            if self.open is not None:
                self.open.pause_reading()
            return
        self._tunnel.note(self._direction, len(data))
        if (target := self.other.open) is not None:
            target.write(data)

    def eof_received(self) -> bool:
        """Pass the end on; the connection stays open for what comes the other way."""
        self.finished = True
        if not self._joined:
            return True
        target = self.other.open
        if target is None or self.other.finished or not target.can_write_eof():
            self._tunnel.close()
            return False
        target.write_eof()
        self.probe()
        self._tunnel.watch()
        return True

    def pause_writing(self) -> None:
        """Take no more from the other end."""
        if (source := self.other.open) is not None:
            source.pause_reading()
            self._tunnel.watch()

    def resume_writing(self) -> None:
        """Go on reading the other end."""
        if (source := self.other.open) is not None:
            source.resume_reading()

    def connection_lost(self, _exc: Exception | None) -> None:
        """End the tunnel, once the other side has what was sent to it."""
        self._tunnel.lost(self)


class Tunnel:
    """A tunnel between ``client`` and ``target``, two protocols that are given transports.

    It ends after ``idle`` seconds without a byte. State: ``moved_at``, the loop's time of the last
    byte; ``_ended``, done once both connections are closed.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, idle: float, count: Count) -> None:
        self.client, self.target = End(self, "sent"), End(self, "received")
        self.client.other, self.target.other = self.target, self.client
        self.moved_at = loop.time()
        self._loop = loop
        self._idle = idle
        self._count = count
        self._alarm = Alarm(loop)
        self._watch = Alarm(loop)
        self._ended: asyncio.Future[None] = loop.create_future()

    async def run(self, first: bytes) -> None:
        """Move bytes until both sides have ended; ``first`` came from the target already."""
        self._alarm.set(self._idle, self.abort)
        if first:
            self.target.came_first(first)
        for end in (self.client, self.target):
            end.join()
        for end in (self.client, self.target):
            if end.finished:
                end.eof_received()
        try:
            if not self._is_over():
                await self._ended
        finally:
            self.abort()

    def note(self, direction: Direction, size: int) -> None:
        """Count bytes that came."""
        self.moved_at = self._loop.time()
        self._alarm.set(self._idle, self.abort)
        self._count(direction, size)

    @property
    def waiting(self) -> bool:
        """Whether bytes wait for a slow reader."""
        ends = (self.client.open, self.target.open)
        return any(one is not None and one.get_write_buffer_size() for one in ends)

    def watch(self) -> None:
        """Look for resets and dead peers as long as an end is not read."""
        self._watch.set(LOOK, self._look)

    def _look(self) -> None:
        unread = [end for end in (self.client, self.target) if end.unread]
        if any(end.was_reset() for end in unread):
            self.abort()
        elif unread:
            self.watch()

    def close(self) -> None:
        """Close both connections once everything is written."""
        for end in (self.client, self.target):
            if end.open is not None:
                end.open.close()

    def abort(self) -> None:
        """Close both connections now."""
        self._alarm.stop()
        self._watch.stop()
        for end in (self.client, self.target):
            if end.transport is not None:
                end.transport.abort()

    def lost(self, end: End) -> None:
        """Note that a connection is closed."""
        end.transport = None
        self.close()
        if self._is_over() and not self._ended.done():
            self._ended.set_result(None)

    def _is_over(self) -> bool:
        return self.client.transport is None and self.target.transport is None
