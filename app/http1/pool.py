"""Who may start a stream to an origin, and the connections kept for it."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import msgspec

from ..network.timeouts import Alarm
from ..wire.timeouts import Timeouts
from .connection import IDLE, Http1Connection


class Slot(msgspec.Struct, frozen=True):
    """The right to start one call on ``connection``, at once; seconds."""

    connection: Http1Connection
    waited: float
    connect_time: float | None  # None on a connection that has carried a call before


class Slots:
    """Slots of one origin, first come first served; each is a connection of its own.

    ``dial`` makes a connection that tells this object, its owner, what becomes of it. At most
    ``limit`` calls run at a time, and at most ``max_keepalive`` connections are kept without one.
    ``via`` says by which proxy it connects, for errors.

    State: ``connections`` whose socket is open, ``waiting`` counts calls without a slot, ``_idle``
    the connections without a call, the one used last at the end, ``_free`` the slots, ``_closed``
    once nobody gets one any more.
    """

    def __init__(
        self,
        dial: "Callable[[Slots], Awaitable[Http1Connection]]",
        *,
        limit: int,
        max_keepalive: int,
        via: str = "",
    ) -> None:
        self.connections: set[Http1Connection] = set()
        self.waiting = 0
        self._dial = dial
        self._max_keepalive = max_keepalive
        self._via = via
        self._loop = asyncio.get_running_loop()
        self._idle: list[Http1Connection] = []
        self._free = asyncio.Semaphore(limit)
        self._alarm = Alarm(self._loop)
        self._closed = False

    async def acquire(self, timeouts: Timeouts) -> Slot:
        """Wait for a slot; raises `httpx.PoolTimeout` or what connecting raises.

        It must be used before anything is awaited; the call's end gives it back.
        """
        started = self._loop.time()
        await self._wait(timeouts.pool)
        try:
            self._refuse_if_closed()
            connection = self._take_idle()
            new = connection is None
            if connection is None:
                connection = await self._connect(timeouts.connect)
        except BaseException:
            self._free.release()
            raise
        waited = self._loop.time() - started
        return Slot(connection, waited, connection.connect_time if new else None)

    async def aclose(self) -> None:
        """Close every connection; calls in progress and calls that wait fail."""
        self._closed = True
        connections = tuple(self.connections)
        for connection in connections:
            connection.close()
        self._alarm.stop()
        await asyncio.gather(*(connection.wait_closed() for connection in connections))

    # What connections tell

    def released(self, connection: Http1Connection) -> None:
        """Give a slot on, and the connection with it if that can be used."""
        if not connection.draining:
            self._idle.append(connection)
        self._free.release()
        self._trim()
        self._alarm.set(IDLE, self._expire)

    def closed(self, connection: Http1Connection) -> None:
        """Forget a connection."""
        self.connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    # Within

    async def _wait(self, patience: float | None) -> None:
        self.waiting += 1
        try:
            async with asyncio.timeout(patience):
                await self._free.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("no free connection in time") from None
        finally:
            self.waiting -= 1

    def _take_idle(self) -> Http1Connection | None:
        """Return the connection used last: of those that died, it is the least likely."""
        while self._idle:
            connection = self._idle.pop()
            if connection.fit():
                return connection
            connection.close()
        return None

    def _refuse_if_closed(self, connection: Http1Connection | None = None) -> None:
        if self._closed:
            if connection is not None:
                connection.close()
            raise httpx.ConnectError("the transport was closed")

    async def _connect(self, patience: float | None) -> Http1Connection:
        try:
            async with asyncio.timeout(patience):
                connection = await self._dial(self)
        except TimeoutError:
            raise httpx.ConnectTimeout(f"no connection{self._via} in time") from None
        self._refuse_if_closed(connection)
        self.connections.add(connection)
        return connection

    def _trim(self) -> None:
        """Close those that are too many, the one unused for longest first.

        Whoever waits has got the slot of one of them, or will get the next.
        """
        while len(self._idle) > self._max_keepalive + self.waiting:
            self._idle.pop(0).close()

    def _expire(self) -> None:
        """Close those that nobody has used for long."""
        for connection in [one for one in self._idle if not one.fit()]:
            self._idle.remove(connection)
            connection.close()
        if self._idle:
            self._alarm.set(IDLE, self._expire)
