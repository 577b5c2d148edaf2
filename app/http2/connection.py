"""One HTTP/2 connection: a session on a socket, from its preface to its end."""

import asyncio
from typing import Protocol

import httpx
from h2.exceptions import ProtocolError

from ..network.abort import abort
from ..network.outflow import Outflow, Passage
from ..network.stats import Counters
from ..wire.headers import Headers
from ..wire.limits import LAST_STREAM
from ..wire.timeouts import Timeouts
from .liveness import Liveness
from .session import Session
from .stream import Stream

UNSETTLED = 1  # streams before the peer's SETTINGS came: it may allow any number (§6.5.2)


class ConnectionOwner(Protocol):
    """Whoever hands out the connection's slots."""

    def settled(self, connection: "Connection") -> None:
        """Note that SETTINGS came: ``limit`` is known, or has changed."""

    def released(self, connection: "Connection") -> None:
        """Take the slot of a stream that has ended."""

    def liveness_changed(self, connection: "Connection") -> None:
        """Note that a probe has changed ``doubtful`` or ``late``."""

    def drain_started(self, connection: "Connection") -> None:
        """Open no more streams on it: GOAWAY came, or it is lost."""

    def closed(self, connection: "Connection") -> None:
        """Note that the socket is closed."""


class Connection(asyncio.Protocol):
    """A socket, its session and their life. Synchronous except for `wait_closed`.

    State: ``limit``, ``settled`` and ``used`` are for the owner's pool, which alone changes
    ``used`` and adds to ``owed``, the bytes of uploads that are still to be written; ``served``
    counts streams; ``draining`` is set once no more may be opened, ``_lost`` once nothing passes
    any more; ``_early`` holds what came before our preface was written. Whoever connects notes
    the ``connect_time``, in seconds. After ``max_age`` seconds it drains.
    """

    def __init__(
        self,
        owner: ConnectionOwner,
        counters: Counters,
        *,
        max_streams: int,
        ping_interval: float,
        ping_timeout: float,
        max_age: float | None = None,
    ) -> None:
        loop = asyncio.get_running_loop()
        self.limit = UNSETTLED
        self.settled = False
        self.used = 0
        self.owed = 0
        self.served = 0
        self.connect_time = 0.0
        self.draining = False
        self._owner = owner
        self._counters = counters
        self._session = Session(self, loop, counters, max_streams=max_streams)
        self._liveness = Liveness(
            loop,
            interval=ping_interval,
            timeout=ping_timeout,
            ping=self._session.ping,
            dead=self._dead,
            liveness_changed=self._liveness_changed,
        )
        self._max_age = max_age
        self._drain_timer: asyncio.TimerHandle | None = None
        self._loop = loop
        self._clock = loop.time
        self._transport: asyncio.Transport | None = None
        self._outflow: Outflow | None = None
        self._uploads: Passage | None = None
        self._early: list[bytes] | None = []
        self._lost = False
        self._closed = loop.create_future()

    # For whoever uses it

    def start(self) -> None:
        """Write our preface, then read what came before it (§3.4). The first PING measures RTT."""
        self._session.start()
        self._liveness.ping()
        if self._max_age is not None:
            self._drain_timer = self._loop.call_later(self._max_age, self.drain)
        early, self._early = b"".join(self._early or ()), None
        if early:
            self.data_received(early)

    @property
    def usable(self) -> bool:
        """Whether a slot that was handed out may still be used."""
        return not self.draining and self.used <= self.limit

    @property
    def round_trips(self) -> float:
        """How many round trips the uploads take that it has, at the width of its window."""
        return (self.owed + self._session.outstanding) / self._session.capacity

    @property
    def streams_open(self) -> int:
        """Streams that neither side has done with."""
        return len(self._session.streams)

    def open(
        self,
        fields: Headers,
        body: httpx.AsyncByteStream,
        whole: bytes | None,
        timeouts: Timeouts,
        size: int,
    ) -> Stream:
        """Send a request on a new stream; ``whole`` is its body if all of that is here.

        ``size`` is what was expected of its upload when the slot was granted, in bytes.
        """
        stream = self._session.open(fields, body, whole, timeouts, size)
        self.served += 1
        if self.streams_open == 1:
            self._liveness.watch(busy=True)
        if stream.id == LAST_STREAM:
            self.drain()
        return stream

    @property
    def doubtful(self) -> bool:
        """Whether it was silent for so long that a probe must show that the peer is there."""
        return self._liveness.doubtful

    @property
    def late(self) -> bool:
        """Whether the answer to a probe takes long."""
        return self._liveness.late

    def probe(self) -> None:
        """Find out, soon, whether the peer is there: the owner hears of it."""
        self._liveness.probe()

    def suspect(self) -> None:
        """Take the connection for dead until the peer is heard: close it if nobody uses it."""
        if self.used:
            self._liveness.doubt()
        else:
            self._abandon("the machine was suspended")

    def close(self) -> None:
        """Send GOAWAY and close; streams that are still open fail."""
        if not self._lost:
            self._session.leave()
            self._lose(httpx.ReadError, "this side closed the connection")

    async def wait_closed(self) -> None:
        """Wait until the socket is closed."""
        await asyncio.shield(self._closed)

    # For its session

    def write(self, data: bytes) -> None:
        """Write at once, in one piece: a cancelled requester can't leave half a frame behind."""
        if self._outflow is not None:
            self._outflow.write(data)

    def paid(self, size: int) -> None:
        """Note that ``size`` bytes less are to be uploaded."""
        self.owed -= size

    def follow(self) -> None:
        """Follow the DATA written so far on its way out."""
        if self._uploads is not None:
            self._uploads.mark()

    def progress(self) -> float:
        """Return the loop's time when DATA was last seen to have left."""
        return 0.0 if self._uploads is None else self._uploads.moved()

    def settle(self, limit: int) -> None:
        """Note how many streams may be open at a time."""
        self.limit = limit
        self.settled = True
        self._owner.settled(self)

    def pong(self) -> None:
        """Note the answer to a PING."""
        self._liveness.answered()
        self._counters.rtt = self._liveness.rtt

    def drain(self) -> None:
        """Open no more streams, and close when the last has ended."""
        if not self.draining:
            self.draining = True
            self._owner.drain_started(self)
        self._close_if_done()

    def release(self) -> None:
        """Take the slot of a stream that has ended."""
        if not self.streams_open:
            self._liveness.watch(busy=False)
        self._owner.released(self)
        self._close_if_done()

    # For asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket; nothing is written before `start`."""
        self._transport = transport  # type: ignore[assignment] # asyncio's type is too wide
        self._outflow = Outflow(transport)  # type: ignore[arg-type] # the same
        self._uploads = Passage(self._outflow, self._clock)
        self._liveness.follow(Passage(self._outflow, self._clock))

    def data_received(self, data: bytes) -> None:
        """Hand on what came, but not before our preface was written."""
        if self._early is not None:
            self._early.append(data)
            return
        self._liveness.heard = self._clock()
        try:
            self._session.receive(data)
        except ProtocolError as exc:
            reason = f"the peer broke the protocol: {type(exc).__name__}, {exc}"
            self._lose(httpx.RemoteProtocolError, reason)

    def eof_received(self) -> None:
        """Fail at once: the peer can send no more, so no response can end."""
        self._lose(httpx.RemoteProtocolError, "the peer closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is left."""
        if exc is None:
            self._lose(httpx.RemoteProtocolError, "the peer closed the connection")
        else:
            self._lose(httpx.ReadError, str(exc) or type(exc).__name__)
        self._closed.set_result(None)
        self._owner.closed(self)

    def pause_writing(self) -> None:
        """Hold the uploads."""
        self._session.paused = True

    def resume_writing(self) -> None:
        """Let the uploads go on."""
        self._session.paused = False
        self._session.pump()

    # The end

    def _close_if_done(self) -> None:
        if self.draining and not self.streams_open:
            self.close()

    def _dead(self) -> None:
        self._abandon("the peer does not answer PING")

    def _liveness_changed(self, alive: bool) -> None:
        """Open no more streams on one that does not answer; those it has may take their time."""
        if alive:
            self._owner.liveness_changed(self)
        elif self.streams_open:
            self.drain()
        else:
            self._dead()

    def _abandon(self, message: str) -> None:
        self._lose(httpx.ReadError, message)
        if self._transport is not None:
            abort(self._transport)  # it would wait for bytes that nobody takes

    def _lose(self, kind: type[httpx.TransportError], message: str) -> None:
        if self._lost:
            return
        self._lost = True
        self._liveness.stop()
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        self.drain()
        self._session.fail(kind, message)
        if self._transport is not None:
            self._transport.close()
