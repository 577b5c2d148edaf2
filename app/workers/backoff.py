"""When a worker that has ended is started again. Pure."""

LASTING = 60.0  # seconds after which a worker counts as healthy
FIRST = 0.5  # seconds before the second start in a row
LONGEST = 30.0  # seconds between two starts


class Backoff:
    """Delays of one worker's restarts. State: ``_failures`` in a row."""

    def __init__(self) -> None:
        self._failures = 0

    def delay(self, lived: float) -> float:
        """Return the seconds to wait after a worker that ``lived`` so many seconds.

        The first restart is immediate; the next ones wait twice as long each.
        """
        self._failures = 1 if lived >= LASTING else self._failures + 1
        if self._failures == 1:
            return 0.0
        return min(LONGEST, FIRST * 2.0 ** min(self._failures - 2, 16))
