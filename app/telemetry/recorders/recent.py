"""The last exchanges, one row each, for the dashboard."""

from collections import deque
from collections.abc import Iterable
from typing import Any

from ...anthropic.token_types import OUTPUTS, PROMPT
from ...cache.report import CacheReport
from ..entry import Entry

KEPT = 50

Row = dict[str, Any]


class Recent:
    """The last `KEPT` exchanges that ended.

    State: those that ended since the rows were last asked for, ``_new``; and ``_rows``, never
    changed once made.
    """

    def __init__(self) -> None:
        self._new: deque[Entry] = deque(maxlen=KEPT)
        self._rows: deque[Row] = deque(maxlen=KEPT)

    def record(self, entry: Entry) -> None:
        """Keep an exchange and drop the oldest."""
        self._new.append(entry)

    def as_json(self) -> list[Row]:
        """Return the rows as JSON objects, the latest start first."""
        return sorted(self._made(), key=lambda row: row["time"], reverse=True)

    def reasons(self, since: float) -> list[str]:
        """Return why exchanges that began after ``since`` failed, plain statuses excluded."""
        return reasons(self._made(), since)

    def _made(self) -> deque[Row]:
        """Return the rows, the latest end first."""
        while self._new:
            self._rows.appendleft(row(self._new.popleft()))
        return self._rows


def reasons(rows: Iterable[Row], since: float) -> list[str]:
    """Return why exchanges that began after ``since`` failed, plain statuses excluded."""
    found = (row["reason"] for row in rows if row["time"] >= since)
    return [reason for reason in found if reason and not reason.isdigit()]


def row(entry: Entry) -> Row:
    """Return the row of an exchange (``metrics.schema.json``): no content, no path."""
    exchange, failure = entry.exchange, entry.exchange.failure
    known = exchange.usage is not None
    return {
        "time": exchange.started_at,
        "route": exchange.route,
        "model": entry.model,
        "status": exchange.status,
        "outcome": exchange.outcome.value,
        "error_class": None if failure is None else failure.error_class,
        "reason": None if failure is None else failure.reason,
        "duration": exchange.duration,
        "time_to_first_token": exchange.first_token,
        "input_tokens": sum(map(entry.tokens, PROMPT)) if known else None,
        "output_tokens": sum(map(entry.tokens, OUTPUTS)) if known else None,
        "estimated": entry.estimated,
        "cost": entry.total_cost,
        "cache": _cache(exchange.cache),
        "request_id": entry.ids.get("request_id"),
        "session_id": entry.ids.get("session_id"),
    }


def _cache(report: CacheReport | None) -> Row | None:
    """Return what the page says about a verdict."""
    if report is None:
        return None
    verdict = report.verdict
    return {
        "verdict": verdict.reason,
        "kind": verdict.kind,
        "block": verdict.index,
        "distance": verdict.blocks,
    }
