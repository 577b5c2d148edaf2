"""When old rows may be deleted. Pure: a wrong clock must never delete what is new.

The wall clock is believed while it goes with the monotonic one, and makes only rows of one more day
old at a start. Where it does not, it may be wrong by years, and no row tells: those written since
have its time. Then nothing goes for an hour, and from then on a day of rows in an hour. That is
enough for whoever runs it for an hour a day, and for a person to notice.
"""

HOUR = 3_600.0  # seconds
DAY = 24 * HOUR
JUMP = 60.0  # seconds between the clocks that are no drift


class Expiry:
    """Decides for rows that are kept for ``days``. Times are in seconds.

    State: ``_offset`` between the clocks; while they are doubted, ``_from`` when (monotonic) rows
    may go, and when the ``_first`` of them began.
    """

    def __init__(self, days: int) -> None:
        self._kept = days * DAY
        self._offset: float | None = None
        self._from = 0.0
        self._first: float | None = None

    def cutoff(self, *, wall: float, monotonic: float, oldest: float | None) -> float | None:
        """Return the time before which rows are to be deleted, None for not now.

        ``oldest`` is when the oldest row began, None where there is none.
        """
        cutoff = wall - self._kept
        if oldest is not None and self._doubts(wall - monotonic, cutoff - oldest):
            self._from, self._first = monotonic + HOUR, oldest
        self._offset = wall - monotonic
        if self._first is None:
            return cutoff
        if monotonic < self._from:
            return None
        reached = self._first + DAY * (monotonic - self._from) / HOUR
        if reached >= cutoff:
            self._first = None
        return min(reached, cutoff)

    def _doubts(self, offset: float, behind: float) -> bool:
        """Return True after a jump, and at a start with rows that are ``behind`` for a day."""
        if self._offset is None:
            return behind > DAY
        return abs(offset - self._offset) > JUMP
