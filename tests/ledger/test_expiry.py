"""Old rows go; a clock that is wrong deletes nothing."""

import pytest

from app.ledger.expiry import DAY, HOUR, Expiry

NOW = 1_790_000_000.0
STARTED = 5_000.0


@pytest.fixture
def expiry() -> Expiry:
    return Expiry(90)


def test_rows_older_than_that_many_days_go(expiry: Expiry) -> None:
    assert expiry.cutoff(wall=NOW, monotonic=STARTED, newest=NOW - DAY) == NOW - 90 * DAY
    later = expiry.cutoff(wall=NOW + HOUR, monotonic=STARTED + HOUR, newest=NOW)
    assert later == NOW + HOUR - 90 * DAY


def test_an_empty_ledger_is_no_reason_to_wait(expiry: Expiry) -> None:
    assert expiry.cutoff(wall=NOW, monotonic=STARTED, newest=None) is not None


@pytest.mark.parametrize("jump", [-400 * DAY, -HOUR, HOUR, 400 * DAY])
def test_nothing_goes_in_the_hour_after_the_clock_jumped(expiry: Expiry, jump: float) -> None:
    assert expiry.cutoff(wall=NOW, monotonic=STARTED, newest=NOW) is not None

    def after(seconds: float) -> float | None:
        return expiry.cutoff(wall=NOW + jump + seconds, monotonic=STARTED + seconds, newest=NOW)

    assert after(600) is None
    assert after(600 + HOUR / 2) is None
    assert after(600 + HOUR) == NOW + jump + 600 + HOUR - 90 * DAY


def test_a_clock_that_drifts_is_believed(expiry: Expiry) -> None:
    for number in range(10):
        wall = NOW + number * (600 + 2)
        assert expiry.cutoff(wall=wall, monotonic=STARTED + number * 600, newest=NOW) is not None


def test_a_start_that_finds_only_old_rows_deletes_none_for_an_hour(expiry: Expiry) -> None:
    newest = NOW - 100 * DAY
    assert expiry.cutoff(wall=NOW, monotonic=STARTED, newest=newest) is None
    assert expiry.cutoff(wall=NOW + 60, monotonic=STARTED + 60, newest=NOW) is None
    assert expiry.cutoff(wall=NOW + HOUR, monotonic=STARTED + HOUR, newest=NOW) is not None
