"""One log line for an exchange, of fields that are named here and nothing else."""

from collections.abc import Mapping
from typing import Any

import structlog

from app.exchange import Exchange
from app.telemetry.entry import Entry
from app.telemetry.tokens import TOKEN_TYPES

# Never a path, header or body: clients put anything there.
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
)
DIGITS = 6  # microseconds, and millionths of a dollar

log = structlog.get_logger("anthropic_proxy.requests")


class Journal:
    """Writes about failed exchanges always, slow ones at WARNING, all of them when asked to.

    ``slow`` is in seconds, None for never.
    """

    def __init__(self, *, every: bool = False, slow: float | None = 5.0) -> None:
        self._every = every
        self._slow = slow

    def record(self, entry: Entry) -> None:
        """Write the line of an exchange, if it gets one."""
        exchange = entry.exchange
        if exchange.failure is not None:
            level = log.error if exchange.failure.source == "proxy" else log.warning
            level("request failed", **line(entry))
        elif self._slow is not None and exchange.duration > self._slow:
            log.warning("request slow", **line(entry))
        elif self._every:
            log.info("request", **line(entry))


def line(entry: Entry) -> dict[str, Any]:
    """Return the fields of an exchange's line; what never happened is left out."""
    exchange = entry.exchange
    fields: dict[str, Any] = {**entry.ids, "model": entry.model, "outcome": exchange.outcome.value}
    fields |= {name: _rounded(getattr(exchange, name)) for name in FIELDS}
    fields |= _usage(exchange)
    fields["cost_usd"] = _rounded(entry.total_cost)
    if exchange.failure is not None:
        fields["error_class"] = exchange.failure.error_class
        fields["error_source"] = exchange.failure.source
        fields["error_type"] = exchange.failure.type
        fields["error_reason"] = exchange.failure.reason
    return {name: value for name, value in fields.items() if value is not None}


def _usage(exchange: Exchange) -> Mapping[str, int]:
    if exchange.usage is None:
        return {}
    return {f"tokens_{kind}": getattr(exchange.usage, kind) for kind in (*TOKEN_TYPES, "thinking")}


def _rounded(value: Any) -> Any:
    return round(value, DIGITS) if isinstance(value, float) else value
