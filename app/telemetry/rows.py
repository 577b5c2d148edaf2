"""The last exchanges, a row each, for people to look at."""

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

from app.telemetry.entry import Entry

KEPT = 50


@dataclass(frozen=True, slots=True)
class Row:
    """No content, no path: times in seconds, ``cost`` in US dollars at list price."""

    time: float  # since the epoch, when it began
    route: str
    model: str
    status: int | None
    outcome: str
    duration: float
    time_to_first_token: float | None
    input_tokens: int | None  # cached ones included
    output_tokens: int | None
    cost: float | None
    request_id: str | None

    @classmethod
    def of(cls, entry: Entry) -> "Row":
        """Return the row of an exchange."""
        exchange, usage = entry.exchange, entry.exchange.usage
        return cls(
            time=exchange.started_at,
            route=exchange.route,
            model=entry.model,
            status=exchange.status,
            outcome=exchange.outcome.value,
            duration=exchange.duration,
            time_to_first_token=exchange.first_token,
            input_tokens=None if usage is None else usage.prompt,
            output_tokens=None if usage is None else usage.output,
            cost=entry.total_cost,
            request_id=entry.ids.get("request_id"),
        )


class Recent:
    """The last `KEPT` exchanges, the newest first."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque(maxlen=KEPT)

    def record(self, entry: Entry) -> None:
        """Keep an exchange, and let the oldest go."""
        self._rows.appendleft(Row.of(entry))

    def as_json(self) -> list[dict[str, Any]]:
        """Return the rows as JSON objects."""
        return [asdict(row) for row in self._rows]
