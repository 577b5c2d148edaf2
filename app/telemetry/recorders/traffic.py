"""Requests: outcomes, errors, retries, bytes."""

from collections.abc import Iterable

from ...anthropic.answer import PREFIX_MISMATCH, SPEND_LIMIT, UNKNOWN_ERROR
from ...anthropic.endpoints import ROUTES
from ...anthropic.errors import ERROR_CLASSES
from ...errors import API_TYPES, answers
from ...exchange import RETRY_REASONS, Exchange, Outcome
from ..entry import NO_MODEL, Entry
from ..instruments import OTHER, Instruments, SeriesBudget

Combination = tuple[str, str, str, str]  # route, model, status, outcome
Labels = list[Combination]

STATUSES = frozenset(
    {200, 201, 202, 204, 400, 401, 402, 403, 404, 405, 409, 413, 422, 429, 500, 502, 503, 504, 529}
)  # of the API, and of gateways in between
NO_STATUS = "none"  # no response: the client left first
# Created at 0 at the start, because `rate()` would miss the first failure.
OWN_FAILURES = (
    ("500", Outcome.PROXY_ERROR.value),
    ("529", Outcome.PROXY_TIMEOUT.value),
    ("529", Outcome.PROXY_REJECTED.value),
    ("503", Outcome.PROXY_REJECTED.value),
)
ERROR_TYPES = (*API_TYPES.values(), PREFIX_MISMATCH, SPEND_LIMIT, UNKNOWN_ERROR)
STREAM_ENDS = {
    Outcome.COMPLETE: "complete",
    Outcome.CLIENT_ABORT: "client_abort",
    Outcome.UPSTREAM_ABORT: "upstream_abort",
    Outcome.UPSTREAM_ERROR_EVENT: "upstream_error_event",
    Outcome.UPSTREAM_TIMEOUT: "upstream_timeout",
    Outcome.PROXY_ERROR: "proxy_error",
    Outcome.SHUTDOWN: "shutdown",
}
RETRY_RESULTS = ("recovered", "exhausted")
BODY_BYTES = (1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 33554432)

# Series by route, model, status and outcome. When they are used up, new combinations lose their
# model; when those are used up too, they lose their route, and the status becomes its class (5xx).
COMBINATIONS = 52
WITHOUT_MODEL = 70
# These are reserved, because alerts and objectives read them.
WATCHED = (
    *OWN_FAILURES,
    *((status, Outcome.COMPLETE.value) for status in ("200", "400", "401", "429", "500", "529")),
)


