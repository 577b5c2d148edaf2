"""Our HTTP/2 transport beside httpx's, in one run: ``python -m benchmarks.transport``.

The upstream runs in a process of its own, so that only the client's CPU is counted. Absolute
numbers vary with the machine; the ratios hold.
"""

import asyncio
import gc
import ssl
import statistics
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import httpx

from app.http2 import ProxyEnvironment, Transport
from benchmarks import process
from benchmarks.stage import Stage, stage

MB = 2**20
POSTS, POST_SIZE, AT_ONCE = 1_500, 50_000, 8
STREAMS, EVENTS = 200, 100
UNPACED_STREAMS, UNPACED_EVENTS = 50, 2_000
OPEN = 90

Case = Callable[[httpx.AsyncBaseTransport, str], Awaitable[float]]


@dataclass(frozen=True)
class Row:
    """A case, its unit, and whether more is better."""

    name: str
    unit: str
    run: Case
    more: bool = False
    goal: float | None = None


def request(url: str, path: str, body: bytes = b"") -> httpx.Request:
    """Build a request as the proxy does."""
    return httpx.Request(
        "POST",
        url + path,
        headers=[
            (b"host", httpx.URL(url).netloc),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"authorization", b"Bearer fake-token-for-the-benchmark"),
            (b"anthropic-version", b"2023-06-01"),
            (b"user-agent", b"benchmark"),
        ],
        stream=httpx.ByteStream(body),
        extensions={"timeout": {"connect": 10.0, "read": 60.0, "write": 60.0, "pool": 60.0}},
    )


async def fetch(transport: httpx.AsyncBaseTransport, sent: httpx.Request) -> int:
    """Send a request; return the length of its answer."""
    response = await transport.handle_async_request(sent)
    size = 0
    async for chunk in chunks(response):
        size += len(chunk)
    await response.aclose()
    return size


def chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    """Return the body's chunks as they come."""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    return response.stream.__aiter__()


async def cpu_per_post(transport: httpx.AsyncBaseTransport, url: str) -> float:
    """µs of CPU for a POST of 50 KB answered with 2 KB, eight at a time."""
    body = b"x" * POST_SIZE

    async def client(count: int) -> None:
        for _ in range(count):
            assert await fetch(transport, request(url, "/post", body)) == 2_048

    await client(20)
    started = time.process_time()
    await asyncio.gather(*(client(POSTS // AT_ONCE) for _ in range(AT_ONCE)))
    return (time.process_time() - started) / (POSTS // AT_ONCE * AT_ONCE) * 1e6


async def cpu_per_event(transport: httpx.AsyncBaseTransport, url: str) -> float:
    """µs of CPU for an event that is read, at 200 streams with 50 events a second each."""
    transports = [transport]
    if not isinstance(transport, Transport):  # it has one connection, and its peer allows 100
        transports.append(stock(transport.context))  # type: ignore[attr-defined] # ours, below
        await fetch(transports[1], request(url, "/quick"))
    await fetch(transport, request(url, "/quick"))
    started = time.process_time()
    await asyncio.gather(
        *(
            fetch(transports[number % len(transports)], request(url, f"/paced?{EVENTS},20"))
            for number in range(STREAMS)
        )
    )
    spent = time.process_time() - started
    for extra in transports[1:]:
        await extra.aclose()
    return spent / (STREAMS * EVENTS) * 1e6


async def events_per_second(transport: httpx.AsyncBaseTransport, url: str) -> float:
    """Events a second at 50 streams, as fast as they come."""
    await fetch(transport, request(url, "/quick"))
    started = time.perf_counter()
    await asyncio.gather(
        *(
            fetch(transport, request(url, f"/unpaced?{UNPACED_EVENTS}"))
            for _ in range(UNPACED_STREAMS)
        )
    )
    return UNPACED_STREAMS * UNPACED_EVENTS / (time.perf_counter() - started)


async def upload(transport: httpx.AsyncBaseTransport, url: str) -> float:
    """MB a second of a body of 32 MB."""
    await fetch(transport, request(url, "/quick"))
    started = time.perf_counter()
    await fetch(transport, request(url, "/sink", b"x" * (32 * MB)))
    return 32 / (time.perf_counter() - started)


async def sibling_latency(transport: httpx.AsyncBaseTransport, url: str) -> float:
    """Median ms of a small request while a body of 64 MB goes up."""
    await fetch(transport, request(url, "/quick"))
    large = asyncio.ensure_future(fetch(transport, request(url, "/sink", b"x" * (64 * MB))))
    latencies = []
    await asyncio.sleep(0.02)
    while not large.done():
        started = time.perf_counter()
        await fetch(transport, request(url, "/quick"))
        latencies.append(time.perf_counter() - started)
    await large
    return statistics.median(latencies) * 1e3


async def memory_per_stream(transport: httpx.AsyncBaseTransport, url: str) -> float:
    """KiB of Python's memory for a stream that is open and silent."""
    await fetch(transport, request(url, "/quick"))
    tracemalloc.start()
    gc.collect()
    before, _ = tracemalloc.get_traced_memory()
    streams = [await transport.handle_async_request(request(url, "/open")) for _ in range(OPEN)]
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for stream in streams:
        await stream.aclose()
    return (after - before) / OPEN / 1024


ROWS = [
    Row("CPU per POST of 50 KB → 2 KB", "µs", cpu_per_post, goal=2.3),
    Row("CPU per event, 200 streams", "µs", cpu_per_event, goal=2.0),
    Row("unpaced events, 50 streams", "/s", events_per_second, more=True),
    Row("upload of 32 MB", "MB/s", upload, more=True, goal=10.0),
    Row("sibling's latency beside 64 MB", "ms", sibling_latency),
    Row("memory per open stream", "KiB", memory_per_stream),
]


class Stock(httpx.AsyncHTTPTransport):
    """httpx's own transport, with the context it was made with."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, http1=False, http2=True)
        self.context = context


def stock(context: ssl.SSLContext) -> httpx.AsyncBaseTransport:
    """Make httpx's transport."""
    return Stock(context)


def ours(context: ssl.SSLContext) -> httpx.AsyncBaseTransport:
    """Make our transport."""
    return Transport(ssl_context=context, proxies=ProxyEnvironment({}))


async def measure(
    make: Callable[[ssl.SSLContext], httpx.AsyncBaseTransport],
    row: Row,
    url: str,
    trusted: ssl.SSLContext,
) -> float:
    """Run a case on a new transport."""
    transport = make(trusted)
    try:
        return await row.run(transport, url)
    finally:
        await transport.aclose()


async def compare(on: Stage) -> None:
    """Print a line per case: httpx's number, ours, and how many times better ours is."""
    url = f"https://localhost:{on.upstream_port}"
    print(f"{'case':32}{'httpx':>10}{'ours':>10}  unit   better by")
    for row in ROWS:
        theirs = await measure(stock, row, url, on.trusted)
        mine = await measure(ours, row, url, on.trusted)
        ratio = mine / theirs if row.more else theirs / mine
        goal = "" if row.goal is None else f"  (goal {row.goal})"
        print(f"{row.name:32}{theirs:10,.1f}{mine:10,.1f}  {row.unit:6}{ratio:6.1f}{goal}")


def main() -> None:
    """Compare on a core of our own."""
    with stage() as on:
        process.run_on(on.cores.proxy, compare(on))


if __name__ == "__main__":
    main()
