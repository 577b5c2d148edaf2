"""Compare this proxy with a naive one, nginx, HAProxy and no proxy at all, in one run.

The proxies share one core; the load and a raw upstream share another. Rounds alternate between
them, every answer is compared byte for byte, and the table shows medians, ratios to the naive proxy
(Hypercorn and httpx as they come) and whether the goals are met.

    make bench                            everything, in less than 10 minutes
    make bench ROUNDS=1                   a quick look, in about a minute
    make bench ARGS="--only paced,requests --peers ours,naive,direct"
    make bench ARGS="--beside ../other"   another source tree as one more column
"""

import argparse
import sys
from pathlib import Path

from benchmarks import arguments, peers, report
from benchmarks.compare import Plan, run
from benchmarks.process import Cores
from benchmarks.results import describe
from benchmarks.stage import BESIDE
from benchmarks.workloads import WORKLOADS

AT_REST = "rest"
ROUNDS = 7


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    names = (*WORKLOADS, AT_REST)
    made = arguments.parser("benchmarks", __doc__)
    arguments.add_rounds(made, ROUNDS)
    made.add_argument(
        "--only",
        default=",".join(names),
        metavar="WORKLOADS",
        help=f"some of {', '.join(names)} (start, memory and idle CPU); default: all",
    )
    made.add_argument(
        "--peers",
        default=",".join((*peers.PEERS, peers.DIRECT)),
        help="some of " + ", ".join((*peers.PEERS, peers.DIRECT)) + "; default: all",
    )
    made.add_argument(
        "--beside", type=Path, metavar="DIRECTORY", help="another source tree of this proxy"
    )
    made.add_argument("--json", type=Path, metavar="FILE", help="write the results to this file")
    return made


def plan_of(given: argparse.Namespace) -> Plan:
    """Return the plan of the run; raises SystemExit if a peer is unknown or not installed."""
    workloads, compared = given.only.split(","), given.peers.split(",")
    unknown = ({*workloads} - {*WORKLOADS, AT_REST}) | ({*compared} - {*peers.PEERS, peers.DIRECT})
    if unknown:
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}")
    lacking = [peer for peer in peers.missing() if peer in compared]
    if lacking:
        raise SystemExit(f"not installed: {', '.join(lacking)}; leave them out with --peers")
    return Plan(
        compared=[*compared, *([BESIDE] if given.beside else [])],
        workloads=[WORKLOADS[name] for name in workloads if name != AT_REST],
        rounds=given.rounds,
        at_rest=AT_REST in workloads,
        beside=given.beside,
    )


def main() -> int:
    """Run the comparison, print its table, write its results."""
    given = parser().parse_args()
    plan = plan_of(given)
    cores = Cores.of_this_machine()
    if cores.proxy == cores.load:
        print("one core only: the load takes time from the proxies", file=sys.stderr)
    rounds = run(plan)
    results = describe(rounds, plan.compared)
    print(report.plain(report.rows(results)))
    print(report.measured_on(results))
    if given.json is not None:
        results.save(given.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
