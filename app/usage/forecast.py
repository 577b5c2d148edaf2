"""When a usage window will be full at the current pace, as a range. Pure.

The pace is the mean rise of the last twelve parts of a fifth of the window: of 5 minutes each for
the 5-hour window. How much these parts differ says how sure the pace is, and how much the rest of
the way will vary: with ``n`` parts to go at a mean of ``m`` and a standard deviation of ``s``, the
relative error is ``s/m * sqrt(1/n + 1/12)``. The range has four fifths of the outcomes if people
go on like that.

With fewer than three whole parts, or three rises in them, there is not enough data.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

PARTS = 12  # at most
PART = 1 / 60  # of a window's length
LEAST = 3  # parts, and rises in them
SPREAD = 1.5  # standard deviations on each side: with 12 parts, about four fifths of the outcomes
FULL = 1.0


class Point(NamedTuple):
    """How much of a window was used at a time, in seconds."""

    at: float
    used: float


class Forecast(msgspec.Struct, frozen=True):
    """When a window will be full, in seconds since the epoch; None: not before it resets."""

    estimate: float | None
    earliest: float | None
    latest: float | None


def forecast(
    points: Sequence[Point], now: float, *, length: float, reset: float | None
) -> Forecast | None:
    """Return the forecast from the ``points`` of a window, one for each rise.

    None stands for not enough data. A full window has the time since which it is. ``length`` is
    in seconds.
    """
    if not points or (reset is not None and reset <= now):
        return None
    if points[-1].used >= FULL:
        since = next(point.at for point in points if point.used >= FULL)
        return Forecast(since, since, since)
    part = length * PART
    number = min(PARTS, int((now - points[0].at) / part))
    if number < LEAST:
        return None
    times = [now - part * left for left in range(number, -1, -1)]
    if sum(point.at > times[0] for point in points) < LEAST:
        return None
    rises = [later - earlier for earlier, later in pairwise(_levels(points, times))]
    pace = math.fsum(rises) / number
    deviation = math.sqrt(math.fsum((rise - pace) ** 2 for rise in rises) / (number - 1))
    left = (FULL - points[-1].used) / pace
    factor = 1 + SPREAD * deviation / pace * math.sqrt(1 / left + 1 / number)
    ends = (now + part * parts for parts in (left, left / factor, left * factor))
    return Forecast(*(None if reset is not None and at >= reset else at for at in ends))


def _levels(points: Sequence[Point], times: Sequence[float]) -> list[float]:
    """Return how much was used at each of ``times``."""
    at = [point.at for point in points]
    return [points[max(0, bisect_right(at, time) - 1)].used for time in times]
