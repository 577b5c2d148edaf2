"""Slots of one origin, for those who wait for them: the pool's decisions, carried out."""

import asyncio
import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from app.http2.connection import Connection
from app.http2.pool import Assignment, Attempt, Pool, Ticket
from app.http2.timeouts import Alarm, Timeouts
from app.http2.turns import QUANTUM

HOLD = 1.0  # seconds that a large upload waits for a better connection than there is


@dataclass(frozen=True, slots=True)
class Slot:
    """The right to open one stream on ``connection``, at once; seconds.

    ``upload`` is the size of the body it was granted for, in bytes.
    """

    connection: Connection
    upload: int
    waited: float
    connect_time: float | None  # None on a connection that has carried a request before


class _Waiter(Ticket):
    """A ticket with someone behind it. State: ``granted`` resolves to a connection, or fails."""

    def __init__(self, loop: asyncio.AbstractEventLoop, timeouts: Timeouts, upload: int) -> None:
        super().__init__(upload=upload, choosy=upload > QUANTUM)
        self.granted: asyncio.Future[Connection] = loop.create_future()
        self.alarm = Alarm(loop)
        self._timeouts = timeouts

    def await_slot(self) -> None:
        limit = self._timeouts.pool
        self.alarm.set(limit, lambda: self.fail(httpx.PoolTimeout(f"no slot for {limit} s")))

    def await_connection(self) -> None:
        limit = self._timeouts.connect
        self.alarm.set(
            limit, lambda: self.fail(httpx.ConnectTimeout(f"no connection for {limit} s"))
        )

    def await_better(self, enough: Callable[["_Waiter"], None]) -> None:
        self.alarm.set(HOLD, lambda: enough(self))

    def fail(self, error: Exception) -> None:
        if not self.granted.done():
            self.granted.set_exception(error)


class Slots:
    """Hands out slots of one origin, and connects when there are too few.

    ``dial`` makes a connection that tells this object, its listener, what becomes of it.

    State: ``connections`` whose socket is open, ``_connecting`` the task of each attempt, and
    the pool's.
    """

    def __init__(
        self,
        dial: "Callable[[Slots], Awaitable[Connection]]",
        *,
        max_connections: int,
        max_keepalive: int,
    ) -> None:
        self.connections: set[Connection] = set()
        self._dial = dial
        self._pool: Pool[_Waiter, Connection] = Pool(
            max_connections=max_connections, max_keepalive=max_keepalive
        )
        self._loop = asyncio.get_running_loop()
        self._connecting: dict[Attempt, asyncio.Task[None]] = {}

    @property
    def waiting(self) -> int:
        """Requests without a slot."""
        return self._pool.waiting

    async def acquire(self, timeouts: Timeouts, upload: int) -> Slot:
        """Wait for a slot to upload a body of about ``upload`` bytes.

        Raises `httpx.PoolTimeout` or what connecting raises.
        The slot must be used before anything is awaited; the stream's end gives it back.
        """
        started = self._loop.time()
        while True:
            connection = await self._granted(timeouts, upload)
            try:
                await connection.probe()
            except BaseException:
                self._give_back(connection, upload)
                raise
            if connection.usable:  # it may have ended between the grant and now
                waited = self._loop.time() - started
                new = connection.served == 0
                return Slot(connection, upload, waited, connection.connect_time if new else None)
            self._give_back(connection, upload)

    async def aclose(self) -> None:
        """Close every connection, end every attempt, and fail whoever waits."""
        for waiter in self._pool.abandon():
            waiter.fail(httpx.ConnectError("the transport was closed"))
        tasks = list(self._connecting.values())
        for task in tasks:
            task.cancel()
        for connection in tuple(self.connections):
            connection.close()
        closing = [connection.wait_closed() for connection in self.connections]
        await asyncio.gather(*tasks, *closing, return_exceptions=True)

    # What connections tell

    def settled(self, connection: Connection) -> None:
        """Use the streams a connection's peer allows."""
        self._pool.settled(connection)
        self._dispatch()

    def released(self, connection: Connection) -> None:
        """Give a slot on."""
        self._pool.released(connection)
        self._dispatch()

    def retired(self, connection: Connection) -> None:
        """Give no more slots of a connection."""
        self._pool.retired(connection)
        self._dispatch()

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.discard(connection)

    # Within

    def _give_back(self, connection: Connection, upload: int) -> None:
        """Give a slot on that was not used."""
        connection.owed -= upload
        self.released(connection)

    async def _granted(self, timeouts: Timeouts, upload: int) -> Connection:
        waiter = _Waiter(self._loop, timeouts, upload)
        self._pool.join(waiter)
        self._dispatch()
        if not waiter.granted.done() and waiter.attempt is None:
            waiter.await_slot()
        try:
            return await waiter.granted
        except BaseException as exc:
            self._give_up(waiter, impatient=isinstance(exc, httpx.ConnectTimeout))
            raise
        finally:
            waiter.alarm.stop()

    def _give_up(self, waiter: _Waiter, *, impatient: bool) -> None:
        granted = waiter.granted
        if granted.done() and not granted.cancelled() and granted.exception() is None:
            self._give_back(granted.result(), waiter.upload)  # cancelled just after the grant
            return
        attempt = self._pool.leave(waiter, impatient=impatient)
        if attempt is not None:
            self._connecting[attempt].cancel()
        self._dispatch()

    def _settle_for_less(self, waiter: _Waiter) -> None:
        """Give the slot there is to one that has waited long enough for another connection."""
        self._pool.settle_for_less(waiter)
        if waiter.attempt is None:
            waiter.await_slot()
        else:
            waiter.await_connection()
        self._dispatch()

    def _dispatch(self) -> None:
        while self._carry_out(self._pool.assign()):
            pass

    def _carry_out(self, plan: Assignment[_Waiter, Connection]) -> bool:
        """Do as the pool says; return whether a slot came back at once."""
        returned = False
        for waiter, connection in plan.granted:
            if waiter.granted.done():  # given up, but not yet told
                connection.owed -= waiter.upload
                self._pool.released(connection)
                returned = True
            else:
                waiter.granted.set_result(connection)
        for waiter in plan.bound:
            waiter.await_connection()
        for waiter in plan.held:
            waiter.await_better(self._settle_for_less)
        for attempt in plan.attempts:
            self._connecting[attempt] = self._loop.create_task(self._connect(attempt))
        for connection in plan.surplus:
            connection.close()
        return returned

    async def _connect(self, attempt: Attempt) -> None:
        """Make a connection for whoever waits; one requester's end does not end it."""
        try:
            connection = await self._dial(self)
        except Exception as exc:  # noqa: BLE001 - whatever it is, those who wait must learn of it
            for waiter in self._pool.failed(attempt):
                error = copy.copy(exc)  # each gets a traceback of its own
                error.__cause__ = exc.__cause__
                waiter.fail(error)
        else:
            self.connections.add(connection)
            for waiter in self._pool.connected(attempt, connection):
                waiter.await_slot()
            connection.start()
        finally:
            del self._connecting[attempt]
        self._dispatch()
