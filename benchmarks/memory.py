"""Memory of the proxy over time: many streams for long, then stalls, and uploads broken off.

    make bench-memory MINUTES=30

Clients take one slow stream after the other, each after a request of 50 KB. Printed once a minute:
resident memory; at the end its slope after the first third, which is taken for warming up.

Another program that needs the processor makes the proxy fall behind, and what its clients send
meanwhile waits in the heap. So the same clients go on while the proxy is stopped again and again,
for three minutes: the most that waits at a time is soon reached, and later stalls find that room.
Then uploads of 31 MB end in the middle, twice.

Exit code 1 if memory grows by more than 5 MB an hour, or the last minute of stalls adds over 1 MB.
"""

import asyncio
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

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
STALLS = 3  # minutes with stalls
STALLED, BETWEEN = 3.0, 7.0  # seconds of a stall, and until the next
AGAIN = 1.0  # MB that the last minute of stalls may add
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


async def _streaming(target: Target, minutes: float, streams: int) -> int:
    """Keep streams open for so long; return how many answers there were."""
    clients = await target.connect(streams)
    end = time.monotonic() + 60 * minutes
    waits = (number * EVENTS * GAP / 1000 / streams for number in range(streams))
    turns = [_turns(client, wait, end) for client, wait in zip(clients, waits, strict=True)]
    counts = await asyncio.gather(*turns)
    for client in clients:
        client.close()
    return sum(counts)


async def steady(target: Target, minutes: float, streams: int) -> float:
    """Keep streams open for so long; print and return the slope, in MB an hour."""
    watching = asyncio.ensure_future(_watch(target.process, time.monotonic() + 60 * minutes))
    answers = await _streaming(target, minutes, streams)
    points = await watching
    warm = points[len(points) // 3 :]
    slope = slopes.line(warm).each
    sizes = [size for _, size in warm]
    print(
        f"{streams} streams, {minutes:g} minutes, {answers} answers, none altered: "
        f"{min(sizes):.1f} to {max(sizes):.1f} MB, {slope:+.1f} MB an hour"
    )
    return slope


async def stalling(target: Target, streams: int) -> float:
    """Stop the proxy again and again; return what the last minute added, in MB."""
    going = asyncio.ensure_future(_streaming(target, STALLS, streams))
    sizes: list[float] = []
    for _ in range(STALLS):
        for _ in range(round(60 / (STALLED + BETWEEN))):
            with _stopped(target.process):
                await asyncio.sleep(STALLED)
            await asyncio.sleep(BETWEEN)
        sizes.append(target.process.resident)
    answers = await going
    told = ", ".join(f"{size:.1f}" for size in sizes)
    print(f"stalls of {STALLED:g} s, {answers} answers, none altered: {told} MB after each minute")
    return sizes[-1] - sizes[-2]


@contextmanager
def _stopped(running: Process) -> Iterator[None]:
    running.child.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        running.child.send_signal(signal.SIGCONT)


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


async def measure(on: Stage, minutes: float, streams: int) -> tuple[float, float]:
    """Start the proxy and measure; return the slope, and what the last minute of stalls added."""
    with ExitStack() as stack:
        command, port = on.command(OURS)
        running = stack.enter_context(process.running(command, on.cores.proxy, log=on.log))
        await answering(port, on.trusted)
        target = Target(OURS, port, running, on.trusted)
        slope = await steady(target, minutes, streams)
        added = await stalling(target, streams)
        for _ in range(2):
            await _break_off(target)
    return slope, added


def main() -> int:
    """Measure; return the exit code."""
    parser = arguments.parser("benchmarks.memory", __doc__)
    parser.add_argument("--minutes", type=float, default=30.0, help="default: 30")
    parser.add_argument("--streams", type=int, default=200, help="default: 200")
    given = parser.parse_args()
    with stage() as on:
        slope, added = process.run_on(on.cores.load, measure(on, given.minutes, given.streams))
    return 0 if slope <= LIMIT and added <= AGAIN else 1


if __name__ == "__main__":
    sys.exit(main())