class Traffic:
    """Counts of exchanges."""

    def __init__(self, instruments: Instruments, models: Iterable[str]) -> None:
        usual = [("messages", model, "200", Outcome.COMPLETE.value) for model in models]
        self._whole = SeriesBudget(COMBINATIONS, usual)
        self._without_model = SeriesBudget(
            WITHOUT_MODEL, [("messages", OTHER, status, outcome) for status, outcome in WATCHED]
        )
        self._error_type = instruments.label_set("error_type", ERROR_TYPES)
        self._retry_reason = instruments.label_set("retry_reason", RETRY_REASONS)
        self._folded = instruments.label_set("request")
        self._odd_status = instruments.label_set("status")
        self._count(instruments, usual)
        self._measure(instruments)

    def _count(self, instruments: Instruments, usual: Labels) -> None:
        counters = instruments.counters
        self._requests = counters(
            "requests_total",
            "Requests that ended",
            "route",
            "model",
            "status",
            "outcome",
            known=[
                *usual,
                *(("messages", NO_MODEL, status, outcome) for status, outcome in OWN_FAILURES),
                *(("messages", OTHER, status, outcome) for status, outcome in WATCHED),
            ],
        )
        self._starts = counters(
            "requests_started_total",
            "Requests that started",
            "route",
            known=[(route,) for route in ROUTES],
        )
        self._stream_ends = counters(
            "stream_ends_total",
            "Streamed responses, by how they ended",
            "cause",
            known=[(cause,) for cause in STREAM_ENDS.values()],
        )
        self._errors = counters(
            "errors_total",
            "Errors returned to clients, by source and type",
            "source",
            "type",
            known=_known_errors(),
        )
        self._failed = counters(
            "failed_requests_total",
            "Requests that failed, by error class",
            "class",
            known=[(name,) for name in ERROR_CLASSES],
        )
        self._retries = counters(
            "retries_total",
            "Retried requests, by result",
            "reason",
            "result",
            known=[(reason, result) for reason in RETRY_REASONS for result in RETRY_RESULTS],
        )
        self._retry_attempts = counters(
            "retry_attempts_total",
            "Retry attempts sent upstream",
            "reason",
            known=[(reason,) for reason in RETRY_REASONS],
        )
        self._client_retries = counters(
            "client_retry_attempts_total",
            "Requests that clients marked as retries, by attempt",
            "attempt",
            known=[("1",), ("2",), ("3+",)],
        )

    def _measure(self, instruments: Instruments) -> None:
        self._bytes = instruments.counters(
            "body_bytes_total",
            "Body bytes received from clients (in) and sent to clients (out)",
            "direction",
            known=[("in",), ("out",)],
        )
        self._request_bytes = instruments.histogram(
            "request_body_bytes", "Request body size", BODY_BYTES
        )
        self._response_bytes = instruments.histogram(
            "response_body_bytes", "Response body size", BODY_BYTES
        )

    def start(self, route: str) -> None:
        """Count a request that starts."""
        self._starts.count(route)

    def expect(self, route: str, model: str) -> None:
        """Create the series of a running request at 0, before it ends."""
        if self._whole.room < 2 * len(WATCHED):  # keep the rest for combinations that occur
            return
        for status, outcome in WATCHED:
            self._requests(*self._place(route, model, status, outcome))

    def record(self, entry: Entry) -> None:
        """Count one exchange."""
        exchange = entry.exchange
        self._requests(*self._labels(entry)).inc()
        self._bytes("in").inc(exchange.bytes_in)
        self._bytes("out").inc(exchange.bytes_out)
        self._request_bytes.observe(exchange.bytes_in)
        self._response_bytes.observe(exchange.bytes_out)
        if exchange.streamed:
            self._stream_ends(STREAM_ENDS.get(exchange.outcome, "proxy_error")).inc()
        if exchange.failure is not None:
            self._errors(exchange.failure.source, self._error_type(exchange.failure.type)).inc()
            self._failed(exchange.failure.error_class).inc()
        self._record_retries(exchange)

    def _record_retries(self, exchange: Exchange) -> None:
        for retry in exchange.retries:
            reason = self._retry_reason(retry.reason)
            self._retries(reason, RETRY_RESULTS[not retry.recovered]).inc()
            self._retry_attempts(reason).inc(retry.count)
        if exchange.client_retry:
            attempt = str(exchange.client_retry)
            self._client_retries(attempt if attempt in ("1", "2") else "3+").inc()

    def _labels(self, entry: Entry) -> Combination:
        exchange = entry.exchange
        status = self._status(exchange.status)
        return self._place(exchange.route, entry.model, status, exchange.outcome.value)

    def _place(self, route: str, model: str, status: str, outcome: str) -> Combination:
        whole = (route, model, status, outcome)
        if self._whole.has(whole):
            return whole
        self._folded(OTHER)
        without_model = (route, OTHER, status, outcome)
        if self._without_model.has(without_model):
            return without_model
        return (OTHER, OTHER, status if status == NO_STATUS else f"{status[0]}xx", outcome)

    def _status(self, status: int | None) -> str:
        if status is None:
            return NO_STATUS
        if status in STATUSES:
            return str(status)
        self._odd_status(str(status))
        return f"{status // 100}xx"


def _known_errors() -> set[tuple[str, str]]:
    """Return every possible source and type: `increase()` misses a series that starts at 1."""
    own = {(failure.source, failure.error_type) for failure in answers()}
    return own | {("upstream", error_type) for error_type in ERROR_TYPES}
