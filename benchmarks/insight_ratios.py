"""What ledger and cache recorder change in the figures of `make bench`.

    python -m benchmarks.insight_ratios [--rounds 7] [--only json-50k,requests] [--at-rest]

The same workloads, in the same run and alternating, through this proxy without both (``off``), with
the ledger, and with both as it comes (``on``): one process, in which signals turn them on and off
(`benchmarks.switched`), since two starts differ by up to 7 %. Before each turn is a pause, in which
the rows of the one before are written. Rows that are written after their turn are in no figure
here, but in those of `benchmarks.insight`.

The table has the ratio to the naive proxy of ``off`` and ``on``, and how much the ledger and both
change: the median over the rounds of the ratio to ``off`` of the same round, with its error at
95 %. Latencies are those that the proxy adds to the direct run; the whole time that a client waits
has rows of its own. ``--at-rest`` measures memory, starts and idle CPU instead, of three processes.
"""

import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence

from benchmarks import arguments, peers, switched
from benchmarks.compare import Plan, run
from benchmarks.figures import FIGURES, Figure
from benchmarks.ledger_latency import Ratio
from benchmarks.report import plain, shown
from benchmarks.workloads import WORKLOADS

ROUNDS = 7
VARIANTS = (peers.PLAIN, peers.LEDGER, peers.OURS)
Values = Mapping[str, Sequence[float]]  # by proxy, one a round
Row = tuple[str, ...]
SWITCHES = {
    peers.PLAIN: switched.NEITHER,
    peers.LEDGER: switched.LEDGER,
    peers.OURS: switched.BOTH,
}
_HEAD = "|naive|off|ledger|on|off / naive|on / naive|ledger / off|on / off"


def rows(rounds: Mapping[str, Values]) -> Iterator[Row]:
    """Yield the head, and a row for each figure that was measured."""
    yield tuple(_HEAD.split("|"))
    for figure in FIGURES:
        values = rounds.get(figure.key)
        if values is None:
            continue
        if figure.added:
            yield _row(f"{figure.title.replace('added', 'whole')}, {figure.unit}", values)
        yield _row(f"{figure.title}, {figure.unit}".rstrip(", "), _added(figure, values))


def _added(figure: Figure, values: Values) -> Values:
    """Return what each proxy adds to the direct run of the same round, where that counts."""
    if not figure.added:
        return values
    direct = values[peers.DIRECT]
    return {
        name: [own - base for own, base in zip(each, direct, strict=True)]
        for name, each in values.items()
    }


def _row(title: str, values: Values) -> Row:
    middle = {name: statistics.median(each) for name, each in values.items()}
    cells = (shown(middle[name]) for name in (peers.NAIVE, *VARIANTS))
    naive = (f"{middle[name] / middle[peers.NAIVE]:.3f}" for name in (peers.PLAIN, peers.OURS))
    return (title, *cells, *naive, *(_change(values, name) for name in VARIANTS[1:]))


def _change(values: Values, name: str) -> str:
    """Return the median ratio to the rounds without both, with its error if there are several."""
    ratios = [own / off for own, off in zip(values[name], values[peers.PLAIN], strict=True)]
    if len(ratios) == 1:
        return f"{ratios[0]:.3f}"
    found = Ratio.of(ratios)
    return f"{found.median:.3f} ± {found.error:.3f}"


def main() -> int:
    """Measure, and print the table."""
    parser = arguments.parser("benchmarks.insight_ratios", __doc__)
    arguments.add_rounds(parser, ROUNDS)
    parser.add_argument("--only", default=",".join(WORKLOADS), metavar="WORKLOADS")
    parser.add_argument("--at-rest", action="store_true", help="memory, starts, idle CPU instead")
    given = parser.parse_args()
    plan = Plan(
        compared=[*VARIANTS, peers.NAIVE, peers.DIRECT],
        workloads=[] if given.at_rest else [WORKLOADS[name] for name in given.only.split(",")],
        rounds=max(2, given.rounds),
        at_rest=given.at_rest,
        switches={} if given.at_rest else SWITCHES,
    )
    print(plain(list(rows(run(plan)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
