"""How much time the scan of one body may take.

Time is that of the scanning thread on a processor, so a busy machine refuses no body that an idle
one would scan. It grows with the body: a promise is kept of so much a megabyte, whatever the text.
"""

from collections.abc import Callable

SECONDS_PER_BYTE = 1e-6  # twice what nearly all of the slowest text costs
STRIDE = 8  # steps between two looks at the clock, each of well below a millisecond


class TooSlow(Exception):
    """A body has had its time."""


class Budget:
    """``seconds`` of time by ``clock``, from now on. State: the end, and the steps since a look."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock = clock
        self._end = clock() + seconds
        self._steps = 0

    def tick(self) -> None:
        """Take a step; raises `TooSlow`."""
        self._steps += 1
        if self._steps == STRIDE:
            self._steps = 0
            if self._clock() > self._end:
                raise TooSlow
