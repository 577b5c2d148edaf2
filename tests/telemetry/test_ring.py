"""Rates and quantiles from points."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from app.anthropic.errors import ERROR_CLASSES
from app.telemetry.sampling.ring import HISTORY, WINDOW, BudgetState, Point, Ring, Span, budgets
from app.telemetry.sampling.samples import Samples, quantile
from tests.telemetry.points import point

INTERVAL = 1.5


def test_rates_are_differences_over_the_elapsed_time() -> None:
    span = Span(
        point(100, started=10, output_tokens=500, cost=1.0),
        point(110, started=30, output_tokens=900, cost=1.5),
    )

    assert span.requests_per_second == 2
    assert span.output_tokens_per_second == 40
    assert span.cost_per_hour == pytest.approx(180)


def test_no_time_and_no_requests_make_rates_of_zero() -> None:
    span = Span(point(100), point(100))

    assert span.requests_per_second == 0
    assert span.error_rates == dict.fromkeys(ERROR_CLASSES, 0)


def test_rates_of_less_than_a_second_are_rates_too() -> None:
    span = Span(point(100, started=10), point(100.5, started=11))

    assert span.requests_per_second == 2


def test_an_error_rate_counts_the_failures_and_requests_of_the_span_only() -> None:
    span = Span(
        point(100, requests=50, errors={"overload": 30}),
        point(110, requests=60, errors={"overload": 35}),
    )

    assert span.error_rates == dict.fromkeys(ERROR_CLASSES, 0) | {"overload": 0.5}


def test_the_ring_forgets_what_is_older_than_the_window() -> None:
    ring = Ring(point(0), interval=INTERVAL)
    for tick in range(1, 1_000):
        ring.append(point(tick * INTERVAL, tick))
    now = point(999 * INTERVAL, 999)

    assert ring.until(now, WINDOW).seconds == WINDOW
    assert ring.until(now, WINDOW).requests == 200
    assert ring.until(now, 2 * WINDOW).seconds == WINDOW
    assert [span.requests for span in ring.history()] == [1] * HISTORY


def test_a_young_ring_looks_back_to_the_start() -> None:
    ring = Ring(point(0), interval=INTERVAL)

    span = ring.until(point(3, 6), WINDOW)

    assert (span.seconds, span.requests) == (3, 6)


def test_after_a_long_pause_the_last_point_is_the_start() -> None:
    ring = Ring(point(0, 1), interval=INTERVAL)

    span = ring.until(point(10_000, 5), WINDOW)

    assert (span.seconds, span.requests) == (10_000, 4)


@pytest.mark.parametrize(
    ("share", "buckets", "expected"),
    [
        (0.5, {1.0: 0.0, 2.0: 10.0, math.inf: 10.0}, 1.5),
        (0.5, {1.0: 10.0, 2.0: 10.0, math.inf: 10.0}, 0.5),
        (0.95, {1.0: 0.0, 2.0: 0.0, math.inf: 3.0}, 2.0),
        (0.5, {1.0: 0.0, math.inf: 0.0}, None),
        (0.5, {}, None),
    ],
)
def test_quantiles_are_interpolated_within_a_bucket(
    share: float, buckets: dict[float, float], expected: float | None
) -> None:
    assert quantile(share, buckets) == expected


@given(
    st.lists(st.floats(0, 100), min_size=1, max_size=50),
    st.floats(0.01, 1),
)
def test_a_quantile_lies_within_the_bucket_of_the_true_one(
    observed: list[float], share: float
) -> None:
    bounds = [1.0, 5.0, 25.0, 100.0, math.inf]
    buckets = {bound: float(sum(value <= bound for value in observed)) for bound in bounds}

    estimate = quantile(share, buckets)

    true = sorted(observed)[math.ceil(share * len(observed) - 1e-9) - 1]
    upper = next(bound for bound in bounds if true <= bound)
    lower = max((bound for bound in bounds if bound < upper), default=0.0)
    assert estimate is not None
    assert lower - 1e-6 <= estimate <= upper + 1e-6


def samples(**found: dict[tuple[str, ...], float]) -> Samples:
    """Return samples of gauges and counters, each with labels as ``name=value``."""
    families = []
    for name, series in found.items():
        labels = [pair.partition("=")[0] for pair in next(iter(series))]
        kind = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
        family = kind(f"anthropic_proxy_{name}", "", labels=labels)
        for pairs, value in series.items():
            family.add_metric([pair.partition("=")[2] for pair in pairs], value)
        families.append(family)
    return Samples(families)


def test_where_each_budget_stands_is_read_from_its_gauges() -> None:
    found = samples(
        budget_limit_usd={("budget=day",): 30.0, ("budget=session",): 5.0},
        budget_spent_usd={("budget=day",): 24.5},
        budget_unpriced_responses={("budget=day",): 2.0},
        budget_exceeded={
            ("budget=day", "threshold=50"): 1.0,
            ("budget=day", "threshold=80"): 0.0,
            ("budget=session", "threshold=50"): 3.0,
        },
    )
    assert budgets(found) == {
        "day": BudgetState(30.0, 24.5, 2, {50: 1, 80: 0}),
        "session": BudgetState(5.0, 0.0, 0, {50: 3}),
    }


def test_a_point_has_the_totals_of_a_collection() -> None:
    read = Point.of(
        samples(
            requests_total={("model=a",): 2.0, ("model=b",): 3.0},
            requests_started_total={(): 6.0},
            output_tokens_live_total={(): 70.0},
            cost_usd_total={("model=a",): 0.5},
            failed_requests_total={("class=overload",): 1.0},
            scrub_skipped_total={("reason=too_large",): 4.0, ("reason=too_slow",): 5.0},
        ),
        at=100.0,
        time=1_790_000_000.0,
    )
    totals = (read.requests, read.started, read.output_tokens, read.cost)
    assert totals == (5.0, 6.0, 70.0, 0.5)
    assert (read.at, read.time) == (100.0, 1_790_000_000.0)
    assert (read.too_large, read.too_slow, read.budgets) == (4.0, 5.0, {})
    assert read.errors == dict.fromkeys(ERROR_CLASSES, 0.0) | {"overload": 1.0}
