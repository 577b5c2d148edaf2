"""What is known of an exchange so far; `finish` freezes it into the record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from app.anthropic.endpoints import route
from app.anthropic.errors import ERROR_EVENT
from app.anthropic.request import requested_model
from app.anthropic.tap import Reading, Tap
from app.errors import (
    Busy,
    ClientFailure,
    Draining,
    NoSlot,
    ProxyFailure,
    UpstreamFailure,
    UpstreamTimeout,
)
from app.exchange import Exchange, Failure, Outcome, Progress, Retry
from app.proxy.body import Body
from app.proxy.headers import Headers, first, text
from app.scrubber import Placeholders
from app.scrubber.report import ScrubReport
from app.scrubber.restore import Restorer

LIMIT_HEADERS = (b"anthropic-ratelimit-", b"anthropic-priority-", b"anthropic-fast-")
FIRST_ERROR = 400  # the lowest status that is an error

# The first that matches wins; anything else is a defect of ours.
_OUTCOMES: tuple[tuple[type[ProxyFailure], Outcome], ...] = (
    (UpstreamTimeout, Outcome.UPSTREAM_TIMEOUT),
    (UpstreamFailure, Outcome.UPSTREAM_ERROR),
    (ClientFailure, Outcome.CLIENT_ERROR),
    (NoSlot, Outcome.PROXY_TIMEOUT),
    (Busy, Outcome.PROXY_REJECTED),
    (Draining, Outcome.PROXY_REJECTED),
)


@dataclass(slots=True)
class Timings:
    """Durations in seconds, as in `Exchange`; None means it never happened."""

    overhead_request: float | None = None
    overhead_response: float | None = None
    upstream_headers: float | None = None
    slot_wait: float | None = None
    first_byte: float | None = None
    first_token: float | None = None
    longest_byte_gap: float | None = None
    longest_event_gap: float | None = None


class Trace:
    """The mutable side of one exchange; the pipeline tells it what happens, in order.

    ``clock`` is monotonic, ``wall`` the time of day; both in seconds. `end` cancels the journey
    from outside, through ``cancel``, and notes why; the first cause stands.
    """

    def __init__(
        self,
        method: str,
        target: bytes,
        headers: Headers,
        *,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.clock = clock
        self.cancel: Callable[[], object] = lambda: None
        self.progress = Progress(route(method, target))
        self.outcome: Outcome | None = None
        self.body: Body | None = None
        self.scrub: ScrubReport | None = None
        self.placeholders: Placeholders = {}
        self.modified = False
        self._method = method
        self._target = target
        self._headers = headers
        self._started_at = wall()
        self._start = self._mark = clock()
        self._timings = Timings()
        self._attempts = 0
        self._retries: tuple[Retry, ...] = ()
        self._status: int | None = None
        self._failure: Failure | None = None
        self._answer_headers: Headers = []
        self._tap: Tap | None = None
        self._restorer: Restorer | None = None
        self._last_chunk: float | None = None
        self._last_event: float | None = None
        self._events = 0
        self._bytes_out = 0

    # How it ends

    def end(self, outcome: Outcome) -> None:
        """End the journey from outside, unless it has ended."""
        if self.outcome is None:
            self.outcome = outcome
            self.cancel()

    def refused(self, failure: ProxyFailure) -> None:
        """Note that the proxy answers itself, with ``failure``."""
        kinds = (outcome for kind, outcome in _OUTCOMES if isinstance(failure, kind))
        self.outcome = self.outcome or next(kinds, Outcome.PROXY_ERROR)
        self._failure = Failure(failure.source, failure.error_type, failure.reason)
        self._status = self._status or failure.status

    def cut_by_upstream(self, *, timed_out: bool) -> None:
        """Upstream's answer ended too early."""
        self.outcome = Outcome.UPSTREAM_TIMEOUT if timed_out else Outcome.UPSTREAM_ABORT
        kind, reason = ("timeout_error", "read_timeout") if timed_out else ("api_error", "cut")
        self._failure = Failure("upstream", kind, reason)

    # On the way to upstream

    def body_ready(self) -> None:
        """From here to `sending` the time is our own."""
        self._mark = self.clock()

    def sending(self) -> None:
        """Note that an attempt begins."""
        now = self.clock()
        self._attempts += 1
        if self._timings.overhead_request is None:
            self._timings.overhead_request = now - self._mark
        self._mark = now

    def answered(self, response: httpx.Response) -> None:
        """Upstream's response headers are here."""
        wait = response.extensions.get("slot_wait")
        self._timings.slot_wait = wait
        self._timings.upstream_headers = self.clock() - self._mark - (wait or 0.0)
        self._attempts += response.extensions.get("refused_retries", 0)

    def retried(self, retries: int, *, recovered: bool) -> None:
        """Note that the retries are over."""
        self._retries = (Retry("529", "recovered" if recovered else "exhausted"),) * retries

    # On the way back

    def relaying(self, status: int, headers: Headers, tap: Tap, restorer: Restorer | None) -> None:
        """Note that the answer starts on its way to the client."""
        self._status = status
        self._answer_headers = headers
        self._tap = tap
        self._restorer = restorer
        kind = first(headers, b"content-type") or b""
        self.progress.streaming = kind.startswith(b"text/event-stream")
        self.progress.last_byte_at = self.clock()

    def arrived(self) -> float:
        """Note that a chunk came; return when."""
        now = self.clock()
        if self._last_chunk is not None:
            gap = now - self._last_chunk
            self._timings.longest_byte_gap = max(self._timings.longest_byte_gap or 0.0, gap)
        self._last_chunk = self.progress.last_byte_at = now
        return now

    def relayed(self, arrived: float, handed_on: float, sent: float, size: int) -> None:
        """Note that the chunk of ``arrived`` went on as ``size`` bytes and was tapped.

        From ``handed_on`` to ``sent`` the server had it, which waits for slow clients.
        """
        timings = self._timings
        own = handed_on - arrived + self.clock() - sent
        timings.overhead_response = max(timings.overhead_response or 0.0, own)
        self._bytes_out += size
        if timings.first_byte is None and size:
            timings.first_byte = handed_on - self._start
        if self._tap is None:
            return
        if timings.first_token is None and self._tap.first_token:
            timings.first_token = handed_on - self._start
        if self._tap.events > self._events:
            self._events = self._tap.events
            if self._last_event is not None:
                gap = arrived - self._last_event
                timings.longest_event_gap = max(timings.longest_event_gap or 0.0, gap)
            self._last_event = arrived

    # The record

    def finish(self, bytes_in: int) -> Exchange:
        """Return the record; an exchange without an outcome is a defect of ours."""
        reading = self._tap.finish() if self._tap is not None else Reading()
        timings, restorer = self._timings, self._restorer
        return Exchange(
            route=self.progress.route,
            method=self._method,
            path=self._target.partition(b"?")[0].decode("latin-1"),
            status=self._status,
            outcome=self._final_outcome(reading),
            streamed=self.progress.streaming,
            started_at=self._started_at,
            duration=self.clock() - self._start,
            upstream_headers=timings.upstream_headers,
            first_byte=timings.first_byte,
            first_token=timings.first_token,
            longest_event_gap=timings.longest_event_gap,
            longest_byte_gap=timings.longest_byte_gap,
            overhead_request=timings.overhead_request,
            overhead_response=timings.overhead_response,
            slot_wait=timings.slot_wait,
            attempts=self._attempts,
            retries=self._retries,
            client_retry=_count(first(self._headers, b"x-stainless-retry-count")),
            bytes_in=bytes_in,
            bytes_out=self._bytes_out,
            modified=self.modified,
            requested_model=None if reading.model else self._requested_model(),
            model=reading.model,
            usage=reading.usage,
            usage_missing=reading.usage_missing if self._owes_usage() else None,
            stop_reason=reading.stop_reason,
            failure=self._failure or self._failure_of_answer(reading),
            headers=self._limit_headers(),
            request_id=text(self._answer_headers, b"request-id"),
            session_id=text(self._headers, b"x-claude-code-session-id"),
            agent_id=text(self._headers, b"x-claude-code-agent-id"),
            scrub=self.scrub,
            restored=restorer.restored if restorer is not None else {},
            unresolved=restorer.unresolved if restorer is not None else 0,
        )

    def _owes_usage(self) -> bool:
        """Tell whether the answer should have announced usage, and the client stayed for it."""
        answered = self._status is not None and self._status < FIRST_ERROR
        left = self.outcome in (Outcome.CLIENT_ABORT, Outcome.SHUTDOWN)
        return answered and not left and self.progress.route == "messages"

    def _final_outcome(self, reading: Reading) -> Outcome:
        if self.outcome is Outcome.COMPLETE and self._error_event(reading):
            return Outcome.UPSTREAM_ERROR_EVENT
        return self.outcome or Outcome.PROXY_ERROR

    def _error_event(self, reading: Reading) -> bool:
        return reading.error is not None and (self._status or 0) < FIRST_ERROR

    def _failure_of_answer(self, reading: Reading) -> Failure | None:
        if self._error_event(reading):
            return Failure("upstream", reading.error or "", ERROR_EVENT)
        if self._status is None or self._status < FIRST_ERROR:
            return None
        return Failure("upstream", reading.error or "unknown", str(self._status))

    def _requested_model(self) -> str | None:
        held = self.body.held if self.body is not None else None
        return requested_model(held) if held else None

    def _limit_headers(self) -> Mapping[str, str]:
        return {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self._answer_headers
            if name.startswith(LIMIT_HEADERS)
        }


def _count(value: bytes | None) -> int:
    """Read a small number from a header that the client controls."""
    return int(value) if value is not None and value.isdigit() and len(value) <= len("999") else 0
