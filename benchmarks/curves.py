"""Scaling curves of the proxy alone: what one more byte, stream or watching dashboard costs.

    make bench-curves

For each curve: the points, the slope of the line through them, and whether it is flat, that is,
whether a unit costs no more among many than among few. CPU time is the proxy's own. Exit code 1 if
a curve is not flat.
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from benchmarks import arguments, process
from benchmarks.load import Client, body, request
from benchmarks.peers import OURS
from benchmarks.raw_work import EVENT, START
from benchmarks.resting import answering
from benchmarks.results import describe, one_line_lists
from benchmarks.slopes import Curve, Point
from benchmarks.stage import Stage, stage
from benchmarks.workloads import KB, MB, STAMPS, Posted, Target, measured

KEPT = Path(__file__).with_name("curves.json")
SIZES = (KB, 10 * KB, 100 * KB, MB, 4 * MB, 8 * MB, 16 * MB, 32 * MB)
STREAMS = (1, 10, 50, 100, 200, 500, 1000, 2000)
EVENTS_PER_S = 1000  # of all streams together
WATCHERS = (0, 1, 10, 50, 100, 175, 250)  # the pages take 256 connections
WATCHERS_OF_ONE = 100  # address
WINDOW = 4.0  # seconds that a point is measured for


def save(curves: Iterable[Curve], file: Path) -> None:
    """Write curves as JSON beside those of other names that the file has."""
    known = {curve.name: curve for curve in load(file)} if file.exists() else {}
    known |= {curve.name: curve for curve in curves}
    told = asdict(describe({}, ())) | {"curves": [asdict(curve) for curve in known.values()]}
    file.write_text(one_line_lists(json.dumps(told, indent=1, ensure_ascii=False)) + "\n")


def load(file: Path) -> list[Curve]:
    """Read curves."""
    return [
        Curve(**each | {"points": [tuple(point) for point in each["points"]]})
        for each in json.loads(file.read_text())["curves"]
    ]


async def bodies(target: Target) -> list[Curve]:
    """Measure requests by the size of their bodies."""
    [client] = await target.connect(1)
    points: list[Point] = []
    for size in SIZES:
        posted = Posted.of(size)
        posted.check(await client.start(posted.sent))
        count, end = 0, time.perf_counter() + WINDOW / 2
        with measured(target) as spent:
            while time.perf_counter() < end or count < 3:
                posted.check(await client.start(posted.sent))
                count += 1
        points.append((size / MB, spent.cpu / count * 1000))
    client.close()
    return [Curve("body of a request", "MB", "ms of CPU", points)]


async def streams(target: Target) -> list[Curve]:
    """Measure events, all streams together having the same number of them a second; and memory."""
    costs: list[Point] = []
    memory: list[Point] = []
    for count in STREAMS:
        clients = await target.connect(count)
        gap = count * 1000 // EVENTS_PER_S
        sent = request(f"/paced?{10**6},{gap}", body(50 * KB, stream=True))
        for start in range(0, count, 50):
            some = clients[start : start + 50]
            for client in some:
                client.start(sent)
            await asyncio.gather(*(client.begun() for client in some))
        await asyncio.sleep(1)
        before = _events(clients)
        with measured(target) as spent:
            await asyncio.sleep(WINDOW)
        seen = _events(clients) - before
        costs.append((count, spent.cpu / seen * 1e6))
        memory.append((count, target.process.resident))
        for client in clients:
            client.close()
        await asyncio.sleep(1)
    return [
        Curve(
            "open streams, 1,000 events/s in all",
            "streams",
            "µs of CPU an event",
            costs,
            100,
            False,
        ),
        Curve("open streams, each after 50 KB", "streams", "MB", memory, 100),
    ]


def _events(clients: Iterable[Client]) -> int:
    """Check what came of all streams; return how many events that is."""
    total = 0
    for client in clients:
        count, left = divmod(len(client.content) - len(START), len(EVENT))
        assert not left, "a part of an event"
        assert STAMPS.sub(EVENT, client.content) == START + EVENT * count, "a stream was altered"
        total += count
    return total


async def watchers(target: Target) -> list[Curve]:
    """Measure the dashboards that watch."""
    points: list[Point] = []
    for count in WATCHERS:
        watching = [await _watch(target.pages, number) for number in range(count)]
        reading = [asyncio.ensure_future(reader.read()) for reader, _ in watching]
        with measured(target) as spent:
            await asyncio.sleep(1.5 * WINDOW)
        assert not any(task.done() for task in reading), "a watcher was turned away"
        for task, (_, writer) in zip(reading, watching, strict=True):
            task.cancel()
            writer.close()
        points.append((count, spent.busy * 100))
        await asyncio.sleep(0.5)
    return [Curve("dashboards that watch", "dashboards", "% of a core", points, 100)]


async def _watch(port: int, number: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = f"127.0.0.{2 + number // WATCHERS_OF_ONE}"
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
    writer.write(b"GET /metrics/stream HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
    assert b" 200 " in await reader.readline()
    return reader, writer


CURVES: Mapping[str, Callable[[Target], Awaitable[list[Curve]]]] = {
    "bodies": bodies,
    "streams": streams,
    "watchers": watchers,
}


async def measure(on: Stage, names: Iterable[str]) -> list[Curve]:
    """Measure curves, each on a proxy that has just been started."""
    found: list[Curve] = []
    for name in names:
        with ExitStack() as stack:
            command, port = on.command(OURS)
            running = stack.enter_context(process.running(command, on.cores.proxy, log=on.log))
            await answering(port, on.trusted)
            pages = int(command.environment["ANTHROPIC_PROXY_DASHBOARD_PORT"])
            more = await CURVES[name](Target(OURS, port, running, on.trusted, pages=pages))
            found += more
        for curve in more:
            print("\n".join(curve.lines()), flush=True)
    return found


def main() -> int:
    """Measure and print; return the exit code."""
    parser = arguments.parser("benchmarks.curves", __doc__)
    parser.add_argument("--only", default=",".join(CURVES), help=f"some of {', '.join(CURVES)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the points to this file")
    given = parser.parse_args()
    with stage() as on:
        found = process.run_on(on.cores.load, measure(on, given.only.split(",")))
    if given.json is not None:
        save(found, given.json)
    return 0 if all(curve.flat for curve in found) else 1


if __name__ == "__main__":
    sys.exit(main())
