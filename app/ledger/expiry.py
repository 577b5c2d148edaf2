"""When old rows may be deleted. Pure: a wrong clock must never delete what is new.

The wall clock is believed when it goes with the monotonic one. After a jump, and at a start that
finds nothing but old rows (after a long pause, or with a clock that is years ahead), an hour passes
first: that is enough for a clock to be set right, and for a person to notice.
"""

HOUR = 3_600.0  # seconds
DAY = 24 * HOUR
JUMP = 60.0  # seconds between the clocks that are no drift


class Expiry:
    """Decides for rows that are kept for ``days``. Times are in seconds.

    State: ``_offset`` between the clocks, ``_from`` when (monotonic) deleting may begin.
    """

    def __init__(self, days: int) -> None:
        self._kept = days * DAY
        self._offset: float | None = None
        self._from = 0.0

    def cutoff(self, *, wall: float, monotonic: float, newest: float | None) -> float | None:
        """Return the time before which rows are to be deleted, None for not now.

        ``newest`` is when the newest row began.
        """
        cutoff, offset = wall - self._kept, wall - monotonic
        if self._offset is None:
            suspect = newest is not None and newest < cutoff
        else:
            suspect = abs(offset - self._offset) > JUMP
        self._offset = offset
        if suspect:
            self._from = monotonic + HOUR
        return cutoff if monotonic >= self._from else None
