"""When alerts begin and end, and what they say."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.telemetry.sampling.alerts import HOLD, LASTING, Alarms, Alert, Situation, Thresholds
from app.telemetry.sampling.ring import BudgetState, Span
from tests.telemetry.points import point

INTERVAL = 1.5


def check(
    alarms: Alarms,
    *,
    at: float = 300,
    requests: float = 0,
    active: int = 0,
    reasons: Sequence[str] = (),
    **totals: Any,
) -> tuple[Alert, ...]:
    """Return the alerts after five minutes in which this much happened."""
    recent = Span(point(at - 300), point(at, requests, **totals))
    return alarms.check(Situation(recent, active, reasons))


@pytest.mark.parametrize(
    ("requests", "errors", "active", "kinds"),
    [
        (40, {"upstream": 4, "proxy": 1}, 0, ["error_rate"]),
        (40, {"upstream": 4}, 0, []),
        (19, {"upstream": 19}, 0, []),
        (40, {}, 11, ["active_requests"]),
        (40, {"proxy": 40}, 11, ["error_rate", "active_requests"]),
        (0, {}, 10, []),
    ],
)
def test_alerts_tell_what_is_above_its_threshold(
    requests: int, errors: dict[str, int], active: int, kinds: list[str]
) -> None:
    alarms = Alarms(Thresholds())
    check(alarms, at=300 - LASTING, active=active)
    alerts = check(alarms, requests=requests, errors=errors, active=active)

    assert [alert.kind for alert in alerts] == kinds


@pytest.mark.parametrize(
    ("requests", "errors", "reasons", "message"),
    [
        (2_534, {"upstream": 380}, [], "15% of the last 2,534 requests failed (all upstream)."),
        (
            40,
            {"upstream": 8, "proxy": 2},
            [],
            "25% of the last 40 requests failed (20% upstream, 5% this proxy).",
        ),
        (
            20,
            {"upstream": 20},
            ["connect_failed", "connect_failed", "connection_lost"],
            "100% of the last 20 requests failed (all upstream; most often: connect failed).",
        ),
    ],
)
def test_an_error_alert_is_a_sentence_with_sources_and_reason(
    requests: int, errors: dict[str, int], reasons: list[str], message: str
) -> None:
    (alert,) = check(Alarms(Thresholds()), requests=requests, errors=errors, reasons=reasons)

    assert (alert.severity, alert.message) == ("error", message)


@pytest.mark.parametrize(
    ("thresholds", "count", "message"),
    [
        (
            Thresholds(),
            1,
            (
                "1 request body over 10 MiB went to the API unscanned: raise "
                "ANTHROPIC_PROXY_SCRUB_MAX_BODY_SIZE, or set ANTHROPIC_PROXY_SCRUB_ON_SKIP=block."
            ),
        ),
        (
            Thresholds(scrub_limit=1_500_000, unscanned="blocked"),
            3,
            (
                "3 request bodies over 1.431 MiB could not be scanned and got 403: raise "
                "ANTHROPIC_PROXY_SCRUB_MAX_BODY_SIZE."
            ),
        ),
        (
            Thresholds(unscanned="counted"),
            2,
            (
                "2 request bodies over 10 MiB went to the API unscanned: raise "
                "ANTHROPIC_PROXY_SCRUB_MAX_BODY_SIZE."
            ),
        ),
    ],
)
def test_bodies_too_large_to_scan_are_told_with_the_remedy(
    thresholds: Thresholds, count: int, message: str
) -> None:
    (alert,) = check(Alarms(thresholds), too_large=float(count))

    assert (alert.kind, alert.severity, alert.message) == ("scrub_skipped", "warning", message)


def test_bodies_that_took_too_long_to_scan_are_told_with_their_own_remedy() -> None:
    (alert,) = check(Alarms(Thresholds(unscanned="blocked")), too_large=2.0, too_slow=1.0)

    assert alert.message == (
        "2 request bodies over 10 MiB could not be scanned and got 403: raise "
        "ANTHROPIC_PROXY_SCRUB_MAX_BODY_SIZE. 1 request body slow to scan could not be scanned and "
        "got 403: raise ANTHROPIC_PROXY_SCRUB_TIME_LIMIT."
    )


def test_an_alert_keeps_the_time_it_began_until_it_is_over() -> None:
    alarms = Alarms(Thresholds())
    errors = {"upstream": 8}

    begun = check(alarms, at=310, requests=40, errors=errors)
    later = check(alarms, at=320, requests=40, errors=errors)
    over = check(alarms, at=320 + HOLD)
    again = check(alarms, at=350, requests=40, errors=errors)

    assert [alert.since for alert in (*begun, *later, *again)] == [1e9 + 310, 1e9 + 310, 1e9 + 350]
    assert over == ()


def test_many_requests_at_one_moment_are_no_alert() -> None:
    alarms = Alarms(Thresholds())

    assert check(alarms, at=300, active=500) == ()
    assert check(alarms, at=301.5, active=3) == ()
    assert check(alarms, at=303, active=500) == ()
    assert [alert.kind for alert in check(alarms, at=303 + LASTING, active=20)] == [
        "active_requests"
    ]


def test_an_alert_says_what_was_out_of_bounds_until_it_is_over() -> None:
    alarms = Alarms(Thresholds())
    begun = check(alarms, at=300, requests=40, errors={"upstream": 8})

    assert check(alarms, at=310, requests=0) == begun


@given(st.lists(st.integers(0, 20), max_size=80))
def test_no_alert_ends_before_its_figure_was_low_for_long_enough(running: list[int]) -> None:
    thresholds = Thresholds(active=10)
    alarms = Alarms(thresholds)
    changes = []
    shown = False
    for tick, active in enumerate(running):
        alert = bool(check(alarms, at=tick * INTERVAL, active=active))
        if alert != shown:
            changes.append(tick * INTERVAL)
            shown = alert
    ends = zip(changes[::2], changes[1::2], strict=False)
    assert all(end - begin >= HOLD for begin, end in ends)


def test_a_figure_that_swings_around_its_threshold_is_one_alert() -> None:
    alarms = Alarms(Thresholds(active=10))
    swinging = [11, 9] * 20

    since = {
        alert.since
        for tick, active in enumerate(swinging)
        for alert in check(alarms, at=tick * INTERVAL, active=active)
    }

    assert len(since) == 1


def _budget(spent: float, limit: float = 10, **more: Any) -> BudgetState:
    share = spent / limit
    reached = {threshold: int(share * 100 >= threshold) for threshold in (50, 80, 100)}
    return BudgetState(limit, spent, more.get("unpriced", 0), more.get("over", reached))


@pytest.mark.parametrize(
    ("budgets", "severity", "message"),
    [
        (
            {"day": _budget(5)},
            "warning",
            "50% of the budget for today is used: $5.00 of $10.00.",
        ),
        (
            {"label.repo=acme": _budget(10), "day": _budget(4.99)},
            "error",
            (
                "100% of the budget for repo=acme today is used: $10.00 of $10.00. "
                "New requests are refused."
            ),
        ),
        (
            {"session": _budget(12, over={100: 3})},
            "error",
            "3 sessions have used up their budget of $10.00. New requests are refused.",
        ),
        (
            {"day": _budget(8, unpriced=2)},
            "warning",
            (
                "80% of the budget for today is used: $8.00 of $10.00. 2 responses have no known "
                "price and are not included."
            ),
        ),
    ],
)
def test_a_budget_that_is_half_used_is_told(
    budgets: dict[str, BudgetState], severity: str, message: str
) -> None:
    (alert,) = check(Alarms(Thresholds(budgets_enforced=True)), budgets=budgets)
    assert (alert.kind, alert.severity, alert.message) == ("budget", severity, message)


def test_budgets_below_half_are_not_told_and_many_are_cut_short() -> None:
    assert check(Alarms(Thresholds()), budgets={"day": _budget(4.99)}) == ()
    many = {f"label.a={n}": _budget(9 - n / 10) for n in range(6)}
    (alert,) = check(Alarms(Thresholds()), budgets=many)
    assert alert.message.startswith("90% of the budget for a=0 today is used")
    assert alert.message.endswith("3 more are at least half used.")


def test_the_banner_of_a_budget_ends_with_its_period() -> None:
    alarms = Alarms(Thresholds())
    assert check(alarms, at=300, budgets={"day": _budget(9)})
    check(alarms, at=302, budgets={"day": _budget(0)})
    assert not check(alarms, at=302 + HOLD, budgets={"day": _budget(0)})
