"""Straight lines through measured points: what one more of something costs. Pure."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

FLAT = 1.25  # how many times as much a unit may cost among the most as among fewer
LEAST = 4  # points of a curve
Point = tuple[float, float]  # how many, and what they cost
Points = Sequence[Point]


@dataclass(frozen=True, slots=True)
class Line:
    """The cost of nothing, and of each unit."""

    base: float
    each: float


def line(points: Points) -> Line:
    """Return the line of least squares."""
    counts, costs = zip(*points, strict=True)
    fitted = statistics.linear_regression(counts, costs)
    return Line(fitted.intercept, fitted.slope)


def between(before: Point, after: Point) -> float:
    """Return what each unit costs that the second point has more."""
    return (after[1] - before[1]) / (after[0] - before[0])


def flat_sums(points: Points) -> bool:
    """Return True if the last units cost as little as those before; points are costs of all.

    The last step is compared with the way from the middle to it. So a cost paid once has no part,
    and the few first units, which cost too little to be measured one by one.
    """
    points = sorted(dict(points).items())
    if len(points) < LEAST:
        raise ValueError(f"{len(points)} points do not show a shape")
    middle, last = points[len(points) // 2 - 1], points[-2]
    return between(last, points[-1]) <= FLAT * max(0.0, between(middle, last))


def flat_units(points: Points) -> bool:
    """Return True if a unit costs no more among the most; points are costs of one."""
    costs = [cost for _, cost in sorted(points)]
    half = len(costs) // 2
    return max(costs[half:]) <= FLAT * statistics.median(costs[:half])


@dataclass(frozen=True, slots=True)
class Curve:
    """What costs what: points are the costs of all (``sums``) or of one.

    The slope is told for ``per`` units of ``x``.
    """

    name: str
    x: str
    y: str
    points: list[Point]
    per: float = 1
    sums: bool = True

    @property
    def slope(self) -> float:
        """What ``per`` units more cost."""
        return line(self.points).each * self.per

    @property
    def shown(self) -> str:
        """Return every point: how many, and what they cost."""
        return ", ".join(f"{count:,g}: {cost:.3g}" for count, cost in self.points)

    def lines(self) -> list[str]:
        """Return the curve for a terminal."""
        shape = "flat" if self.flat else "NOT FLAT"
        return [
            f"{self.name}, {self.y} by {self.x}: {self.shown}",
            f"  slope {self.slope:+.3g} for {self.per:g} {self.x}; {shape}",
        ]

    @property
    def flat(self) -> bool:
        """Return True if a unit costs no more among many."""
        return (flat_sums if self.sums else flat_units)(self.points)
