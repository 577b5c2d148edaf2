"""One log line for an exchange, with the fields named here and no others."""

from collections.abc import Mapping
from typing import Any

import structlog
from msgspec.structs import asdict

from ...anthropic.token_types import COUNTED, ESTIMATED
from ..entry import Charge, Entry

# Never a path, header or body: clients control those.
FIELDS = (
    "route",
    "status",
    "streamed",
    "duration",
    "upstream_headers",
    "first_byte",
    "first_token",
    "overhead_request",
    "overhead_response",
    "slot_wait",
    "attempts",
    "client_retry",
    "bytes_in",
    "bytes_out",
    "modified",
    "unresolved",
    "stop_reason",
    "usage_missing",
    "cache_miss_reason",
    "longest_byte_gap",
    "longest_client_stall",
)
# Claude Code's hints about a request, from header fields: parsed and bounded.
HINTS = (
    "client_request_id",
    "trace_id",
    "request_class",
    "agent_type",
    "parent_agent_id",
    "prompt_id",
    "compaction",
    "context_compacted",
)
DIGITS = 6  # microseconds, and millionths of a dollar

log = structlog.get_logger("anthropic_proxy.requests")


class AccessLog:
    """Logs failed exchanges always, slow ones at WARNING, and all of them if ``every`` is set.

    ``slow`` is in seconds, None for never.
    """

    def __init__(self, *, every: bool = False, slow: float | None = 5.0) -> None:
        self._every = every
        self._slow = slow

    def record(self, entry: Entry) -> None:
        """Log an exchange, if it qualifies."""
        exchange = entry.exchange
        if exchange.failure is not None:
            level = log.error if exchange.failure.source == "proxy" else log.warning
            level("request failed", **line(entry))
        elif exchange.refused:
            log.warning("placeholders not restored", **line(entry))
        elif self._slow is not None and exchange.duration > self._slow:
            log.warning("request slow", **line(entry))
        elif self._every:
            log.info("request", **line(entry))


def line(entry: Entry) -> dict[str, Any]:
    """Return the fields of an exchange's line, without those that have no value."""
    exchange = entry.exchange
    fields: dict[str, Any] = {**entry.ids, "model": entry.model, "outcome": exchange.outcome.value}
    fields |= {name: _rounded(getattr(exchange, name)) for name in FIELDS}
    fields |= {name: getattr(exchange.hints, name) for name in HINTS}
    fields |= _lists(entry)
    fields |= _usage(entry)
    fields["restore_refused"] = dict(exchange.refused) or None
    fields["cost_usd"] = _rounded(entry.total_cost)
    if exchange.failure is not None:
        fields["error_class"] = exchange.failure.error_class
        fields["error_source"] = exchange.failure.source
        fields["error_type"] = exchange.failure.type
        fields["error_reason"] = exchange.failure.reason
    return {name: value for name, value in fields.items() if value is not None}


def _lists(entry: Entry) -> Mapping[str, Any]:
    """Return the lists of an exchange, without empty ones."""
    exchange = entry.exchange
    lists = {
        "retries": [asdict(retry) for retry in exchange.retries],
        "tool_milliseconds": [
            {"tool": tool, "milliseconds": taken}
            for tool, taken in exchange.hints.prev_tool_durations
        ],
        "charges": [_charge(charge) for charge in entry.charges] if len(entry.charges) > 1 else [],
    }
    return {name: values for name, values in lists.items() if values}


def _charge(charge: Charge) -> Mapping[str, Any]:
    return {"model": charge.model, "cost_usd": _rounded(charge.total), **charge.tokens}


def _usage(entry: Entry) -> Mapping[str, Any]:
    """Return the billed tokens of all attempts."""
    if entry.exchange.usage is None:
        return {}
    tokens = {f"tokens_{kind}": entry.tokens(kind) for kind in COUNTED}
    if not entry.estimated:
        del tokens[f"tokens_{ESTIMATED}"]
    return {**tokens, "tokens_thinking": entry.thinking, "estimated": entry.estimated or None}


def _rounded(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value
