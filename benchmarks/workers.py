<<<<<<< HEAD
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
=======
"""Requests a second with one, two, … worker processes, all on the same cores.

    python -m benchmarks.workers [ROUNDS [WORKERS …]]

The load and upstream run on the same cores as the proxy, so requests a second cannot double on two
cores. What can be compared is the CPU time of a request, supervisor included: if it stays equal,
each further core that is free adds as much as the first. Rounds alternate; every answer is checked.
"""

import asyncio
import os
import ssl
import statistics
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from app import certificates
from benchmarks import peers, process
from benchmarks.load import Client
from benchmarks.process import Command
from benchmarks.workloads import KB, Posted

CLIENTS = 32
SECONDS = 4.0  # of a round
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy with so many workers; ``pid`` is the only process, or the supervisor."""

    workers: int
    port: int
    pages: int
    pid: int

    def processes(self) -> list[int]:
        """Return the ids of its processes."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()
        return [self.pid, *map(int, children.split())]

    def cpu(self) -> dict[int, float]:
        """Return the seconds of CPU time of each process."""
        return {pid: time.clock_gettime(~pid << 3 | 2) for pid in self.processes()}


@dataclass(frozen=True, slots=True)
class Round:
    """What one round showed. ``shares`` are the parts of the CPU time of its workers."""

    per_second: float
    cpu_ms: float
    cores: float
    shares: tuple[float, ...]


async def measure(proxy: Proxy, trusted: ssl.SSLContext) -> Round:
    """Post 50 KB from many clients at once."""
    clients = await asyncio.gather(*(Client.connect(proxy.port, trusted) for _ in range(CLIENTS)))
    posted, before, start = Posted.of(50 * KB), proxy.cpu(), time.perf_counter()
    end = start + SECONDS

    async def ask(client: Client) -> int:
        count = 0
        while time.perf_counter() < end:
            posted.check(await client.start(posted.sent))
            count += 1
        return count

    done = sum(await asyncio.gather(*map(ask, clients)))
    elapsed = time.perf_counter() - start
    spent = {pid: cpu - before[pid] for pid, cpu in proxy.cpu().items()}
    for client in clients:
        client.close()
    total = sum(spent.values())
    parts = [cpu for pid, cpu in spent.items() if pid != proxy.pid or proxy.workers == 1]
    shares = tuple(sorted(part / sum(parts) for part in parts))
    return Round(done / elapsed, total / done * 1000, total / elapsed, shares)


@contextmanager
def proxies(workers: list[int]) -> Iterator[tuple[list[Proxy], ssl.SSLContext]]:
    """Start upstream, and a proxy in front of it for each number of workers."""
    process.allow_descriptors()
    with tempfile.TemporaryDirectory(prefix="workers-") as name, ExitStack() as stack:
        directory = Path(name)
        certificate = certificates.ensure(directory, ("localhost", "127.0.0.1"))
        pair = str(certificate.cert_file), str(certificate.key_file)
        command = Command((sys.executable, "-m", "benchmarks.raw_upstream", *pair), peers.ROOT)
        upstream = stack.enter_context(_anywhere(command))
        upstream_port = int(upstream.line())
        started = []
        for number in workers:
            place = peers.Place(peers.free_port(), upstream_port, certificate, directory)
            pages = peers.free_port()
            command = peers.ours(
                place, WORKERS=str(number), DASHBOARD_PORT=str(pages), LEDGER="false"
            )
            running = stack.enter_context(_anywhere(command, directory / "log"))
            started.append(Proxy(number, place.port, pages, running.child.pid))
        for proxy in started:
            _wait(proxy)
        yield started, ssl.create_default_context(cafile=certificate.ca_file)


@contextmanager
def _anywhere(command: Command, log: Path | None = None) -> Iterator[process.Process]:
    """Run a program on any core."""
    with process.running(command, min(os.sched_getaffinity(0)), log=log) as running:
        os.sched_setaffinity(running.child.pid, os.sched_getaffinity(0))
        yield running


def _wait(proxy: Proxy) -> None:
    end = time.monotonic() + process.PATIENCE
    while len(proxy.processes()) < proxy.workers or not _ready(proxy):
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.1)


def _ready(proxy: Proxy) -> bool:
    url = f"http://127.0.0.1:{proxy.pages}/prometheus"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            text = bytes(answer.read())
    except OSError:
        return False
    return text.count(b'worker_up{worker="') == (proxy.workers if proxy.workers > 1 else 0)


def _median(rounds: list[Round], key: str) -> float:
    values: list[float] = [getattr(one, key) for one in rounds]
    return statistics.median(values)


def main() -> int:
    """Print a table: medians of the rounds, and the ratios to one worker."""
    rounds, *numbers = [int(text) for text in sys.argv[1:]] or [3]
    workers = numbers or [1, 2]
    found: dict[int, list[Round]] = {number: [] for number in workers}
    with proxies(workers) as (started, trusted):
        for number in range(rounds):
            for proxy in started[number % len(started) :] + started[: number % len(started)]:
                found[proxy.workers].append(asyncio.run(measure(proxy, trusted)))
    print("workers  requests/s  ratio  CPU ms/request  ratio  cores used  shares of the workers")
    base = [_median(found[workers[0]], key) for key in ("per_second", "cpu_ms")]
    for number, those in found.items():
        speed, cpu, cores = (_median(those, key) for key in ("per_second", "cpu_ms", "cores"))
        shares = " | ".join(" ".join(f"{share:.2f}" for share in one.shares) for one in those)
        print(
            f"{number:7}  {speed:10.0f}  {speed / base[0]:5.2f}  {cpu:14.2f}  "
            f"{cpu / base[1]:5.2f}  {cores:10.2f}  {shares}"
        )
>>>>>>> 212e7a8 (Drain once, whoever tells the workers)
    return 0


if __name__ == "__main__":
    sys.exit(main())
