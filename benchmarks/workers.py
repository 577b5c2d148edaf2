"""What a second worker process brings: requests a second, and what each costs.

    make bench-workers

Proxies with one worker and with two take turns under the same load: 50 KB requests of 32 clients.
Nothing is pinned, so that the load, too, takes its share of all cores; what the workers themselves
lose by sharing shows in the CPU time of a request, which is the same if they scale linearly.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

import uvloop

from benchmarks import peers, process
from benchmarks.resting import answering
from benchmarks.stage import Stage, stage
from benchmarks.workloads import Target, many_requests

WORKERS = (1, 2)
CLIENTS = 32
SECONDS = 3.0
ROUNDS = 5


async def measure(on: Stage, rounds: int) -> dict[int, dict[str, float]]:
    """Return the medians of each figure by number of workers."""
    found: dict[int, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        targets = {count: await _start(on, count, stack) for count in WORKERS}
        for _ in range(rounds):
            for count, target in targets.items():
                figures = found.setdefault(count, defaultdict(list))
                for key, value in (await many_requests(target, SECONDS, CLIENTS)).items():
                    figures[key].append(value)
    return {
        count: {key: statistics.median(values) for key, values in figures.items()}
        for count, figures in found.items()
    }


async def _start(on: Stage, count: int, stack: ExitStack) -> Target:
    directory = Path(mkdtemp(dir=on.directory))
    place = peers.Place(peers.free_port(), on.upstream_port, on.certificate, directory)
    command = peers.ours(place, peers.ROOT, WORKERS=str(count))
    running = stack.enter_context(process.running(command, None, log=on.log))
    await answering(place.port, on.trusted)
    return Target(str(count), place.port, running, on.trusted)


def table(found: dict[int, dict[str, float]]) -> Sequence[str]:
    """Return a line for each number of workers."""
    one = found[1]
    return [
        f"{count} worker{'s' if count > 1 else ' '}  {figures['requests_per_s']:7.0f} requests/s "
        f"({figures['requests_per_s'] / one['requests_per_s']:.2f} x)  "
        f"{figures['cpu_ms_per_request']:.2f} ms CPU each "
        f"({figures['cpu_ms_per_request'] / one['cpu_ms_per_request']:.2f} x)  "
        f"{figures['requests_busy']:.2f} cores"
        for count, figures in found.items()
    ]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.workers",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    rounds = parser.parse_args().rounds
    with stage(pinned=False) as on:
        print("\n".join(table(uvloop.run(measure(on, rounds)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
