"""Makes the record of an exchange from what its journey has found. Pure."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from ..anthropic.answer import NOT_FINAL
from ..anthropic.endpoints import is_billed
from ..anthropic.errors import ERROR_EVENT
from ..anthropic.hints import AGENT_ID, SESSION_ID, read_hints
from ..anthropic.tap import Reading, Tap
from ..cache.report import CacheReport
from ..exchange import Exchange, Failure, Outcome, Progress
from ..ledger.labels import read_labels
from ..wire.headers import LABELS_HEADER, Headers, credential_of, first, text
from ..wire.trace_context import TRACEPARENT
from .endings import Ending
from .request.client_request import ClientRequest
from .stopwatch import Stopwatch
from .upstream.attempts import Attempts

if TYPE_CHECKING:
    from ..scrubber.redact.scrubber import Redaction
    from ..scrubber.restore.restorer import Restorer

LIMIT_HEADERS = (b"anthropic-ratelimit-", b"anthropic-priority-", b"anthropic-fast-")
FIRST_ERROR = 400  # the lowest status that is an error


class Findings(NamedTuple):
    """The facts of an exchange at its end; None for a step that was not reached.

    ``status`` is what the client was sent, ``bytes_in`` and ``bytes_out`` count bodies; ``model``
    is the requested one and ``headers`` upstream's. ``digest`` is a keyed hash.
    """

    request: ClientRequest
    progress: Progress
    started_at: float
    attempts: Attempts
    bytes_in: int
    bytes_out: int
    status: int | None
    model: str | None
    redaction: "Redaction | None"
    headers: Headers
    tap: Tap | None
    restorer: "Restorer | None"
    digest: Callable[[bytes], int] = hash

    @property
    def billed_route(self) -> bool:
        """Whether Anthropic bills a request like this."""
        return is_billed(self.request.method, self.progress.route)

    @property
    def succeeded(self) -> bool:
        """Whether the client was sent a status that is no error."""
        return self.status is not None and self.status < FIRST_ERROR


def record(
    found: Findings,
    reading: Reading,
    cache: CacheReport | None,
    ending: Ending,
    watch: Stopwatch,
) -> Exchange:
    """End the exchange, whose ``watch`` has stopped, and return its record.

    ``reading`` is what the response said, ``cache`` the report on the prompt cache.
    """
    timings, restorer, redaction = watch.timings, found.restorer, found.redaction
    error_event = reading.error is not None and (found.status or 0) < FIRST_ERROR
    outcome = ending.finish(error_event=error_event)
    sent = found.request.headers
    fields = firsts = found.request.fields
    if len(fields) < len(sent):
        firsts = dict(reversed(sent))  # of a repeated field the first
    return Exchange(
        route=found.progress.route,
        method=found.request.method,
        path=found.request.target.partition(b"?")[0].decode("latin-1"),
        status=found.status,
        outcome=outcome,
        streamed=found.progress.streaming,
        started_at=found.started_at,
        duration=watch.elapsed,
        upstream_headers=timings.upstream_headers,
        first_byte=timings.first_byte,
        first_token=timings.first_token,
        longest_event_gap=timings.longest_event_gap,
        longest_byte_gap=timings.longest_byte_gap,
        longest_client_stall=timings.longest_client_stall,
        attempt_starts=timings.attempt_starts,
        headers_at=timings.headers_at,
        overhead_request=timings.overhead_request,
        overhead_response=timings.overhead_response,
        slot_wait=timings.slot_wait,
        attempts=found.attempts.count,
        retries=found.attempts.retries,
        client_retry=_count(firsts.get(b"x-stainless-retry-count")),
        account=_account(found, fields),
        bytes_in=found.bytes_in,
        bytes_out=found.bytes_out,
        modified=redaction is not None and redaction.report.modified,
        requested_model=found.model,
        model=reading.model,
        usage=reading.usage,
        billed=found.tap.billed if found.tap and found.succeeded and found.billed_route else (),
        usage_missing=_usage_missing(found, reading, outcome),
        cache_miss_reason=reading.cache_miss_reason,
        cache=cache,
        stop_reason=reading.stop_reason,
        failure=ending.failure or _failure_of_response(found, reading),
        headers=_limits(found.headers),
        request_id=text(found.headers, b"request-id"),
        session_id=_text(firsts.get(SESSION_ID)),
        agent_id=_text(firsts.get(AGENT_ID)),
        hints=read_hints(_unambiguous(fields, firsts)),
        labels=_labels(sent) if LABELS_HEADER in fields else {},
        scrub=redaction.report if redaction is not None else None,
        restored=restorer.restored if restorer is not None else {},
        refused=restorer.refused if restorer is not None else {},
        places=restorer.places if restorer is not None else {},
        unresolved=restorer.unresolved if restorer is not None else 0,
    )


def read_response(found: Findings) -> Reading:
    """Return what the response said; only that of a Messages request speaks for itself.

    A saved response that is downloaded looks the same, and its usage was billed before.
    """
    if found.tap is None:
        return Reading()
    reading = found.tap.finish()
    if (found.status or 0) >= FIRST_ERROR:
        return Reading(error=reading.error)
    return reading if found.billed_route else Reading()


def _usage_missing(found: Findings, reading: Reading, outcome: Outcome) -> str | None:
    """Return why usage is missing, if the response should have announced it.

    A client that leaves does not wait for it, but what it has begun to get is billed.
    """
    left = outcome in (Outcome.CLIENT_ABORT, Outcome.SHUTDOWN)
    if left and reading.usage_missing != NOT_FINAL:
        return None
    return reading.usage_missing if found.succeeded and found.billed_route else None


def _failure_of_response(found: Findings, reading: Reading) -> Failure | None:
    if reading.error is not None and (found.status or 0) < FIRST_ERROR:
        return Failure("upstream", reading.error, ERROR_EVENT)
    if found.status is None or found.succeeded:
        return None
    return Failure("upstream", reading.error or "unknown", str(found.status))


def _account(found: Findings, fields: Mapping[bytes, bytes]) -> int:
    """Return the hash of who pays: upstream names the organization, the client has a credential."""
    who = first(found.headers, b"anthropic-organization-id") or credential_of(fields)
    return 0 if who is None else found.digest(who)


def _unambiguous(
    fields: dict[bytes, bytes], firsts: Mapping[bytes, bytes]
) -> Mapping[bytes, bytes]:
    """Leave out a ``traceparent`` that differs from another one (W3C Trace Context, 3.3.1)."""
    if fields.get(TRACEPARENT) == firsts.get(TRACEPARENT):
        return fields
    return {name: value for name, value in fields.items() if name != TRACEPARENT}


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1")


def _labels(sent: Headers) -> Mapping[str, str]:
    return read_labels(value for name, value in sent if name == LABELS_HEADER)


def _limits(headers: Headers) -> Mapping[str, str]:
    return {
        name.decode("latin-1"): value.decode("latin-1")
        for name, value in headers
        if name.startswith(LIMIT_HEADERS)
    }


def _count(value: bytes | None) -> int:
    """Read a small number from a header that the client controls."""
    return int(value) if value is not None and value.isdigit() and len(value) <= len("999") else 0
