"""Measures one exchange. It decides nothing and knows nothing of what it measures."""

from collections.abc import Callable

import msgspec

from ..exchange import Progress


class Timings(msgspec.Struct):
    """Durations in seconds, as in `Exchange`; None means it never happened."""

    overhead_request: float | None = None
    overhead_response: float | None = None
    attempt_starts: tuple[float, ...] = ()
    headers_at: float | None = None
    upstream_headers: float | None = None
    slot_wait: float | None = None
    first_byte: float | None = None
    first_token: float | None = None
    longest_byte_gap: float | None = None
    longest_event_gap: float | None = None
    longest_client_stall: float | None = None


class Stopwatch:
    """Reads ``clock`` (monotonic, seconds) at the points of the journey, in their order.

    The two waits that can run are shown in ``progress``, where the gauges see them.

    State: ``_start``; ``_mark``, when the current phase began; ``_silence`` of upstream since the
    last event, and the number of ``_events`` so far; ``_end``, once it has stopped.
    """

    def __init__(self, clock: Callable[[], float], progress: Progress) -> None:
        self.now = clock
        self.timings = Timings()
        self._progress = progress
        self._start = self._mark = clock()
        self._events = 0
        self._silence = 0.0
        self._end: float | None = None

    @property
    def elapsed(self) -> float:
        """Seconds since the exchange began, until it ended."""
        return (self.now() if self._end is None else self._end) - self._start

    # On the way to upstream

    def body_read(self) -> None:
        """Note that the body is read as far as needed: what follows is the proxy's time."""
        self._mark = self.now()

    def attempt_started(self) -> None:
        """Note that an attempt starts; the first one ends the proxy's time."""
        now = self.now()
        if self.timings.overhead_request is None:
            self.timings.overhead_request = now - self._mark
        self.timings.attempt_starts += (now - self._start,)
        self._mark = now

    def slot_missed(self) -> None:
        """Note that the wait for a slot ended without one."""
        self.timings.slot_wait = self.now() - self._mark

    def response_started(self, *, slot_wait: float | None, upload_wait: float) -> None:
        """Note that upstream's response headers are here.

        ``slot_wait`` seconds were spent on a slot, which is the proxy's time, and ``upload_wait``
        on the client's upload. The rest of the wait is upstream's.
        """
        self.timings.slot_wait = slot_wait
        now = self.now()
        self.timings.headers_at = now - self._start
        waited = now - self._mark - (slot_wait or 0.0) - upload_wait
        self.timings.upstream_headers = max(0.0, waited)

    # On the way back

    def awaiting_upstream(self) -> None:
        """Note that upstream's next chunk is awaited from now on."""
        self._progress.upstream_since = self.now()

    def upstream_arrived(self, at: float | None = None) -> float:
        """Note that a chunk has come, or the end, now or ``at`` a time before; return when."""
        now = self.now() if at is None else at
        since, self._progress.upstream_since = self._progress.upstream_since, None
        if since is not None:
            timings, gap = self.timings, now - since
            if timings.longest_byte_gap is None or gap > timings.longest_byte_gap:
                timings.longest_byte_gap = gap
            self._silence += gap
        return now

    def awaiting_client(self) -> float:
        """Note that the client is to take a chunk from now on; return when."""
        self._progress.client_since = now = self.now()
        return now

    def client_took(self) -> float:
        """Note that the client's side has taken the chunk; return when."""
        now = self.now()
        since, self._progress.client_since = self._progress.client_since, None
        if since is not None:
            timings = self.timings
            timings.longest_client_stall = max(timings.longest_client_stall or 0.0, now - since)
        return now

    def relayed(
        self, arrived: float, offered: float, taken: float, *, sent: bool, token: bool, events: int
    ) -> None:
        """Note that a chunk is done with: it ``arrived``, was ``offered`` and ``taken``.

        ``sent`` says that bytes of it went on, ``token`` that content has begun; ``events`` is how
        many events have passed so far. The time between offered and taken is the client's.
        """
        timings = self.timings
        own = offered - arrived + self.now() - taken
        timings.overhead_response = max(timings.overhead_response or 0.0, own)
        if timings.first_byte is None and sent:
            timings.first_byte = offered - self._start
        if timings.first_token is None and token:
            timings.first_token = offered - self._start
        if events > self._events:
            self._end_silence(events)

    def passed(self, arrived: float, taken: float, own: float, *, token: bool, events: int) -> None:
        """Note that a chunk that ``arrived`` was ``taken`` at once; the next was awaited from then.

        This is `upstream_arrived`, `awaiting_client`, `client_took`, `relayed` and
        `awaiting_upstream` in one, and may come late: in the order in which the chunks passed,
        before any other point of the journey. ``own`` seconds were spent on it meanwhile.
        """
        timings, stall = self.timings, taken - arrived
        since, self._progress.upstream_since = self._progress.upstream_since, taken
        if since is not None:
            gap = arrived - since
            self._silence += gap
            if timings.longest_byte_gap is None or gap > timings.longest_byte_gap:
                timings.longest_byte_gap = gap
        if timings.longest_client_stall is None or stall > timings.longest_client_stall:
            timings.longest_client_stall = stall
        if timings.overhead_response is None or own > timings.overhead_response:
            timings.overhead_response = own
        if timings.first_byte is None:
            timings.first_byte = arrived - self._start
        if timings.first_token is None and token:
            timings.first_token = arrived - self._start
        if events > self._events:
            self._end_silence(events)

    def stop(self) -> None:
        """End the running waits: what never came was silence too."""
        self._end = self.upstream_arrived()
        if self._progress.client_since is not None:
            self.client_took()

    def _end_silence(self, events: int) -> None:
        """Note that the silence ended with an event."""
        timings, silence = self.timings, self._silence
        self._events, self._silence = events, 0.0
        if timings.longest_event_gap is None or silence > timings.longest_event_gap:
            timings.longest_event_gap = silence
