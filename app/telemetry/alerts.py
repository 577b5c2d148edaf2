"""Which figures are out of bounds right now; Prometheus' rules are the thorough ones. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.telemetry.ring import Span

DOERS = {"proxy": "by this proxy", "upstream": "by upstream", "client": "by clients"}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Above these an alert is active. Of fewer than ``floor`` requests no rate is judged."""

    error_rate: float = 0.1
    active: int = 10
    floor: int = 20


@dataclass(frozen=True, slots=True)
class Alert:
    """``since`` is in seconds since the epoch."""

    kind: str
    message: str
    since: float


class Alarms:
    """Watches the thresholds. State: ``_since``, when each active alert began, by kind."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._since: dict[str, float] = {}

    def check(self, recent: Span, active: int) -> tuple[Alert, ...]:
        """Return the active alerts; ``recent`` ends now."""
        found = dict(out_of_bounds(self._thresholds, recent, active))
        self._since = {kind: self._since.get(kind, recent.end.time) for kind in found}
        return tuple(Alert(kind, text, self._since[kind]) for kind, text in found.items())


def out_of_bounds(thresholds: Thresholds, recent: Span, active: int) -> Iterator[tuple[str, str]]:
    """Yield the kind and the wording of every alert there is reason for."""
    rates = recent.error_rates
    if recent.requests >= thresholds.floor and sum(rates.values()) > thresholds.error_rate:
        blame = ", ".join(f"{rate:.0%} {DOERS[who]}" for who, rate in rates.items() if rate)
        yield "error_rate", f"Of the last {recent.requests:.0f} requests failed: {blame}."
    if active > thresholds.active:
        yield "active_requests", f"{active} requests are running (alert above {thresholds.active})."
