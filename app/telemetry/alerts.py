"""Which figures are out of bounds right now; Prometheus' rules are the thorough ones. Pure.

An alert begins when its figure exceeds the threshold. It ends when the figure has stayed within
`RELEASE` of the threshold for `HOLD` seconds, so that a figure that swings around the threshold
does not make the banner flap.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from app.telemetry.ring import Span

RELEASE = 0.8  # the fraction of its threshold to which a figure has to fall
HOLD = 15.0  # seconds that it has to stay there

# How a sentence names the error classes.
CLASSES: Mapping[str, str] = {
    "proxy": "this proxy",
    "upstream": "upstream",
    "client": "clients",
    "limit": "rate limits",
    "overload": "overload",
    "network": "the network",
}

Severity = Literal["error", "warning"]
Unscanned = Literal["passed", "blocked", "counted"]

# What happened to the bodies that were not scanned, and the remedy.
_UNSCANNED: dict[Unscanned, str] = {
    "passed": "went to the API unscanned: raise ANTHROPIC_PROXY_SCRUB_MAX_BODY_SIZE, or refuse "
    "such bodies with ANTHROPIC_PROXY_SCRUB_ON_SKIP=block.",
    "blocked": "could not be scanned and got 403: raise ANTHROPIC_PROXY_SCRUB_MAX_BODY_SIZE.",
    "counted": "went to the API unscanned: raise ANTHROPIC_PROXY_SCRUB_MAX_BODY_SIZE.",
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Above these an alert begins. Of fewer than ``floor`` requests no rate is judged.

    ``scrub_limit`` is the size in bytes past which a body is not scanned, ``unscanned`` what
    happens to such a body.
    """

    error_rate: float = 0.1
    active: int = 10
    floor: int = 20
    scrub_limit: int = 10 * 2**20
    unscanned: Unscanned = "passed"


@dataclass(frozen=True, slots=True)
class Situation:
    """What is judged: the last minutes, the running requests, why the latest failures failed."""

    recent: Span
    active: int
    reasons: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """``since`` is in seconds since the epoch."""

    kind: str
    severity: Severity
    message: str
    since: float


@dataclass(frozen=True, slots=True)
class Reading:
    """A figure with its threshold, and what is said when it is out of bounds."""

    kind: str
    severity: Severity
    value: float
    threshold: float
    message: str


class Alarms:
    """Watches the thresholds. State: ``_active`` alerts by kind, and when each was last ``_seen``.

    Seen means that its figure was above the release level, in seconds of the monotonic clock.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._active: dict[str, Alert] = {}
        self._seen: dict[str, float] = {}

    def check(self, situation: Situation) -> tuple[Alert, ...]:
        """Return the active alerts; ``situation.recent`` ends now."""
        now = situation.recent.end
        for reading in readings(self._thresholds, situation):
            before = self._active.get(reading.kind)
            if reading.value > reading.threshold * (1 if before is None else RELEASE):
                since = now.time if before is None else before.since
                self._active[reading.kind] = Alert(
                    reading.kind, reading.severity, reading.message, since
                )
                self._seen[reading.kind] = now.at
            elif before is not None and now.at - self._seen[reading.kind] >= HOLD:
                del self._active[reading.kind]
        return tuple(self._active.values())


def readings(thresholds: Thresholds, situation: Situation) -> Iterator[Reading]:
    """Yield every figure that is watched."""
    recent, active = situation.recent, situation.active
    rates = recent.error_rates
    judged = recent.requests >= thresholds.floor
    yield Reading(
        "error_rate",
        "error",
        sum(rates.values()) if judged else 0.0,
        thresholds.error_rate,
        _failed(recent, situation.reasons),
    )
    yield Reading(
        "active_requests",
        "warning",
        active,
        thresholds.active,
        f"{active:,} requests are running; more than {thresholds.active:,} are unusual.",
    )
    yield Reading("scrub_skipped", "warning", recent.too_large, 0, _unscanned(recent, thresholds))


def _failed(recent: Span, reasons: Sequence[str]) -> str:
    shares = {CLASSES[name]: rate for name, rate in recent.error_rates.items() if rate > 0}
    whose = (
        f"all {next(iter(shares))}"
        if len(shares) == 1
        else ", ".join(f"{share:.0%} {who}" for who, share in shares.items())
    )
    common = Counter(reasons).most_common(1)
    why = f"; most often: {common[0][0].replace('_', ' ')}" if common else ""
    failed = f"{sum(shares.values()):.0%} of the last {recent.requests:,.0f} requests failed"
    return f"{failed} ({whose}{why})."


def _unscanned(recent: Span, thresholds: Thresholds) -> str:
    count = int(recent.too_large)
    bodies = "1 request body" if count == 1 else f"{count:,} request bodies"
    larger = f"{bodies} larger than {thresholds.scrub_limit / 2**20:.4g} MiB"
    return f"{larger} {_UNSCANNED[thresholds.unscanned]}"
