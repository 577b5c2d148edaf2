"""The whole proxy beside going straight to upstream, each part in a process of its own.

    python -m benchmarks.proxy

Printed: latency and throughput of both ways in the same run, how soon an event arrives, how soon
upstream learns that a client has left, and the proxy's CPU time per request.
"""

import asyncio
import os
import re
import ssl
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app import certificates
from app.certificates import Certificate
from app.http2 import ProxyEnvironment, Transport
from app.telemetry.recorders.access_log import AccessLog
from benchmarks.telemetry import EXCHANGES, finish, microseconds, telemetry
from simulator import Simulator, Step
from tests.proxying import STREAM, proxying, simulated, until

BODY = b'{"model":"claude-sonnet-5","messages":[],"padding":"' + b"x" * 50_000 + b'"}'
REQUESTS = 500
PARALLEL = 8
ABORTS = 100


@dataclass(frozen=True, slots=True)
class Server:
    """A program that listens."""

    pid: int
    url: str

    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def program(pattern: str, *arguments: str, **settings: str) -> AsyncIterator[Server]:
    """Run the command line; its URL is what ``pattern`` finds in the first lines it prints."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "app",
        *arguments,
        env=os.environ | {f"ANTHROPIC_PROXY_{name}": value for name, value in settings.items()},
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(20):
            while True:
                line = (await process.stdout.readline()).decode() if process.stdout else ""
                if found := re.search(pattern, line):
                    break
        yield Server(process.pid, found[0])
    finally:
        process.terminate()
        await process.wait()


def client(url: str, trusted: ssl.SSLContext) -> httpx.AsyncClient:
    """Return the same client for both ways."""
    transport = Transport(ssl_context=trusted, proxies=ProxyEnvironment({}))
    return httpx.AsyncClient(base_url=url, transport=transport, timeout=60)


async def requests(session: httpx.AsyncClient) -> list[float]:
    """Return the seconds that each of many 50 KB requests took."""
    took: list[float] = []

    async def some() -> None:
        for _ in range(REQUESTS // PARALLEL):
            started = time.perf_counter()
            (await session.post("/v1/messages", content=BODY)).raise_for_status()
            took.append(time.perf_counter() - started)

    await asyncio.gather(*(some() for _ in range(PARALLEL)))
    return took


async def throughput(certificate: Certificate, trusted: ssl.SSLContext) -> None:
    """Print latency and CPU of 50 KB requests, straight and through the proxy."""
    observer = telemetry(AccessLog(slow=None))
    files = "--certificate", str(certificate.cert_file), "--key", str(certificate.key_file)
    async with (
        program(r"https://\S+", "simulate", "--port", "0", *files) as upstream,
        program(
            r"https://localhost:\d+",
            "serve",
            PORT="0",
            DASHBOARD_PORT="0",
            UPSTREAM_BASE_URL=upstream.url,
            UPSTREAM_CA_FILE=str(certificate.ca_file),
            TLS_CERT_FILE=str(certificate.cert_file),
            TLS_KEY_FILE=str(certificate.key_file),
        ) as proxy,
    ):
        for name, server in (("straight", upstream), ("proxied", proxy)):
            async with client(server.url, trusted) as session:
                await requests(session)  # warm
                before, started = proxy.cpu(), time.perf_counter()
                took = await requests(session)
                elapsed, cpu = time.perf_counter() - started, proxy.cpu() - before
            print(
                f"50 KB request, {name:9} p50 {statistics.median(took) * 1e3:6.2f} ms  "
                f"{len(took) / elapsed:7.0f} requests/s  "
                f"proxy's CPU {cpu / len(took) * 1e6:6.0f} µs a request"
            )
    recording = microseconds(lambda: finish(observer), EXCHANGES)
    print(f"telemetry {recording:.0f} µs of these: {recording / (cpu / len(took) * 1e6):.1%}")


async def relaying(certificate: Certificate, trusted: ssl.SSLContext) -> None:
    """Print how soon an event reaches the client after upstream sent it."""
    async with simulated(certificate) as upstream, proxying(upstream.url, certificate) as proxy:
        for name, url in (("straight", upstream.url), ("proxied", proxy.url)):
            upstream.script(Step(deltas=("x",) * 200, gap=0.01))
            delays: list[float] = []
            async with (
                client(url, trusted) as session,
                session.stream("POST", "/v1/messages", json=STREAM) as answer,
            ):
                seen, sent_at = 0, time.perf_counter()
                async for chunk in answer.aiter_raw():
                    seen += len(chunk)
                    now = time.perf_counter()
                    delays.append(now - sent_at)
                    sent_at = await _sent_after(upstream, seen)
            print(
                f"event, {name:9} p50 {statistics.median(delays) * 1e3:6.2f} ms after it was sent"
            )


async def _sent_after(upstream: Simulator, size: int) -> float:
    """Wait until upstream has sent more than ``size`` bytes; return when that was noticed."""
    received = upstream.received[-1]
    while len(received.sent) <= size and received.ended is None:  # noqa: ASYNC110 - at once
        await asyncio.sleep(0)
    return time.perf_counter()


async def leaving(certificate: Certificate, trusted: ssl.SSLContext) -> None:
    """Print how soon upstream learns that a client has left, over both of its protocols."""
    for http2 in (True, False):
        async with (
            simulated(certificate, http2=http2) as upstream,
            proxying(upstream.url, certificate) as proxy,
            client(proxy.url, trusted) as session,
        ):
            delays = [await _leave(upstream, session) for _ in range(ABORTS)]
        name = "HTTP/2" if http2 else "HTTP/1.1"
        print(
            f"client left, {name:8} upstream told after "
            f"p50 {statistics.median(delays) * 1e3:5.1f} ms, "
            f"p99 {statistics.quantiles(delays, n=100)[98] * 1e3:5.1f} ms"
        )


async def _leave(upstream: Simulator, session: httpx.AsyncClient) -> float:
    upstream.script(Step(fault="stall"))
    count = len(upstream.received)
    request = asyncio.create_task(session.post("/v1/messages", json=STREAM))
    await until(lambda: len(upstream.received) > count and bool(upstream.received[-1].sent))
    await asyncio.sleep(0.01)
    left = asyncio.get_running_loop().time()
    request.cancel()
    await until(lambda: upstream.received[-1].ended is not None)
    return (upstream.received[-1].ended_at or left) - left


PARTS: tuple[Callable[[Certificate, ssl.SSLContext], Awaitable[None]], ...] = (
    throughput,
    relaying,
    leaving,
)


async def main() -> None:
    """Run every part."""
    with tempfile.TemporaryDirectory() as directory:
        certificate = certificates.ensure(Path(directory), ("localhost", "127.0.0.1"))
        trusted = ssl.create_default_context(cafile=certificate.ca_file)
        for part in PARTS:
            await part(certificate, trusted)


if __name__ == "__main__":
    asyncio.run(main())
