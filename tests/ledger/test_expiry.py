"""Old rows go; a clock that is wrong deletes nothing that is new, whenever it is set right."""

import pytest

from app.ledger.expiry import DAY, HOUR, Expiry

NOW = 1_790_000_000.0
STARTED = 5_000.0
KEPT = 90 * DAY
UPKEEP = HOUR / 6


@pytest.fixture
def expiry() -> Expiry:
    return Expiry(90)


def test_rows_older_than_that_many_days_go(expiry: Expiry) -> None:
    assert expiry.cutoff(wall=NOW, monotonic=STARTED, oldest=NOW - KEPT - HOUR) == NOW - KEPT
    later = expiry.cutoff(wall=NOW + HOUR, monotonic=STARTED + HOUR, oldest=NOW - KEPT)
    assert later == NOW + HOUR - KEPT


def test_an_empty_ledger_is_no_reason_to_wait(expiry: Expiry) -> None:
    assert expiry.cutoff(wall=NOW, monotonic=STARTED, oldest=None) is not None


@pytest.mark.parametrize("jump", [-400 * DAY, -HOUR, HOUR, 400 * DAY])
def test_nothing_goes_in_the_hour_after_the_clock_jumped(expiry: Expiry, jump: float) -> None:
    oldest = NOW - KEPT
    assert expiry.cutoff(wall=NOW, monotonic=STARTED, oldest=oldest) is not None

    def after(seconds: float) -> float | None:
        wall, monotonic = NOW + jump + seconds, STARTED + seconds
        return expiry.cutoff(wall=wall, monotonic=monotonic, oldest=oldest)

    assert after(600) is None
    assert after(600 + HOUR / 2) is None
    assert after(600 + HOUR) == min(oldest, NOW + jump + 600 + HOUR - KEPT)


def test_a_clock_that_drifts_is_believed(expiry: Expiry) -> None:
    for number in range(10):
        wall = NOW + number * (600 + 2)
        monotonic = STARTED + number * 600
        assert expiry.cutoff(wall=wall, monotonic=monotonic, oldest=NOW - KEPT) is not None


def _kept(rows: list[float], *, wall: float, hours: float) -> list[float]:
    """Return the rows that are left when a process has run for so long from ``wall`` on."""
    expiry = Expiry(90)
    for look in range(int(hours * 6) + 1):
        passed = look * UPKEEP
        oldest = min(rows, default=None)
        cutoff = expiry.cutoff(wall=wall + passed, monotonic=STARTED + passed, oldest=oldest)
        rows = [row for row in rows if cutoff is None or row >= cutoff]
    return rows


@pytest.mark.parametrize("ahead", [35 * DAY, 365 * DAY, 12 * 365 * DAY])
def test_a_jump_of_the_clock_a_few_rows_and_restarts_lose_nothing(ahead: float) -> None:
    rows = [NOW - day * DAY for day in range(90)]
    rows += [NOW + ahead + number for number in range(5)]
    for restart in range(100):
        assert _kept(rows, wall=NOW + ahead + restart * HOUR, hours=1) == rows
    # The clock comes back: those of the time that was wrong are there until they are old.
    assert _kept(rows, wall=NOW + HOUR, hours=3) == [row for row in rows if row > NOW - KEPT]


def test_a_clock_that_is_wrong_for_long_costs_a_day_of_rows_in_an_hour() -> None:
    rows = [NOW - day * DAY for day in range(90)]
    left = _kept([*rows, NOW + 365 * DAY], wall=NOW + 365 * DAY, hours=11)
    assert len(rows) + 1 - len(left) == 10


def test_after_a_pause_what_is_old_goes_in_time() -> None:
    rows = [NOW - day * DAY for day in range(90)]
    assert _kept(rows, wall=NOW + 30 * DAY, hours=32) == [
        row for row in rows if row >= NOW - 60 * DAY + 32 * HOUR
    ]


def test_whoever_runs_it_for_an_hour_a_day_keeps_up() -> None:
    rows = [NOW - day * DAY for day in range(90)]
    for day in range(200):
        now = NOW + day * DAY
        rows = _kept([*rows, now], wall=now, hours=1)
        assert now - min(rows) <= KEPT + 2 * DAY
