"""The local day of this machine's time zone. Times are in seconds since the epoch."""

from datetime import datetime, timedelta
from functools import lru_cache

SESSION_WAIT = 86_400  # seconds; a session's budget does not come back, a person may raise it


QUARTER = 900  # seconds: every midnight begins one, in every time zone


def day_of(time: float) -> str:
    """Return the date."""
    return _day_of_quarter(int(time // QUARTER))


@lru_cache(64)
def _day_of_quarter(quarter: int) -> str:
    return datetime.fromtimestamp(quarter * QUARTER).astimezone().date().isoformat()


def day_start(time: float) -> float:
    """Return when the day of ``time`` began."""
    return _midnight(time, 0)


def day_end(time: float) -> float:
    """Return when the day of ``time`` ends; it may have 23 or 25 hours."""
    return _midnight(time, 1)


def _midnight(time: float, days: int) -> float:
    noon = datetime.fromtimestamp(time).astimezone().replace(tzinfo=None, hour=12) + timedelta(days)
    return noon.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
