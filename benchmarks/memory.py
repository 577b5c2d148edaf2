"""Memory of the proxy over time: many streams for long, and uploads that are broken off.

    make bench-memory MINUTES=30

Clients take one slow stream after the other, each after a request of 50 KB. Printed once a minute:
resident memory; at the end its slope after the first third, which is taken for warming up. Then
uploads of 31 MB end in the middle, twice. Exit code 1 if memory grows by more than 5 MB an hour.
"""

import asyncio
import sys
import time
from contextlib import ExitStack

from benchmarks import arguments, process, slopes
from benchmarks.load import Client, body, request
from benchmarks.peers import OURS
from benchmarks.process import MB, Process
from benchmarks.resting import answering
from benchmarks.stage import Stage, stage
from benchmarks.workloads import KB, Target, relay_delays

EVENTS, GAP = 30, 500  # of a stream: events, and ms between them
SAMPLE, TOLD = 5.0, 12  # seconds between samples; each of so many is printed
LIMIT = 5.0  # MB an hour
UPLOADS, UPLOAD = 20, 31 * MB


async def _turns(client: Client, wait: float, end: float) -> int:
    """Take one stream after the other until ``end``; return how many."""
    await asyncio.sleep(wait)
    sent, count = request(f"/paced?{EVENTS},{GAP}", body(50 * KB, stream=True)), 0
    while time.monotonic() < end:
        relay_delays(await client.start(sent), EVENTS)
        count += 1
    return count


async def _watch(running: Process, end: float) -> list[tuple[float, float]]:
    """Return hours and MB, once in a while until ``end``."""
    began = time.monotonic()
    points: list[tuple[float, float]] = []
    while (now := time.monotonic()) < end:
        if len(points) % TOLD == 0:
            print(f"{(now - began) / 60:5.0f} min  {running.resident:7.1f} MB", flush=True)
        points.append(((now - began) / 3600, running.resident))
        await asyncio.sleep(SAMPLE)
    return points


async def steady(target: Target, minutes: float, streams: int) -> float:
    """Keep streams open for so long; print and return the slope, in MB an hour."""
    clients = await target.connect(streams)
    end = time.monotonic() + 60 * minutes
    waits = (number * EVENTS * GAP / 1000 / streams for number in range(streams))
    turns = [_turns(client, wait, end) for client, wait in zip(clients, waits, strict=True)]
    watching = asyncio.ensure_future(_watch(target.process, end))
    counts = await asyncio.gather(*turns)
    points = await watching
    for client in clients:
        client.close()
    warm = points[len(points) // 3 :]
    slope = slopes.line(warm).each
    sizes = [size for _, size in warm]
    print(
        f"{streams} streams, {minutes:g} minutes, {sum(counts)} answers, none altered: "
        f"{min(sizes):.1f} to {max(sizes):.1f} MB, {slope:+.1f} MB an hour"
    )
    return slope


async def _break_off(target: Target) -> None:
    """Begin large uploads, and end their connections in the middle."""
    whole = request("/sink", body(UPLOAD + MB))[:UPLOAD]
    clients = await target.connect(UPLOADS)
    for client in clients:
        client.start(whole)
        await asyncio.sleep(0.1)
    await asyncio.sleep(3)
    print(f"{UPLOADS} uploads of {UPLOAD // MB} MB under way: {target.process.resident:.0f} MB")
    for client in clients:
        client.close()
    await asyncio.sleep(8)  # the heap is trimmed every 5 s
    print(f"  broken off: {target.process.resident:.0f} MB")


async def measure(on: Stage, minutes: float, streams: int) -> float:
    """Start the proxy and measure both; return the slope."""
    with ExitStack() as stack:
        command, port = on.command(OURS)
        running = stack.enter_context(process.running(command, on.cores.proxy, log=on.log))
        await answering(port, on.trusted)
        target = Target(OURS, port, running, on.trusted)
        slope = await steady(target, minutes, streams)
        for _ in range(2):
            await _break_off(target)
    return slope


def main() -> int:
    """Measure; return the exit code."""
    parser = arguments.parser("benchmarks.memory", __doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="default: 30")
    parser.add_argument("--streams", type=int, default=200, help="default: 200")
    given = parser.parse_args()
    with stage() as on:
        slope = process.run_on(on.cores.load, measure(on, given.minutes, given.streams))
    return 0 if slope <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
