"""The local day of this machine's time zone. Times are in seconds since the epoch."""

from datetime import datetime, timedelta

SESSION_WAIT = 86_400  # seconds; a session's budget does not come back, a person may raise it


def day_of(time: float) -> str:
    """Return the date."""
    return datetime.fromtimestamp(time).astimezone().date().isoformat()


def day_start(time: float) -> float:
    """Return when the day of ``time`` began."""
    return _midnight(time, 0)


def day_end(time: float) -> float:
    """Return when the day of ``time`` ends; it may have 23 or 25 hours."""
    return _midnight(time, 1)


def _midnight(time: float, days: int) -> float:
    noon = datetime.fromtimestamp(time).astimezone().replace(tzinfo=None, hour=12) + timedelta(days)
    return noon.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
