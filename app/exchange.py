"""One proxied request, from its first byte to its end, as a value.

`Exchange` is made once, at the end, whatever the end. `Observer` is what the proxy tells about
exchanges; telemetry implements it and business code never touches a metric.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal, Protocol, get_args

import msgspec

from .anthropic.errors import ErrorClass, error_class
from .anthropic.hints import Hints
from .anthropic.usage import Attempt, Usage
from .cache.report import CacheReport
from .errors import Source
from .scrubber.redact.report import ScrubReport
from .scrubber.restore.sinks import Refusal


class Outcome(StrEnum):
    """How an exchange ended; a closed set, exactly one per exchange."""

    COMPLETE = "complete"  # upstream's answer was relayed whole, whatever its status
    CLIENT_ABORT = "client_abort"  # the client left first
    CLIENT_ERROR = "client_error"  # the request was refused: malformed, wrong token, too large
    UPSTREAM_ABORT = "upstream_abort"  # upstream cut the response after its headers
    UPSTREAM_ERROR = "upstream_error"  # no response: unreachable, TLS, connection lost
    UPSTREAM_ERROR_EVENT = "upstream_error_event"  # 200, then `event: error`
    UPSTREAM_TIMEOUT = "upstream_timeout"  # connect, write or read time-out
    PROXY_ERROR = "proxy_error"  # a defect of the proxy
    PROXY_TIMEOUT = "proxy_timeout"  # no upstream slot in time
    PROXY_REJECTED = "proxy_rejected"  # draining or too many requests running
    SHUTDOWN = "shutdown"  # cut at the end of the drain


RetryReason = Literal["529", "refused_stream"]  # the latter: upstream has not processed it
RETRY_REASONS: tuple[RetryReason, ...] = get_args(RetryReason)


class Retry(msgspec.Struct, frozen=True):
    """The retries of one exchange for one reason."""

    reason: RetryReason
    count: int
    recovered: bool  # the last of them brought another answer than the one it was made for


class Failure(msgspec.Struct, frozen=True):
    """An error as the client saw it, from a status, an error event or the proxy itself."""

    source: Source
    type: str  # Anthropic's error type, e.g. "overloaded_error"
    reason: str  # the proxy's reason word, the status of upstream's answer, or "error_event"

    @property
    def error_class(self) -> ErrorClass:
        """Who or what failed."""
        return error_class(self.source, self.type, self.reason)


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """The record. Durations are seconds on the monotonic clock; None means it never happened.

    ``path`` and the ids are for logs and exemplars only: clients control them, so they never
    become metric labels. ``headers`` are upstream's limits
    (``anthropic-ratelimit-*`` and the like, lower case). ``usage`` is what the answer states,
    ``billed`` what Anthropic bills for it: one `Attempt` per model and reason, empty
    where nothing is (other routes, errors, refusals before any output).
    """

    route: str  # anthropic.endpoints: messages, count_tokens, …, other
    method: str
    path: str
    status: int | None  # what the client was sent; None when nothing was
    outcome: Outcome
    streamed: bool  # the answer was an event stream
    started_at: float  # seconds since the epoch, for people
    duration: float  # request's first byte to the end of the exchange
    upstream_headers: float | None = None  # from sending upstream to its response headers
    first_byte: float | None = None  # request's first byte to the first body byte relayed
    first_token: float | None = None  # request's first byte to the first content delta relayed
    longest_event_gap: float | None = None  # upstream's silence between events of a stream
    longest_byte_gap: float | None = None  # upstream's silence between chunks of a response
    longest_client_stall: float | None = None  # waiting for the client to take a chunk
    # Request's first byte to the start of each request sent upstream, and to the last one's headers
    attempt_starts: tuple[float, ...] = ()
    headers_at: float | None = None
    overhead_request: float | None = None  # our own time before the request went upstream
    overhead_response: float | None = None  # our own time between a chunk's coming and going on
    slot_wait: float | None = None  # waiting for an upstream slot
    attempts: int = 0  # requests sent upstream
    retries: tuple[Retry, ...] = ()  # at most one per reason
    client_retry: int = 0  # X-Stainless-Retry-Count
    account: int = 0  # a keyed hash of the organization, or of the credential; 0 for none
    bytes_in: int = 0  # request body, as received
    bytes_out: int = 0  # response body, as sent
    modified: bool = False  # forwarded body differs from the received one
    requested_model: str | None = None  # a client's word
    model: str | None = None  # of the response
    usage: Usage | None = None
    billed: tuple[Attempt, ...] = ()
    usage_missing: str | None = None  # why it is lacking or an estimate: anthropic.tap.Reading
    cache_miss_reason: str | None = None  # ``diagnostics`` of the answer
    cache: CacheReport | None = None  # the recorder's, of an answer that states its usage
    stop_reason: str | None = None
    failure: Failure | None = None
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    request_id: str | None = None
    session_id: str | None = None
    agent_id: str | None = None
    hints: Hints = msgspec.field(default_factory=Hints)  # Claude Code's hints about the request
    # The user's labels of the request.
    labels: Mapping[str, str] = msgspec.field(default_factory=dict)
    scrub: ScrubReport | None = None
    # detector -> placeholders restored
    restored: Mapping[str, int] = msgspec.field(default_factory=dict)
    # reason -> placeholders left
    refused: Mapping[Refusal, int] = msgspec.field(default_factory=dict)
    # placeholder -> where it was restored (a tool's name, or "text") -> how often
    places: Mapping[str, Mapping[str, int]] = msgspec.field(default_factory=dict)
    unresolved: int = 0  # placeholder-like strings in tool inputs that stand for nothing


class Content(Protocol):
    """Counts the content of a response while it streams."""

    @property
    def characters(self) -> int:
        """How many characters have passed so far."""


class Progress(msgspec.Struct):
    """A running exchange, as the gauges see it. The only mutable record; the pipeline owns it."""

    route: str
    streaming: bool = False
    upstream_since: float | None = None  # monotonic; since when upstream's next bytes are awaited
    client_since: float | None = None  # monotonic; since when the client is to take the last ones
    model: str | None = None  # the requested one, known before the answer
    content: Content | None = None  # of the response, if it is billed

    @property
    def characters(self) -> int:
        """How many characters of content have streamed so far."""
        return 0 if self.content is None else self.content.characters


class Observer(Protocol):
    """Observes every exchange: once when it starts, once when it has ended."""

    def started(self, progress: Progress) -> None:
        """Count a running exchange."""

    def finished(self, progress: Progress, exchange: Exchange) -> None:
        """Record an ended one. Must not raise."""
