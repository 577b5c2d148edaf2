"""Slots of one origin, for those who wait for them: the pool's decisions, carried out."""

import asyncio
import copy
from collections.abc import Awaitable, Callable

import httpx
import msgspec

from ..network.timeouts import Alarm
from ..wire.timeouts import Timeouts
from .connection import Connection
from .pool import Assignment, Attempt, Pool, Ticket
from .turns import QUANTUM

JUMP = 5.0  # seconds by which the clocks part when the machine slept
HOLD = 1.0  # seconds that a large upload waits for a better connection than there is


class Slot(msgspec.Struct, frozen=True):
    """The right to open one stream on ``connection``, at once; seconds.

    ``upload`` is the size of the body it was granted for, in bytes.
    """

    connection: Connection
    upload: int
    waited: float
    connect_time: float | None  # None on a connection that has carried a request before


class _Waiter(Ticket):
    """A ticket with someone behind it.

    Waiting for a slot and for a connection may alternate; each has one time-out, which runs on
    where it stopped.

    State: ``granted`` resolves to a connection, or fails; ``_left`` are the seconds of each
    time-out, ``_since`` and ``_for`` when the present wait began, and for what.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, timeouts: Timeouts, upload: int) -> None:
        super().__init__(upload=upload, choosy=_is_choosy(upload))
        self.granted: asyncio.Future[Connection] = loop.create_future()
        self.alarm = Alarm(loop)
        self._loop = loop
        self._left = {"pool": timeouts.pool, "connect": timeouts.connect}
        self._since = loop.time()
        self._for = "pool"

    def wait_for(self, what: str, impatient: Callable[["_Waiter"], None]) -> None:
        """Wait for a slot (``pool``) or a connection (``connect``), but not forever."""
        now, left = self._loop.time(), self._left[self._for]
        if left is not None:
            self._left[self._for] = max(0.0, left - (now - self._since))
        self._since, self._for = now, what
        self.alarm.set(self._left[what], lambda: impatient(self))

    def await_better(self, enough: Callable[["_Waiter"], None]) -> None:
        self.alarm.set(HOLD, lambda: enough(self))

    def fail(self, error: Exception) -> None:
        if not self.granted.done():
            self.granted.set_exception(error)


class Slots:
    """Hands out slots of one origin, and connects when there are too few.

    ``dial`` makes a connection that tells this object, its owner, what becomes of it.

    ``wall`` is the time of day in seconds, ``via`` says by which proxy it connects, for errors.

    State: ``connections`` whose socket is open, ``_offset`` between the two clocks,
    ``_connecting`` the task of each attempt, and the pool's.
    """

    def __init__(
        self,
        dial: "Callable[[Slots], Awaitable[Connection]]",
        *,
        max_connections: int,
        max_keepalive: int,
        wall: Callable[[], float],
        via: str = "",
    ) -> None:
        self.connections: set[Connection] = set()
        self._dial = dial
        self._via = via
        self._pool: Pool[_Waiter, Connection] = Pool(
            max_connections=max_connections, max_keepalive=max_keepalive
        )
        self._loop = asyncio.get_running_loop()
        self._wall = wall
        self._offset = wall() - self._loop.time()
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
        self._notice_sleep()
        while True:
            connection = self._pool.take(upload=upload, choosy=_is_choosy(upload))
            if connection is None:
                connection = await self._granted(timeouts, upload)
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

    def liveness_changed(self, _connection: Connection) -> None:
        """Use a connection that has answered, or another if it takes long."""
        self._dispatch()

    def drain_started(self, connection: Connection) -> None:
        """Give no more slots of a connection."""
        self._pool.drain_started(connection)
        self._dispatch()

    def closed(self, connection: Connection) -> None:
        """Forget a connection."""
        self.connections.discard(connection)

    # Within

    def _notice_sleep(self) -> None:
        """Suspect every connection after a jump of the wall clock against the monotonic one.

        The machine slept, and what was in between has long forgotten the connections.
        """
        offset = self._wall() - self._loop.time()
        slept, self._offset = abs(offset - self._offset) > JUMP, offset
        if slept:
            for connection in tuple(self.connections):
                connection.suspect()

    def _give_back(self, connection: Connection, upload: int) -> None:
        """Give a slot on that was not used."""
        connection.owed -= upload
        self.released(connection)

    async def _granted(self, timeouts: Timeouts, upload: int) -> Connection:
        waiter = _Waiter(self._loop, timeouts, upload)
        self._pool.join(waiter)
        self._dispatch()
        if not waiter.granted.done() and waiter.attempt is None:
            waiter.wait_for("pool", self._no_slot)
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

    def _no_slot(self, waiter: _Waiter) -> None:
        """Fail for lack of a slot: ours is the fault only if upstream has granted any."""
        if any(connection.settled for connection in self.connections):
            waiter.fail(httpx.PoolTimeout("no free stream in time"))
        else:
            waiter.fail(httpx.ConnectTimeout(f"no HTTP/2 SETTINGS after connecting{self._via}"))

    def _no_connection(self, waiter: _Waiter) -> None:
        waiter.fail(httpx.ConnectTimeout(f"no connection{self._via} in time"))

    def _settle_for_less(self, waiter: _Waiter) -> None:
        """Give the slot there is to one that has waited long enough for another connection."""
        self._pool.settle_for_less(waiter)
        if waiter.attempt is None:
            waiter.wait_for("pool", self._no_slot)
        else:
            waiter.wait_for("connect", self._no_connection)
        self._dispatch()

    def _dispatch(self) -> None:
        while not self._pool.calm and self._carry_out(self._pool.assign()):
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
            waiter.wait_for("connect", self._no_connection)
        for waiter in plan.held:
            waiter.await_better(self._settle_for_less)
        for attempt in plan.attempts:
            self._connecting[attempt] = self._loop.create_task(self._connect(attempt))
        for connection in plan.surplus:
            connection.close()
        for connection in plan.doubted:
            connection.probe()
        return returned

    async def _connect(self, attempt: Attempt) -> None:
        """Make a connection for whoever waits; one requester's end does not end it."""
        try:
            connection = await self._dial(self)
        except Exception as exc:  # noqa: BLE001 - those who wait must learn of any failure
            for waiter in self._pool.failed(attempt):
                error = copy.copy(exc)  # each gets a traceback of its own
                error.__cause__ = exc.__cause__
                waiter.fail(error)
        else:
            self.connections.add(connection)
            for waiter in self._pool.connected(attempt, connection):
                waiter.wait_for("pool", self._no_slot)
            connection.start()
        finally:
            del self._connecting[attempt]
        self._dispatch()


def _is_choosy(upload: int) -> bool:
    """Return True if an upload is large enough to wait for a better connection."""
    return upload > QUANTUM
