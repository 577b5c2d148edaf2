"""What a second worker process brings: requests a second, and what each costs.

    make bench-workers

Proxies with one worker and with two take turns under the same load: 50 KB requests of 32 clients.
Nothing is pinned: load and upstream take their share of the same cores. So the most that the cores
allow is worked out, too, from the CPU time of all three for a request. Workers scale linearly if
they reach that, and if a request takes the same CPU time.
"""

import os
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp

import uvloop

from benchmarks import arguments, peers, process
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
                for key, value in (await _round(on, target)).items():
                    figures[key].append(value)
    return {
        count: {key: statistics.median(values) for key, values in figures.items()}
        for count, figures in found.items()
    }


async def _round(on: Stage, target: Target) -> dict[str, float]:
    """Return the figures of one round, with the CPU time that load and upstream take."""
    began, cpu = time.perf_counter(), time.process_time() + on.upstream.cpu
    figures = await many_requests(target, SECONDS, CLIENTS)
    busy = (time.process_time() + on.upstream.cpu - cpu) / (time.perf_counter() - began)
    return figures | {"load_ms_per_request": 1000 * busy / figures["requests_per_s"]}


def most(count: int, figures: Mapping[str, float], cores: int) -> float:
    """Return the requests/s of ``count`` workers that ``cores`` allow, shared with the load."""
    own, load = figures["cpu_ms_per_request"], figures["load_ms_per_request"]
    return 1000 * min(count / own, cores / (own + load))


async def _start(on: Stage, count: int, stack: ExitStack) -> Target:
    directory = Path(mkdtemp(dir=on.directory))
    place = peers.Place(peers.free_port(), on.upstream_port, on.certificate, directory)
    command = peers.ours(place, peers.ROOT, WORKERS=str(count))
    running = stack.enter_context(process.running(command, None, log=on.log))
    await answering(place.port, on.trusted)
    return Target(str(count), place.port, running, on.trusted)


def table(found: Mapping[int, Mapping[str, float]], cores: int) -> Sequence[str]:
    """Return a line for each number of workers."""
    one = found[1]
    return [
        f"{count} worker{'s' if count > 1 else ' '}  {figures['requests_per_s']:7.0f} requests/s "
        f"({figures['requests_per_s'] / one['requests_per_s']:.2f} x), "
        f"{figures['requests_per_s'] / most(count, figures, cores):.0%} of what {cores} cores "
        f"allow ({most(count, figures, cores) / most(1, one, cores):.2f} x)  "
        f"{figures['cpu_ms_per_request']:.2f} ms CPU each "
        f"({figures['cpu_ms_per_request'] / one['cpu_ms_per_request']:.2f} x), "
        f"load {figures['load_ms_per_request']:.2f} ms"
        for count, figures in found.items()
    ]


def main() -> int:
    """Measure and print."""
    parser = arguments.parser("benchmarks.workers", __doc__)
    arguments.add_rounds(parser, ROUNDS)
    rounds = parser.parse_args().rounds
    with stage(pinned=False) as on:
        print("\n".join(table(uvloop.run(measure(on, rounds)), len(os.sched_getaffinity(0)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
