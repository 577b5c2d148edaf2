"""What OpenTelemetry costs: the CPU time of a request with and without the export.

    python -m benchmarks.tracing

Three proxies take turns under the same load, requests of 50 KB from 16 clients: one exports spans
and metrics to a collector on loopback, two export nothing. A round gives each of them the same
requests in short turns, so that a busy machine weighs on all alike. Every turn of a proxy follows
one of another, in an order that reverses from round to round: none profits from a warm cache. The
CPU time is that of the whole process, its thread that exports included. The ratio is that of the
exporting proxy to the mean of the two others; theirs to each other is the noise.
"""

import asyncio
import multiprocessing
import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp

from benchmarks import arguments, peers, process
from benchmarks.load import Client
from benchmarks.resting import answering
from benchmarks.stage import Stage, stage
from benchmarks.workloads import CLIENTS, KB, Posted, Target

GOAL = 1.05  # times the CPU time without the export
TURNS = 12  # of each proxy in a round
REQUESTS = 192  # of a turn; those of a round are several full batches of spans
ROUNDS = 12
OFF, AGAIN, ON = "off", "off again", "on"


class _Collector(BaseHTTPRequestHandler):
    """Takes everything."""

    protocol_version = "HTTP/1.1"
    received = multiprocessing.Value("q", 0)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.received:
            self.received.value += len(body)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextmanager
def _collector() -> Iterator[str]:
    """Run a collector in a process of its own; yield its URL."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Collector)
    child = multiprocessing.get_context("fork").Process(target=server.serve_forever, daemon=True)
    child.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        child.terminate()
        child.join()
        server.server_close()


@dataclass(frozen=True, slots=True)
class Loaded:
    """A proxy and the clients that are connected to it."""

    target: Target
    clients: Sequence[Client]

    async def turn(self, posted: Posted) -> None:
        """Post the requests of a turn, each client its share."""

        async def ask(client: Client) -> None:
            for _ in range(REQUESTS // len(self.clients)):
                posted.check(await client.start(posted.sent))

        await asyncio.gather(*map(ask, self.clients))


async def measure(on: Stage, url: str, rounds: int) -> list[Mapping[str, float]]:
    """Return for each round the ms of CPU of a request, by proxy."""
    exporting, silent = {"OTEL_EXPORTER_OTLP_ENDPOINT": url}, {"OTEL_SDK_DISABLED": "true"}
    with ExitStack() as stack:
        loaded = [
            await _start(on, name, environment, stack)
            for name, environment in ((OFF, silent), (ON, exporting), (AGAIN, silent))
        ]
        orders = (loaded, loaded[::-1])
        found = [await _round(orders[number % 2]) for number in range(rounds + 1)]
        for one in loaded:
            for client in one.clients:
                client.close()
    return found[1:]  # the first one warms up


async def _round(loaded: Sequence[Loaded]) -> Mapping[str, float]:
    posted = Posted.of(50 * KB)
    before = [one.target.process.cpu for one in loaded]
    for _ in range(TURNS):
        for one in loaded:
            await one.turn(posted)
    return {
        one.target.name: (one.target.process.cpu - cpu) / (TURNS * REQUESTS) * 1000
        for one, cpu in zip(loaded, before, strict=True)
    }


async def _start(on: Stage, name: str, environment: Mapping[str, str], stack: ExitStack) -> Loaded:
    directory = Path(mkdtemp(dir=on.directory))
    place = peers.Place(peers.free_port(), on.upstream_port, on.certificate, directory)
    command = peers.ours(place, peers.ROOT)
    command = replace(command, environment={**command.environment, **environment})
    running = stack.enter_context(process.running(command, on.cores.proxy, log=on.log))
    await answering(place.port, on.trusted)
    target = Target(name, place.port, running, on.trusted)
    return Loaded(target, await target.connect(CLIENTS))


@dataclass(frozen=True, slots=True)
class Spread:
    """The quartiles of some ratios."""

    lower: float
    median: float
    upper: float

    @classmethod
    def of(cls, ratios: Sequence[float]) -> "Spread":
        """Return the quartiles; those of one ratio are itself."""
        several = ratios if len(ratios) > 1 else [*ratios, *ratios]
        return cls(*statistics.quantiles(several, n=4, method="inclusive"))

    def __str__(self) -> str:
        """Return the median with the quartiles."""
        return f"{self.median:.3f} (quartiles {self.lower:.3f} to {self.upper:.3f})"


def ratios(rounds: Sequence[Mapping[str, float]]) -> tuple[Spread, Spread]:
    """Return the cost of the export, and the noise: without it against without it."""
    cost = [2 * one[ON] / (one[OFF] + one[AGAIN]) for one in rounds]
    noise = [one[AGAIN] / one[OFF] for one in rounds]
    return Spread.of(cost), Spread.of(noise)


def main() -> int:
    """Measure and print."""
    parser = arguments.parser("benchmarks.tracing", __doc__)
    arguments.add_rounds(parser, ROUNDS)
    rounds = parser.parse_args().rounds
    # The collector is forked on the core of the load, where upstream runs too.
    with stage() as on, process.pinned(on.cores.load), _collector() as url:
        found = process.run_on(on.cores.load, measure(on, url, rounds))
    cost, noise = ratios(found)
    for name in (OFF, AGAIN, ON):
        print(f"{name:10} {statistics.median(one[name] for one in found):.3f} ms of CPU a request")
    print(f"on : off   {cost}, goal {GOAL}")
    print(f"off : off  {noise}, the noise")
    print(f"{len(found)} rounds of {TURNS * REQUESTS} requests of 50 KB each,", end=" ")
    print(f"{_Collector.received.value / 1e6:.1f} MB exported")
    print("rounds:", " ".join(f"{2 * one[ON] / (one[OFF] + one[AGAIN]):.3f}" for one in found))
    return int(cost.upper > GOAL)


if __name__ == "__main__":
    sys.exit(main())
