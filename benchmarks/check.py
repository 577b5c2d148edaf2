"""Hold a new run against the one that the repository keeps: `make bench-check`.

It compares ratios to the naive proxy of the same run, since these hold on other machines.
A figure that is worse by more than `TOLERANCE` is measured once again before it counts.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks import arguments
from benchmarks.compare import Plan, run
from benchmarks.figures import FIGURES, Figure, Goal, ratio
from benchmarks.peers import DIRECT, NAIVE, OURS
from benchmarks.results import KEPT, Results, describe
from benchmarks.workloads import WORKLOADS

TOLERANCE = 0.15
ROUNDS = 5
COMPARED = (OURS, NAIVE, DIRECT)


@dataclass(frozen=True, slots=True)
class Change:
    """A figure's ratio to the naive proxy, as kept and now."""

    figure: Figure
    kept: float
    now: float

    @property
    def worse(self) -> float:
        """How much slower or larger it has become; negative if it is better."""
        return 1 - self.now / self.kept if self.figure.more else self.now / self.kept - 1

    @property
    def good(self) -> bool:
        """Return True if it is within the tolerance."""
        return self.worse <= TOLERANCE


def changes(kept: Results, now: Results) -> list[Change]:
    """Return the figures whose goal is a ratio and that both runs have."""
    found = []
    for figure in FIGURES:
        before, after = (ratio(each.medians(figure), OURS, NAIVE) for each in (kept, now))
        if figure.goal is Goal.RATIO and before and after:
            found.append(Change(figure, before, after))
    return found


def again(found: Iterable[Change]) -> list[str]:
    """Return the workloads whose figures have become worse."""
    keys = {change.figure.key for change in found if not change.good}
    return [name for name, workload in WORKLOADS.items() if keys.intersection(workload.keys)]


def lines(found: Iterable[Change]) -> list[str]:
    """Return a line for each figure."""
    return [
        f"{'ok ' if change.good else 'BAD'}  {change.figure.title:38} {change.now:.3f} x naive, "
        f"kept {change.kept:.3f} ({'worse' if change.worse > 0 else 'better'} by "
        f"{abs(change.worse):.0%})"
        for change in found
    ]


def _measure(workloads: Iterable[str], rounds: int) -> Results:
    chosen = [WORKLOADS[name] for name in workloads]
    return describe(run(Plan(COMPARED, chosen, rounds, at_rest=False)), COMPARED)


def main() -> int:
    """Measure, compare, print; return 1 if a figure has become worse."""
    parser = arguments.parser("benchmarks.check", __doc__)
    arguments.add_rounds(parser, ROUNDS)
    rounds = parser.parse_args().rounds
    kept = Results.load(KEPT)
    found = {change.figure.key: change for change in changes(kept, _measure(WORKLOADS, rounds))}
    if doubtful := again(found.values()):
        print(f"measured again: {', '.join(doubtful)}", file=sys.stderr)
        second = changes(kept, _measure(doubtful, rounds))
        found |= {change.figure.key: change for change in second}
    print("\n".join(lines(found.values())))
    return 0 if all(change.good for change in found.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
