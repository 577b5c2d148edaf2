"""Alerts of the dashboard's banner. Prometheus has the complete rules. Pure.

An alert begins when its figure exceeds the threshold. The alert on running requests begins only
after `LASTING` seconds above it. An alert ends when the figure has stayed below `RELEASE` times the
threshold for `HOLD` seconds, so that the banner does not flap.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from ...budgets import words
from ...ledger.figures import money
from .ring import BudgetState, Point, Span

RELEASE = 0.8  # the fraction of its threshold below which a figure must fall
HOLD = 15.0  # seconds for which it must stay there
HALF = 0.5  # of a budget: the lowest share that is told
MAX_TOLD = 3  # budgets in one message, those used most
JUST_BELOW_HALF = HALF * (1 - 1e-9)  # since an alert begins above its threshold
LASTING = 2.0  # seconds: a short burst of requests is normal

# The error classes in a message.
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
    "passed": "went to the API unscanned: raise {}, or set ANTHROPIC_PROXY_SCRUB_ON_SKIP=block.",
    "blocked": "could not be scanned and got 403: raise {}.",
    "counted": "went to the API unscanned: raise {}.",
}


class Thresholds(msgspec.Struct, frozen=True):
    """Thresholds of the alerts. Error rates need at least ``floor`` requests.

    ``scrub_limit`` is the size in bytes past which a body is not scanned; ``unscanned`` says what
    happens to such a body. ``budgets_enforced``: whether requests over a budget are refused.
    """

    error_rate: float = 0.1
    active: int = 10
    floor: int = 20
    scrub_limit: int = 10 * 2**20
    unscanned: Unscanned = "passed"
    budgets_enforced: bool = False


class Situation(msgspec.Struct, frozen=True):
    """Input of the alerts: the last minutes, running requests, reasons of the latest failures."""

    recent: Span
    active: int
    reasons: Sequence[str] = ()


class Alert(msgspec.Struct, frozen=True):
    """``since`` is in seconds since the epoch."""

    kind: str
    severity: Severity
    message: str
    since: float


class Reading(msgspec.Struct, frozen=True):
    """A figure with its threshold, and the message if it exceeds that."""

    kind: str
    severity: Severity
    value: float
    threshold: float
    message: str
    after: float = 0.0  # seconds for which it must exceed the threshold


class Alarms:
    """Watches the thresholds.

    State, by kind: the ``_active`` alerts; since when a figure is ``_above`` its threshold, and
    when it was last ``_seen`` above its release level, in seconds of the monotonic clock.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._active: dict[str, Alert] = {}
        self._above: dict[str, float] = {}
        self._seen: dict[str, float] = {}

    def check(self, situation: Situation) -> tuple[Alert, ...]:
        """Return the active alerts, most severe first; ``situation.recent`` ends now."""
        read = tuple(readings(self._thresholds, situation))
        for reading in read:
            self._judge(reading, situation.recent.end)
        return tuple(self._active[one.kind] for one in read if one.kind in self._active)

    def _judge(self, reading: Reading, now: Point) -> None:
        kind, before = reading.kind, self._active.get(reading.kind)
        if reading.value > reading.threshold * RELEASE:
            self._seen[kind] = now.at
            if reading.value > reading.threshold:
                self._above.setdefault(kind, now.at)
            lasting = now.at - self._above.get(kind, now.at) >= reading.after
            if before is not None or (reading.value > reading.threshold and lasting):
                since = now.time if before is None else before.since
                self._active[kind] = Alert(kind, reading.severity, reading.message, since)
        elif before is None or now.at - self._seen[kind] >= HOLD:
            self._above.pop(kind, None)
            self._active.pop(kind, None)


def readings(thresholds: Thresholds, situation: Situation) -> Iterator[Reading]:
    """Yield every watched figure."""
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
        f"{active:,} requests are running; the alert threshold is {thresholds.active:,}.",
        after=LASTING,
    )
    skipped = recent.too_large + recent.too_slow
    yield Reading("scrub_skipped", "warning", skipped, 0, _unscanned(recent, thresholds))
    yield _budgets(recent.end.budgets, enforced=thresholds.budgets_enforced)


def _budgets(budgets: Mapping[str, BudgetState], *, enforced: bool) -> Reading:
    """Return how much of the budgets is used, where it is half or more."""
    shares = {name: state.spent / state.limit for name, state in budgets.items() if state.limit}
    used = max(shares.values(), default=0.0)
    ranked = sorted((name for name in shares if shares[name] >= HALF), key=lambda n: -shares[n])
    said = [_budget(name, budgets[name], enforced=enforced) for name in ranked[:MAX_TOLD]]
    more = len(ranked) - len(said)
    message = " ".join([*said, *([f"{more} more are at least half used."] if more > 0 else [])])
    return Reading("budget", "error" if used >= 1 else "warning", used, JUST_BELOW_HALF, message)


def _budget(name: str, state: BudgetState, *, enforced: bool) -> str:
    said = f"{words.used(name, state.spent, state.limit)}."
    over = state.over.get(100, 0)
    if name == "session" and over > 1:
        said = f"{over:,} sessions have used up their budget of {money(state.limit)}."
    if over and enforced:
        said += " New requests are refused."
    return said if not state.unpriced else f"{said} {words.unpriced(state.unpriced)}"


def _failed(recent: Span, reasons: Sequence[str]) -> str:
    shares = {CLASSES[name]: rate for name, rate in recent.error_rates.items() if rate > 0}
    whose = (
        f"all {next(iter(shares))}"
        if len(shares) == 1
        else ", ".join(f"{share:.0%} {who}" for who, share in shares.items())
    )
    common = Counter(reasons).most_common(1)
    why = f"; most often: {_words(common[0][0])}" if common else ""
    failed = f"{sum(shares.values()):.0%} of the last {recent.requests:,.0f} requests failed"
    return f"{failed} ({whose}{why})."


def _words(reason: str) -> str:
    return "cut by upstream" if reason == "cut" else reason.replace("_", " ")


def _unscanned(recent: Span, thresholds: Thresholds) -> str:
    size = f"over {thresholds.scrub_limit / 2**20:.4g} MiB"
    causes = (
        (int(recent.too_large), size, "ANTHROPIC_PROXY_SCRUB_MAX_BODY_SIZE"),
        (int(recent.too_slow), "slow to scan", "ANTHROPIC_PROXY_SCRUB_TIME_LIMIT"),
    )
    what = _UNSCANNED[thresholds.unscanned]
    return " ".join(
        f"{_bodies(count)} {cause} {what.format(setting)}"
        for count, cause, setting in causes
        if count
    )


def _bodies(count: int) -> str:
    return "1 request body" if count == 1 else f"{count:,} request bodies"
