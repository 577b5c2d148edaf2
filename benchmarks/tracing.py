"""What OpenTelemetry costs: the CPU time of a request with and without the export.

    python -m benchmarks.tracing

A proxy that exports spans and metrics to a collector on loopback, and one that exports nothing,
take turns under the same load: 50 KB requests of 16 clients. The ratio is the median over pairs of
rounds, so that a busy machine weighs on both alike.
"""

import multiprocessing
import statistics
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import mkdtemp

import uvloop

from benchmarks import arguments, peers, process
from benchmarks.resting import answering
from benchmarks.stage import Stage, stage
from benchmarks.workloads import Target, many_requests

GOAL = 1.05  # times the CPU time without the export
CLIENTS = 16
SECONDS = 2.0
ROUNDS = 10


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


async def measure(on: Stage, url: str, rounds: int) -> list[tuple[float, float]]:
    """Return the ms of CPU of a request in each round: without, and with the export."""
    pairs = []
    with ExitStack() as stack:
        off = await _start(on, "off", {}, stack)
        exporting = await _start(on, "on", {"OTEL_EXPORTER_OTLP_ENDPOINT": url}, stack)
        for number in range(rounds):
            order = (off, exporting) if number % 2 else (exporting, off)
            found = {target.name: await _cpu(target) for target in order}
            pairs.append((found["off"], found["on"]))
    return pairs[1:]  # the first one warms up


async def _cpu(target: Target) -> float:
    figures = await many_requests(target, SECONDS, CLIENTS)
    return figures["cpu_ms_per_request"]


async def _start(on: Stage, name: str, environment: Mapping[str, str], stack: ExitStack) -> Target:
    directory = Path(mkdtemp(dir=on.directory))
    place = peers.Place(peers.free_port(), on.upstream_port, on.certificate, directory)
    command = peers.ours(place, peers.ROOT)
    command = replace(command, environment={**command.environment, **environment})
    running = stack.enter_context(process.running(command, None, log=on.log))
    await answering(place.port, on.trusted)
    return Target(name, place.port, running, on.trusted)


def main() -> int:
    """Measure and print."""
    parser = arguments.parser("benchmarks.tracing", __doc__)
    arguments.add_rounds(parser, ROUNDS)
    rounds = parser.parse_args().rounds
    with _collector() as url, stage(pinned=False) as on:
        pairs = uvloop.run(measure(on, url, rounds))
    ratio = statistics.median(on / off for off, on in pairs)
    without, with_export = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"without {without:.3f} ms, with {with_export:.3f} ms of CPU for a request of 50 KB")
    print(f"ratio {ratio:.3f} (goal {GOAL}), {_Collector.received.value / 1e6:.1f} MB exported")
    print("rounds:", " ".join(f"{on / off:.3f}" for off, on in pairs))
    return int(ratio > GOAL)


if __name__ == "__main__":
    sys.exit(main())
