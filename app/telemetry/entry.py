"""An ended exchange with what telemetry worked out about it, once for all recorders."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app.exchange import Exchange

NO_MODEL = "none"  # the model label of requests that have no model

# Ids come from clients: what does not look like one is not kept. An exemplar's names and values
# may have 128 characters together (OpenMetrics 1.0, "Exemplars").
_ID = re.compile(r"[A-Za-z0-9_-]{1,48}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    """``model`` is its name in the price table, ``other`` or `NO_MODEL`.

    ``cost`` maps token types to US dollars, None when no price is known. ``ids`` holds the
    request, session and agent ids that there are.
    """

    exchange: Exchange
    model: str
    cost: Mapping[str, float] | None
    ids: Mapping[str, str]

    @property
    def total_cost(self) -> float | None:
        """US dollars for the whole exchange."""
        return None if self.cost is None else sum(self.cost.values())

    @property
    def exemplar(self) -> dict[str, str] | None:
        """Labels that lead from a bucket to the log."""
        return {name: self.ids[name] for name in _EXEMPLAR if name in self.ids} or None


_EXEMPLAR = ("request_id", "session_id")


def identifiers(exchange: Exchange) -> Mapping[str, str]:
    """Return the ids of an exchange by name, but for missing and odd ones."""
    ids = {
        "request_id": exchange.request_id,
        "session_id": exchange.session_id,
        "agent_id": exchange.agent_id,
    }
    return {name: value for name, value in ids.items() if value and _ID.fullmatch(value)}
