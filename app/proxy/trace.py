"""What is known of an exchange so far; `finish` freezes it into the record."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from ..anthropic.answer import NOT_FINAL
from ..anthropic.endpoints import is_billed, route
from ..anthropic.errors import ERROR_EVENT
from ..anthropic.hints import read_hints
from ..anthropic.request import leading_model, requested_model
from ..anthropic.tap import Reading, Tap
from ..anthropic.usage import Attempt
from ..errors import (
    Busy,
    ClientFailure,
    Draining,
    NoSlot,
    ProxyFailure,
    UpstreamFailure,
    UpstreamTimeout,
)
from ..exchange import Exchange, Failure, Outcome, Progress, Retry
from ..scrubber.answer import Plan
from ..scrubber.report import ScrubReport
from ..scrubber.restore import Restorer
from ..wire.headers import Headers, first, text
from .body import Body

LIMIT_HEADERS = (b"anthropic-ratelimit-", b"anthropic-priority-", b"anthropic-fast-")
MODEL_ROUTES = ("messages", "count_tokens")
MODEL_WINDOW = 1024  # bytes of a body that is not whole yet, searched for its model
MODEL_LIMIT = 4 * 2**20  # bytes of a body whose model is read before it is let go
FIRST_ERROR = 400  # the lowest status that is an error
REFUSED_STREAM = "refused_stream"  # the reason of retries of what was not processed

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
    longest_client_stall: float | None = None


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
        self._model_read: str | None = None
        self.scrub: ScrubReport | None = None
        self.plan: Plan | None = None  # how the answer is restored
        self.modified = False
        self._method = method
        self._target = target
        self._headers = headers
        self._started_at = wall()
        self._start = self._mark = clock()
        self._timings = Timings()
        self._attempts = 0
        self._retries: dict[str, Retry] = {}
        self._status: int | None = None
        self._failure: Failure | None = None
        self._answer_headers: Headers = []
        self._tap: Tap | None = None
        self._restorer: Restorer | None = None
        self._events = 0
        self._silence = 0.0  # upstream's, since the last event
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
        if isinstance(failure, NoSlot):  # a wait that ended without a slot is the longest of all
            self._timings.slot_wait = self.clock() - self._mark

    def cut_by_upstream(self, *, timed_out: bool) -> None:
        """Upstream's answer ended too early."""
        self.outcome = Outcome.UPSTREAM_TIMEOUT if timed_out else Outcome.UPSTREAM_ABORT
        kind, reason = ("timeout_error", "read_timeout") if timed_out else ("api_error", "cut")
        self._failure = Failure("upstream", kind, reason)

    # On the way to upstream

    def release_body(self) -> None:
        """Let go of the request's body: no attempt needs it any more.

        The model it names is read before, in case the answer names none. That takes a third of a
        millisecond per megabyte, so long bodies are spared it.
        """
        if self.body is None:
            return
        held = self.body.held
        if held and len(held) <= MODEL_LIMIT and self.progress.model is None:
            self._model_read = requested_model(held)
        self.body.release()

    def body_ready(self) -> None:
        """From here to `sending` the time is our own."""
        self._mark = self.clock()
        if self.body is not None and self.progress.route in MODEL_ROUTES:
            leading = leading_model(self.body.start(MODEL_WINDOW))
            self.progress.model = leading or self._requested_model()

    def sending(self) -> None:
        """Note that an attempt begins."""
        now = self.clock()
        self._attempts += 1
        if self._timings.overhead_request is None:
            self._timings.overhead_request = now - self._mark
        self._mark = now

    def answered(self, response: httpx.Response, *, upload: float = 0.0) -> None:
        """Upstream's response headers are here; ``upload`` seconds of the wait were the client's.

        The wait for a slot is our own doing, whatever the protocol.
        """
        wait = response.extensions.get("slot_wait")
        self._timings.slot_wait = wait
        waited = self.clock() - self._mark - (wait or 0.0) - upload
        self._timings.upstream_headers = max(0.0, waited)

    def retried(self, reason: str, count: int, *, recovered: bool) -> None:
        """Note ``count`` more retries for ``reason``, and whether the last one helped."""
        before = self._retries.get(reason)
        made = count + (before.count if before is not None else 0)
        if made:
            self._retries[reason] = Retry(reason, made, recovered)

    # On the way back

    def relaying(self, status: int, headers: Headers, tap: Tap, restorer: Restorer | None) -> None:
        """Note that the answer starts on its way to the client."""
        self._status = status
        self._answer_headers = headers
        self._tap = tap
        self._restorer = restorer
        kind = first(headers, b"content-type") or b""
        self.progress.streaming = kind.startswith(b"text/event-stream")

    def awaiting(self) -> None:
        """Note that upstream's next chunk is awaited from now on."""
        self.progress.upstream_since = self.clock()

    def arrived(self) -> float:
        """Note that a chunk came, or the end; return when."""
        now = self.clock()
        since, self.progress.upstream_since = self.progress.upstream_since, None
        if since is not None:
            timings = self._timings
            timings.longest_byte_gap = max(timings.longest_byte_gap or 0.0, now - since)
            self._silence += now - since
        return now

    def handing_on(self) -> float:
        """Note that the client is to take what it is given from now on; return when."""
        self.progress.client_since = now = self.clock()
        return now

    def handed_on(self, size: int) -> float:
        """Note that the client's side has taken ``size`` bytes; return when."""
        now = self.clock()
        since, self.progress.client_since = self.progress.client_since, None
        if since is not None:
            timings = self._timings
            timings.longest_client_stall = max(timings.longest_client_stall or 0.0, now - since)
        self._bytes_out += size
        return now

    def relayed(self, arrived: float, handing_on: float, handed_on: float) -> None:
        """Note that the chunk of ``arrived`` went on and was tapped.

        From ``handing_on`` to ``handed_on`` the server had it, which waits for slow clients.
        """
        timings = self._timings
        own = handing_on - arrived + self.clock() - handed_on
        timings.overhead_response = max(timings.overhead_response or 0.0, own)
        if timings.first_byte is None and self._bytes_out:
            timings.first_byte = handing_on - self._start
        if self._tap is None:
            return
        if timings.first_token is None and self._tap.first_token:
            timings.first_token = handing_on - self._start
        if self._billed_route:
            self.progress.characters = self._tap.characters
        if self._tap.events > self._events:
            self._events = self._tap.events
            timings.longest_event_gap = max(timings.longest_event_gap or 0.0, self._silence)
            self._silence = 0.0

    # The record

    def finish(self, bytes_in: int) -> Exchange:
        """Return the record; an exchange without an outcome is a defect of ours."""
        self.arrived()  # the wait for what never came was upstream's silence, too
        if self.progress.client_since is not None:
            self.handed_on(0)
        reading = self._reading()
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
            longest_client_stall=timings.longest_client_stall,
            overhead_request=timings.overhead_request,
            overhead_response=timings.overhead_response,
            slot_wait=timings.slot_wait,
            attempts=self._attempts,
            retries=tuple(self._retries.values()),
            client_retry=_count(first(self._headers, b"x-stainless-retry-count")),
            bytes_in=bytes_in,
            bytes_out=self._bytes_out,
            modified=self.modified,
            requested_model=None if reading.model else self._requested_model(),
            model=reading.model,
            usage=reading.usage,
            billed=self._billed(),
            usage_missing=self._usage_missing(reading),
            cache_miss_reason=reading.cache_miss_reason,
            stop_reason=reading.stop_reason,
            failure=self._failure or self._failure_of_answer(reading),
            headers=self._limit_headers(),
            request_id=text(self._answer_headers, b"request-id"),
            session_id=text(self._headers, b"x-claude-code-session-id"),
            agent_id=text(self._headers, b"x-claude-code-agent-id"),
            hints=read_hints(dict(self._headers)),
            scrub=self.scrub,
            restored=restorer.restored if restorer is not None else {},
            refused=restorer.refused if restorer is not None else {},
            places=restorer.places if restorer is not None else {},
            unresolved=restorer.unresolved if restorer is not None else 0,
        )

    def _reading(self) -> Reading:
        """Return what the answer said; only that of a Messages request speaks for itself.

        A saved answer that is downloaded looks the same, and its usage was billed before.
        """
        if self._tap is None:
            return Reading()
        reading = self._tap.finish()
        if (self._status or 0) >= FIRST_ERROR:
            return Reading(error=reading.error)
        return reading if self._billed_route else Reading()

    def _billed(self) -> tuple[Attempt, ...]:
        answered = self._status is not None and self._status < FIRST_ERROR
        return self._tap.billed if self._tap and answered and self._billed_route else ()

    @property
    def _billed_route(self) -> bool:
        return is_billed(self._method, self.progress.route)

    def _usage_missing(self, reading: Reading) -> str | None:
        """Return why usage is missing, if the answer should have announced it.

        A client that leaves does not wait for it, but what it has begun to get is billed.
        """
        left = self.outcome in (Outcome.CLIENT_ABORT, Outcome.SHUTDOWN)
        if left and reading.usage_missing != NOT_FINAL:
            return None
        answered = self._status is not None and self._status < FIRST_ERROR
        return reading.usage_missing if answered and self._billed_route else None

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
        return requested_model(held) if held else self._model_read or self.progress.model

    def _limit_headers(self) -> Mapping[str, str]:
        return {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self._answer_headers
            if name.startswith(LIMIT_HEADERS)
        }


def _count(value: bytes | None) -> int:
    """Read a small number from a header that the client controls."""
    return int(value) if value is not None and value.isdigit() and len(value) <= len("999") else 0
