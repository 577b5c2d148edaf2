"""Whether the peer is still there: PING and its answer (RFC 9113 §6.7)."""

import asyncio
from collections.abc import Callable

from ..network.outflow import Passage
from ..network.timeouts import Alarm

FRESH = 10.0  # seconds after its last byte during which a peer is taken to be there
LATE = 0.25  # seconds without an answer after which another connection is made beside
PROBE = 1.5  # seconds without an answer after which no stream is opened any more
STALLED = 30.0  # seconds that our own bytes before a PING may stand still


class Liveness:
    """Sends a PING when the peer is silent though streams are open, or before one is opened.

    ``interval`` is the silence and ``timeout`` the wait for an answer, in seconds; any byte shows
    that the peer is there, and so do our own bytes before the PING as they leave: until they have,
    it cannot be answered, and only their standing still for `STALLED` counts. ``ping`` sends a
    PING, ``dead`` ends the connection, ``liveness_changed`` is called when a `probe` has brought
    news.

    State: ``heard`` is the time of the last byte, ``rtt`` the last round trip in seconds,
    ``late`` is set while a probe is unanswered for long, ``_pinged`` the time of a PING that is
    unanswered, ``_ahead`` follows the bytes before it, ``_busy`` whether streams are open,
    ``_probing`` the timer of a probe, ``_proven`` is set while its good news are told.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        interval: float,
        timeout: float,
        ping: Callable[[], None],
        dead: Callable[[], None],
        liveness_changed: Callable[[bool], None],
    ) -> None:
        self.heard = loop.time()
        self.rtt: float | None = None
        self.late = False
        self._loop = loop
        self._interval = interval
        self._timeout = timeout
        self._send = ping
        self._dead = dead
        self._liveness_changed = liveness_changed
        self._alarm = Alarm(loop)
        self._pinged: float | None = None
        self._ahead: Passage | None = None
        self._busy = False
        self._probing: asyncio.TimerHandle | None = None
        self._proven = False

    def follow(self, passage: Passage) -> None:
        """Learn how to follow the bytes that are written."""
        self._ahead = passage

    def ping(self) -> None:
        """Send a PING, unless one is unanswered."""
        if self._pinged is None:
            self._pinged = self._loop.time()
            if self._ahead is not None:
                self._ahead.mark()
            self._alarm.set(self._timeout, self._unanswered)
            self._send()

    def answered(self) -> None:
        """Take the answer to a PING."""
        if self._pinged is not None:
            self.rtt = self._loop.time() - self._pinged
            self._pinged = None
            self._alarm.clear()
            self.watch(self._busy)
        if self._probing is not None:
            self._end_probe()
            self._proven = True
            self._liveness_changed(True)
            self._proven = False

    def watch(self, busy: bool) -> None:
        """Mind silence while streams are open, and only then."""
        self._busy = busy
        if self._pinged is not None:
            return
        if busy:
            self._alarm.set(self._interval, self._silent)
        else:
            self._alarm.clear()

    @property
    def doubtful(self) -> bool:
        """Whether the peer was silent for so long that it must answer before it gets a stream."""
        silent = self._loop.time() - self.heard >= FRESH
        return not self._proven and (silent or self._probing is not None)

    def doubt(self) -> None:
        """Consider the peer silent, even if it has just sent something."""
        self.heard = self._loop.time() - max(FRESH, self._interval)

    def probe(self) -> None:
        """Find out, soon, whether the peer is there."""
        if self._probing is None:
            self._probing = self._loop.call_later(LATE, self._late)
            self.ping()

    def stop(self) -> None:
        """Stop all timers: the connection has ended."""
        self._alarm.stop()
        self._end_probe()

    def _late(self) -> None:
        self.late = True
        self._probing = self._loop.call_later(PROBE - LATE, self._given_up)
        self._liveness_changed(True)

    def _given_up(self) -> None:
        self._liveness_changed(False)

    def _end_probe(self) -> None:
        self.late = False
        if self._probing is not None:
            self._probing.cancel()
            self._probing = None

    def _silent(self) -> None:
        rest = self.heard + self._interval - self._loop.time()
        if rest > 0:
            self._alarm.set(rest, self._silent)
        else:
            self.ping()

    def _unanswered(self) -> None:
        sign, patience = max(self.heard, self._pinged or 0.0), self._timeout
        if self._ahead is not None:
            sign = max(sign, self._ahead.moved())
            if self._ahead.under_way:
                patience = max(patience, STALLED)
        rest = sign + patience - self._loop.time()
        if rest > 0:
            self._alarm.set(min(rest, self._timeout), self._unanswered)
        else:
            self._dead()
