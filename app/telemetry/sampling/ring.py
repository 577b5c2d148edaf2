"""The last five minutes as points; rates and recent figures are differences of two points."""

from collections import deque
from collections.abc import Mapping
from itertools import pairwise

import msgspec

from ...anthropic.errors import ERROR_CLASSES
from .samples import Buckets, Samples, difference, quantile

WINDOW = 300.0  # seconds of the recent figures
RATE_WINDOW = 15.0  # seconds that the current rates look back
HISTORY = 60  # samples in the chart

LATENCIES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "time_to_first_token": ("time_to_first_token_seconds", {}),
    "overhead_request": ("overhead_seconds", {"phase": "request"}),
    "overhead_response": ("overhead_seconds", {"phase": "response"}),
}
# The samples that a `Point` is read from.
TOTALS = (
    "requests_total",
    "requests_started_total",
    "failed_requests_total",
    "output_tokens_live_total",
    "cost_usd_total",
    "scrub_skipped_total",
    "budget_limit_usd",
    "budget_spent_usd",
    "budget_unpriced_responses",
    "budget_exceeded",
    *(f"{name}_bucket" for name, _ in LATENCIES.values()),
)


class BudgetState(msgspec.Struct, frozen=True):
    """A budget and what is spent of it, in US dollars.

    ``over`` has how many days or sessions have reached each threshold, in percent.
    """

    limit: float
    spent: float
    unpriced: int
    over: Mapping[int, int]


def budgets(samples: Samples) -> dict[str, BudgetState]:
    """Return where each budget stands."""
    spent = samples.by("budget_spent_usd", "budget")
    unpriced = samples.by("budget_unpriced_responses", "budget")
    return {
        name: BudgetState(
            limit,
            spent.get(name, 0.0),
            int(unpriced.get(name, 0)),
            {
                int(threshold): int(number)
                for threshold, number in samples.by(
                    "budget_exceeded", "threshold", budget=name
                ).items()
            },
        )
        for name, limit in samples.by("budget_limit_usd", "budget").items()
    }


class Point(msgspec.Struct, frozen=True):
    """Totals at one instant; ``at`` is monotonic, ``time`` since the epoch, in seconds."""

    at: float
    time: float
    requests: float
    output_tokens: float
    cost: float
    errors: Mapping[str, float]  # by error class
    latencies: Mapping[str, Buckets]
    started: float = 0.0  # requests
    too_large: float = 0.0  # bodies that the scrubber skipped for their size
    too_slow: float = 0.0  # and for the time that a scan took
    budgets: Mapping[str, BudgetState] = msgspec.field(default_factory=dict)  # by name

    @classmethod
    def of(cls, samples: Samples, at: float, time: float) -> "Point":
        """Read the totals of a collection."""
        return cls(
            at=at,
            time=time,
            requests=samples.total("requests_total"),
            output_tokens=samples.total("output_tokens_live_total"),
            cost=samples.total("cost_usd_total"),
            errors=dict.fromkeys(ERROR_CLASSES, 0.0) | samples.by("failed_requests_total", "class"),
            latencies={
                key: samples.buckets(name, **labels) for key, (name, labels) in LATENCIES.items()
            },
            started=samples.total("requests_started_total"),
            too_large=samples.total("scrub_skipped_total", reason="too_large"),
            too_slow=samples.total("scrub_skipped_total", reason="too_slow"),
            budgets=budgets(samples),
        )


class Span(msgspec.Struct, frozen=True):
    """What happened between two points."""

    start: Point
    end: Point

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end.at - self.start.at

    @property
    def requests(self) -> float:
        """Requests that ended."""
        return self.end.requests - self.start.requests

    @property
    def requests_per_second(self) -> float:
        """Requests that started, per second."""
        return self._per_second(self.end.started - self.start.started)

    @property
    def output_tokens_per_second(self) -> float:
        """Output tokens as they streamed, per second."""
        return self._per_second(self.end.output_tokens - self.start.output_tokens)

    @property
    def cost_per_hour(self) -> float:
        """US dollars at list price, per hour."""
        return self._per_second(self.end.cost - self.start.cost) * 3600

    @property
    def error_rates(self) -> dict[str, float]:
        """Share of the requests that failed, by error class."""
        return {
            name: ratio(self.end.errors[name] - self.start.errors[name], self.requests)
            for name in ERROR_CLASSES
        }

    @property
    def too_large(self) -> float:
        """Bodies that the scrubber skipped for their size."""
        return self.end.too_large - self.start.too_large

    @property
    def too_slow(self) -> float:
        """Bodies that the scrubber skipped for the time that a scan took."""
        return self.end.too_slow - self.start.too_slow

    def quantile(self, share: float, latency: str) -> float | None:
        """Estimate a quantile of one of `LATENCIES`, in seconds."""
        later, earlier = self.end.latencies[latency], self.start.latencies[latency]
        return quantile(share, difference(later, earlier))

    def _per_second(self, amount: float) -> float:
        return ratio(amount, self.seconds)


class Ring:
    """Points at regular intervals. State: ``_points``, the oldest first, never empty."""

    def __init__(self, first: Point, *, interval: float) -> None:
        self._points = deque([first], maxlen=max(HISTORY, int(WINDOW / interval)) + 1)

    def append(self, point: Point) -> None:
        """Add the newest point and drop the oldest."""
        self._points.append(point)

    def until(self, now: Point, seconds: float) -> Span:
        """Return the span of at most ``seconds`` that ends with ``now``."""
        inside = (point for point in self._points if point.at >= now.at - seconds)
        return Span(next(inside, self._points[-1]), now)

    def history(self) -> list[Span]:
        """Return the spans between the last points, the oldest first."""
        points = list(self._points)[-HISTORY - 1 :]
        return [Span(start, end) for start, end in pairwise(points)]


def ratio(part: float, whole: float) -> float:
    """Return ``part / whole``, 0.0 if ``whole`` is 0."""
    return part / whole if whole > 0 else 0.0
