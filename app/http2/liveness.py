"""Whether the peer is still there: PING and its answer (RFC 9113 §6.7)."""

import asyncio
from collections.abc import Callable

from app.http2.timeouts import Alarm

FRESH = 10.0  # seconds after its last byte during which a peer is taken to be there


class Liveness:
    """Sends a PING when the peer is silent though streams are open, or before one is opened.

    ``interval`` is the silence and ``timeout`` the wait for an answer, in seconds; any byte shows
    that the peer is there. ``ping`` sends a PING, ``dead`` ends the connection.

    State: ``heard`` is the time of the last byte, ``rtt`` the last round trip in seconds,
    ``_pinged`` the time of a PING that is unanswered, ``_busy`` whether streams are open,
    ``_answer`` the future of those who wait for a sign.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        *,
        interval: float,
        timeout: float,
        ping: Callable[[], None],
        dead: Callable[[], None],
    ) -> None:
        self.heard = loop.time()
        self.rtt: float | None = None
        self._loop = loop
        self._interval = interval
        self._timeout = timeout
        self._send = ping
        self._dead = dead
        self._alarm = Alarm(loop)
        self._pinged: float | None = None
        self._busy = False
        self._answer: asyncio.Future[None] | None = None

    def ping(self) -> None:
        """Send a PING, unless one is unanswered."""
        if self._pinged is None:
            self._pinged = self._loop.time()
            self._alarm.set(self._timeout, self._unanswered)
            self._send()

    def answered(self) -> None:
        """Take the answer to a PING."""
        if self._pinged is not None:
            self.rtt = self._loop.time() - self._pinged
            self._pinged = None
            self._alarm.clear()
            self.watch(self._busy)
        self._release()

    def watch(self, busy: bool) -> None:
        """Mind silence while streams are open, and only then."""
        self._busy = busy
        if self._pinged is not None:
            return
        if busy:
            self._alarm.set(self._interval, self._silent)
        else:
            self._alarm.clear()

    async def probe(self) -> None:
        """Return once the peer has given a sign, or is known to be dead."""
        if self._loop.time() - self.heard < FRESH:
            return
        if self._answer is None:
            self._answer = self._loop.create_future()
        self.ping()
        await asyncio.shield(self._answer)

    def stop(self) -> None:
        """Stop minding: the connection has ended."""
        self._alarm.stop()
        self._release()

    def _silent(self) -> None:
        rest = self.heard + self._interval - self._loop.time()
        if rest > 0:
            self._alarm.set(rest, self._silent)
        else:
            self.ping()

    def _unanswered(self) -> None:
        rest = max(self.heard, self._pinged or 0.0) + self._timeout - self._loop.time()
        if rest > 0:
            self._alarm.set(rest, self._unanswered)
        else:
            self._dead()

    def _release(self) -> None:
        if self._answer is not None:
            self._answer.set_result(None)
            self._answer = None
