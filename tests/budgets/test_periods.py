"""The local day of a time, where days have 23, 24 or 25 hours, and some begin at one o'clock."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.budgets.periods import day_end, day_of, day_start

# The days on which clocks change, and ones on which nothing happens.
DAYS = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25", "2026-06-01"),
    "America/Havana": ("2026-03-08", "2026-11-01", "2026-06-01"),  # at midnight
    "Asia/Kathmandu": ("2026-06-01",),  # 5 hours and 45 minutes from UTC
}


@pytest.fixture(params=DAYS)
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def test_every_time_of_a_day_has_its_date_its_start_and_its_end(zone: str) -> None:
    for date in DAYS[zone]:
        midnight = datetime.fromisoformat(date)
        start, end = (
            (midnight + timedelta(days)).replace(tzinfo=ZoneInfo(zone)).timestamp()
            for days in (0, 1)
        )
        first = start + 3600 if day_of(start) != date else start  # its first hour is left out
        times = [first, first + 0.25, first + 754.5, (first + end) / 2 + 61.75, end - 0.001]
        assert {(day_of(at), day_start(at), day_end(at)) for at in times} == {(date, start, end)}
