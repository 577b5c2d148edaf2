"""When a window will be full: a range that holds, and nothing where there is not enough data."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.usage.forecast import FULL, Forecast, Point, forecast

HOUR = 3_600.0
LENGTH = 5 * HOUR
RESET = 100 * HOUR


def steady(per_hour: float, hours: float, step: float = 0.01, start: float = 0.0) -> list[Point]:
    """Return the points of a window that fills steadily, stated in steps."""
    number = int(per_hour * hours / step + 1e-9)
    return [Point(start + n * step / per_hour * HOUR, n * step) for n in range(number + 1)]


def ask(points: list[Point], hours: float, reset: float | None = RESET) -> Forecast | None:
    return forecast(points, hours * HOUR, length=LENGTH, reset=reset)


def test_a_steady_pace_is_full_when_it_will_be() -> None:
    found = ask(steady(0.2, 2), 2)
    assert found is not None
    assert found.estimate == pytest.approx(5 * HOUR, rel=0.03)
    assert found.earliest is not None
    assert found.latest is not None
    assert 4 * HOUR < found.earliest < 5 * HOUR < found.latest < 7 * HOUR


def test_a_pace_that_changes_makes_the_range_wider() -> None:
    fast = [Point(2 * HOUR + n * 60, 0.4 + n * 0.02) for n in range(1, 11)]
    found = ask([*steady(0.2, 2), *fast], 2 + 1 / 6)
    before = ask(steady(0.2, 2), 2)
    assert found is not None
    assert before is not None
    assert _width(found) > _width(before)


def _width(found: Forecast) -> float:
    if found.latest is None or found.earliest is None:
        return math.inf
    return found.latest - found.earliest


def test_there_is_not_enough_data_without_rises_or_time() -> None:
    assert ask([], 1) is None
    assert ask([Point(0, 0.5)], 4) is None
    assert ask(steady(0.02, 1), 1) is None  # two rises
    assert ask(steady(2, 0.2), 0.2) is None  # twelve minutes
    assert ask(steady(0.2, 2), 5) is None  # nobody has used it for hours


def test_points_later_than_now_are_not_enough_data() -> None:
    # The clock was set to an earlier time after they were recorded.
    assert ask(steady(0.2, 2), -1) is None
    assert ask([Point(HOUR, 0.5)], 0) is None


def test_a_reset_that_comes_first_is_told() -> None:
    assert ask(steady(0.2, 2), 2, reset=4 * HOUR) == Forecast(None, None, None)
    found = ask(steady(0.2, 2), 2, reset=5.05 * HOUR)
    assert found is not None
    assert (found.estimate is None, found.latest) == (False, None)


def test_a_window_that_has_reset_has_no_forecast() -> None:
    assert ask(steady(0.2, 2), 2, reset=2 * HOUR) is None


def test_a_full_window_is_full_since_then() -> None:
    points = [*steady(0.5, 1.9), Point(1.9 * HOUR, FULL), Point(1.95 * HOUR, 1.01)]
    assert ask(points, 2) == Forecast(1.9 * HOUR, 1.9 * HOUR, 1.9 * HOUR)


def test_a_pause_moves_the_forecast_later() -> None:
    points = steady(0.4, 1)
    now, later = ask(points, 1), ask(points, 1.2)
    assert now is not None
    assert later is not None
    assert later.estimate is None or later.estimate > now.estimate  # type: ignore[operator]


rises = st.lists(st.tuples(st.floats(1, 2_000), st.floats(1e-5, 0.2)), min_size=1, max_size=60)


@given(rises, st.floats(0, 3 * HOUR), st.none() | st.floats(0, 40 * HOUR))
def test_the_estimate_lies_in_the_range_whatever_is_stated(
    steps: list[tuple[float, float]], pause: float, reset: float | None
) -> None:
    points = [Point(0.0, 0.0)]
    for gap, rise in steps:
        points.append(Point(points[-1].at + gap, points[-1].used + rise))
    found = forecast(points, points[-1].at + pause, length=LENGTH, reset=reset)
    if found is None:
        return
    earliest, estimate, latest = (
        math.inf if at is None else at for at in (found.earliest, found.estimate, found.latest)
    )
    assert 0 <= earliest <= estimate <= latest


def test_most_windows_fill_within_the_range() -> None:
    dice = random.Random(7)
    held = sum(_holds(dice) for _ in range(200))
    assert 140 <= held <= 180


def _holds(dice: random.Random) -> bool:
    """Simulate developers at work; return True if the window fills within the range told at 1/2."""
    at, used, points = 0.0, 0.0, [Point(0.0, 0.0)]
    found: Forecast | None = None
    size = dice.uniform(0.002, 0.01)
    while used < FULL:
        at += dice.expovariate(1 / 60)
        used += dice.expovariate(1 / size)
        stated = math.floor(used * 100) / 100
        if stated > points[-1].used:
            points.append(Point(at, stated))
        if found is None and used >= FULL / 2:
            found = forecast(points, at, length=LENGTH, reset=None)
    if found is None:
        return True  # it filled before there was enough data
    earliest = found.earliest or 0.0
    return earliest <= at <= (found.latest or math.inf)
