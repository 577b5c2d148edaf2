"""When old rows may be deleted. Pure: a wrong clock must never delete what is new.

The wall clock is believed while it agrees with the monotonic one and, at a start, while no row is
more than a day too old. Otherwise it may be wrong by years, and no row tells: rows written since
the clock went wrong have its time. Then nothing is deleted for an hour, and after that one day of
rows in each hour. That keeps up even for someone who runs the proxy one hour a day, and is slow
enough for a person to notice.
"""

HOUR = 3_600.0  # seconds
DAY = 24 * HOUR
JUMP = 60.0  # seconds; a change between the clocks that is larger is no drift


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
        """Return True after a jump, and at a start if the oldest row is a day ``behind``."""
        if self._offset is None:
            return behind > DAY
        return abs(offset - self._offset) > JUMP
