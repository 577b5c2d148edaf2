"""What the ledger holds of one exchange: numbers, names from small sets, and ids.

`Row` has the columns of the table ``exchanges`` in their order, except for ``id``. Times are
milliseconds since the epoch, durations microseconds, costs billionths of a US dollar, fractions of
a usage window millionths. None means that it never happened or was not said.
"""

from typing import NamedTuple

QUARTER = 900_000  # milliseconds: every time zone is a whole number of them from UTC
NANO, MICRO, MILLI = 1_000_000_000, 1_000_000, 1_000
ENDED = f"started + duration / {MICRO // MILLI}"  # SQL for when an exchange ended
MAX_TOKENS = 10**12  # of a row; sums over millions of rows stay within 64 bits
MAX_COST = 10_000 * NANO  # the same


class Row(NamedTuple):
    """One exchange. Text is stored once, and as its number here (`NAMES`)."""

    started: int
    duration: int
    failed: int  # 1 for an exchange with an error, whoever's it is
    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    estimated: int
    thinking: int  # a part of the output
    cost: int  # at list price
    unpriced: int  # billed attempts without a known price
    detailed: int  # 1 when its attempts have rows of their own
    model: str
    session: str | None
    agent: str | None
    parent_agent: str | None
    agent_type: str | None
    prompt: str | None
    request_class: str | None
    labels: str | None  # ``name=value`` pairs, sorted, comma-separated
    route: str
    outcome: str
    status: int | None
    streamed: int
    stop_reason: str | None
    usage_missing: str | None
    cache_miss_reason: str | None
    error_source: str | None
    error_type: str | None
    error_reason: str | None
    compaction: str | None
    slot_wait: int | None
    overhead_request: int | None
    overhead_response: int | None
    upstream_headers: int | None
    first_byte: int | None
    first_token: int | None
    longest_event_gap: int | None
    longest_byte_gap: int | None
    longest_client_stall: int | None
    tool_time: int | None  # of the tools that the client ran since its last request
    attempts: int  # sent upstream
    retries: int  # by the proxy
    client_retry: int
    bytes_in: int
    bytes_out: int
    modified: int
    secrets_found: int
    secrets_restored: int
    scrub_skipped: str | None
    window_5h_before: int | None
    window_5h_after: int | None
    window_7d_before: int | None
    window_7d_after: int | None
    request_id: str | None
    client_request_id: str | None
    cache_verdict: str | None  # `app.cache.verdict`
    cache_kind: str | None  # of the first block that differs, or the parameter
    cache_block: int | None  # its place
    cache_missed: int | None  # tokens
    cache_miss_cost: int | None
    cache_saved: int | None  # below 0 where the cache was only written
    context: str | None  # JSON: tokens of the prompt by part of the body


WINDOWS = ("5h", "7d")  # the usage windows that have columns
# The durations of an exchange, by its names for them and in the order of their columns.
DURATIONS = (
    "slot_wait",
    "overhead_request",
    "overhead_response",
    "upstream_headers",
    "first_byte",
    "first_token",
    "longest_event_gap",
    "longest_byte_gap",
    "longest_client_stall",
)


class Billed(NamedTuple):
    """One billed attempt of an exchange that has several, or whose model is another one."""

    model: str
    kind: str
    input: int
    output: int
    cache_read: int
    cache_write_5m: int
    cache_write_1h: int
    estimated: int
    thinking: int
    cost: int
    unpriced: int


class Record(NamedTuple):
    """The rows of an exchange: its own, and ``billed`` if that is ``detailed``."""

    row: Row
    billed: tuple[Billed, ...] = ()


# Columns whose text stands in the table ``names``.
NAMES = (
    "model",
    "session",
    "agent",
    "parent_agent",
    "agent_type",
    "prompt",
    "request_class",
    "labels",
    "route",
    "outcome",
    "stop_reason",
    "usage_missing",
    "cache_miss_reason",
    "error_source",
    "error_type",
    "error_reason",
    "compaction",
    "scrub_skipped",
    "cache_verdict",
    "cache_kind",
)
BILLED_NAMES = ("model", "kind")
