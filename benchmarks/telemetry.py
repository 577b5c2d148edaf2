"""What telemetry costs: per exchange, per relayed event, and with many watchers.

Usage: python -m benchmarks.telemetry
"""

import asyncio
import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import structlog
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette

from app import logs
from app.anthropic.prices import Prices
from app.anthropic.tap import Tap
from app.exchange import Progress
from app.pages import metrics
from app.proxy.stopwatch import Stopwatch
from app.telemetry.recorder import Telemetry
from app.telemetry.recorders.access_log import AccessLog
from app.telemetry.sampling.broadcast import Broadcast
from app.telemetry.sampling.sampler import INTERVAL, Sampler
from tests.telemetry.exchanges import PLAIN

EXCHANGES = 20_000
EVENTS = 50_000
WATCHERS = 500
SECONDS = 12.0
SNAPSHOTS = 50_000  # bytes that every watcher must have seen at least

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]

EVENT = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":" some words"}}\n\n'
)
EXCHANGE = replace(
    PLAIN,
    headers={
        f"anthropic-ratelimit-unified-{window}-{field}": value
        for window in ("5h", "7d")
        for field, value in (("utilization", "0.4"), ("status", "allowed"), ("reset", "1790003600"))
    },
)


def telemetry(access_log: AccessLog) -> Telemetry:
    """Return a telemetry that has recorded one exchange."""
    observer = Telemetry(
        prices=Prices.packaged(),
        clock=time.monotonic,
        wall=time.time,
        version="benchmark",
        config={},
        access_log=access_log,
    )
    finish(observer)
    return observer


def finish(observer: Telemetry) -> None:
    """Let an exchange start and end."""
    progress = Progress("messages")
    observer.started(progress)
    observer.finished(progress, EXCHANGE)


def microseconds(work: Callable[[], object], times: int) -> float:
    """Return what one of ``times`` calls takes of the processor."""
    begun = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - begun) / times * 1e6


def exchanges() -> Iterator[str]:
    """Measure a record, and a record with its log line."""
    quiet = telemetry(AccessLog(slow=None))
    yield f"record an exchange          {microseconds(lambda: finish(quiet), EXCHANGES):8.1f} µs"
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - not a path
        sink = logs.configure("info", "json", nowhere)
        loud = telemetry(AccessLog(every=True))
        yield f"... and write its log line  {microseconds(lambda: finish(loud), EXCHANGES):8.1f} µs"
        sink.close()
    structlog.reset_defaults()


def events() -> Iterator[str]:
    """Measure what the relay adds to each event: the tap and the times."""
    watch = Stopwatch(time.monotonic, Progress("messages"))
    tap = Tap("text/event-stream", None)

    watch.awaiting_upstream()

    def relay() -> None:
        arrived = watch.upstream_arrived()
        offered = watch.awaiting_client()
        taken = watch.client_took()
        tap.feed(EVENT)
        watch.relayed(arrived, offered, taken, sent=True, token=tap.first_token, events=tap.events)
        watch.awaiting_upstream()

    yield f"tap and time an event       {microseconds(relay, EVENTS):8.1f} µs"


def samples() -> Iterator[str]:
    """Measure a tick."""
    observer = telemetry(AccessLog(slow=None))
    for _ in range(50):
        finish(observer)
    sampler = Sampler(observer, Broadcast())
    for _ in range(200):
        sampler.tick()
    tick = microseconds(sampler.tick, 100)
    size = len(sampler.tick().encoded)
    yield f"take a snapshot             {tick:8.1f} µs every {INTERVAL} s, {size} bytes"


async def serve_watchers() -> None:
    """Serve the stream; between two lines on standard input, measure; then end."""
    observer = telemetry(AccessLog(slow=None))
    for _ in range(50):
        finish(observer)
    broadcast = Broadcast()
    sampler = Sampler(observer, broadcast)
    config, stop = Config(), asyncio.Event()
    listener = socket.create_server(("127.0.0.1", 0), backlog=WATCHERS)
    print(listener.getsockname()[1], flush=True)
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = None
    app = Starlette(routes=list(metrics.routes(sampler, broadcast)))
    ticking = asyncio.create_task(sampler.run())
    serving = asyncio.create_task(serve(app, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
    await asyncio.to_thread(sys.stdin.readline)
    begun, used = time.monotonic(), time.process_time()
    await asyncio.to_thread(sys.stdin.readline)
    share = (time.process_time() - used) / (time.monotonic() - begun)
    print(share, flush=True)
    ticking.cancel()
    broadcast.close()
    stop.set()
    await serving


async def watched(watchers: int) -> float:
    """Return the share of a core that a process with so many watchers takes."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "benchmarks.telemetry",
        "serve",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    port = int(await server.stdout.readline())
    streams = [await connect(port) for _ in range(watchers)]
    reading = [asyncio.create_task(count(stream)) for stream in streams]
    server.stdin.write(b"begin\n")
    await asyncio.sleep(SECONDS)
    server.stdin.write(b"end\n")
    share = float(await server.stdout.readline())
    received = await asyncio.gather(*reading)
    await server.wait()
    assert all(size > SNAPSHOTS for size in received), "a watcher saw next to nothing"
    return share


async def connect(port: int) -> Stream:
    """Start to watch; return once the first bytes are here."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /metrics/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await reader.readline()
    return reader, writer


async def count(stream: Stream) -> int:
    """Read the stream to its end; return how many bytes came."""
    reader, writer = stream
    received = 0
    while chunk := await reader.read(65_536):
        received += len(chunk)
    writer.close()
    return received


def main() -> None:
    """Print every figure."""
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve_watchers())
        return
    for lines in (exchanges(), events(), samples()):
        for line in lines:
            print(line)
    alone, many = asyncio.run(watched(0)), asyncio.run(watched(WATCHERS))
    print(f"no watcher                  {alone:8.2%} of a core")
    print(f"{WATCHERS} watchers                {many:8.2%} of a core, {many - alone:.2%} more")


if __name__ == "__main__":
    main()
