"""What one client can cost the others: floods beside a sibling, and readers that stop.

    python -m benchmarks.front_door

The proxy, the attackers, the upstream and this measuring sibling are processes of their own on
loopback. Printed: for each flood the sibling's median and worst time for a health check, beside
that without a flood; memory after flooders that connected again and again; and what a stopped
reader of a large answer costs, over HTTP/1.1 and HTTP/2. Needs Linux (/proc).
"""

import asyncio
import ssl
import statistics
import sys
import tempfile
import time
from pathlib import Path

import httpx
from h2.config import H2Configuration
from h2.connection import H2Connection

from app import certificates
from app.certificates import Certificate
from benchmarks.attackers import FLOODS
from benchmarks.soak import Proxy, running
from simulator import Simulator, Step
from tests.proxying import simulated

READERS = 25
SECONDS = 3.0  # of each flood
EVENT = b'event: ping\ndata: {"type": "ping", "fake": "%b"}\n\n' % (b"x" * 16_000)
ANSWER = Step(  # larger than the sockets' buffers
    body=EVENT * (12 * 2**20 // len(EVENT)),
    headers=(("content-type", "text/event-stream"),),
    times=READERS,
)
BODY = b'{"model":"claude-sonnet-4-5","messages":[],"stream":true,"max_tokens":9}'


async def sibling(proxy: Proxy, trust: ssl.SSLContext, seconds: float) -> list[float]:
    """Return how long health checks took, one connection for all."""
    took = []
    url = f"https://127.0.0.1:{proxy.port}"
    async with httpx.AsyncClient(base_url=url, verify=trust, timeout=60) as session:
        await session.get("/health")
        end = time.perf_counter() + seconds
        while (started := time.perf_counter()) < end:
            (await session.get("/health")).raise_for_status()
            took.append(time.perf_counter() - started)
            await asyncio.sleep(0.01)
    return took


async def flood(proxy: Proxy, certificate: Certificate, trust: ssl.SSLContext, kind: str) -> None:
    """Print a sibling's times beside one flood."""
    attacker = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.attackers", kind, str(proxy.port)),
        *(str(certificate.ca_file), str(SECONDS)),
        stdout=asyncio.subprocess.PIPE,
    )
    took = await sibling(proxy, trust, SECONDS + 0.5)
    output, _ = await attacker.communicate()
    sent, connections = map(int, output.split())
    report(
        kind,
        took,
        f"{sent / SECONDS / 1e6:.1f} MB/s, {connections} connections",
        proxy.process.resident,
    )


def report(what: str, took: list[float], note: str, resident: float) -> None:
    """Print one line."""
    median, worst = 1000 * statistics.median(took), 1000 * max(took)
    print(f"{what:16} {median:6.1f} ms {worst:7.1f} ms at worst, {resident:.0f} MiB  {note}")


async def stopped(proxy: Proxy, upstream: Simulator, trust: ssl.SSLContext, protocol: str) -> None:
    """Print what each of many stopped readers of a large answer costs."""
    upstream.reset()
    upstream.script(ANSWER)
    before = proxy.process.resident
    writers = []
    for _ in range(READERS):
        trust.set_alpn_protocols([protocol])
        _, writer = await asyncio.open_connection(
            "127.0.0.1", proxy.port, ssl=trust, ssl_shutdown_timeout=0.2
        )
        writer.write(_over_http2() if protocol == "h2" else _over_http1())
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writers.append(writer)
    await asyncio.sleep(10)
    assert len(upstream.received) == READERS
    assert all(received.status == 200 and not received.ended for received in upstream.received)
    each = (proxy.process.resident - before) / READERS
    print(f"stopped readers  {protocol:8} {each:6.2f} MiB each, of {READERS}")
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(3)


def _over_http1() -> bytes:
    return b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%b" % (
        len(BODY),
        BODY,
    )


def _over_http2() -> bytes:
    connection = H2Connection(H2Configuration())
    connection.initiate_connection()
    connection.send_headers(
        1,
        [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "localhost"),
            (":path", "/v1/messages"),
        ],
    )
    connection.send_data(1, BODY, end_stream=True)
    return connection.data_to_send()


async def main() -> None:
    """Measure everything once."""
    with tempfile.TemporaryDirectory() as directory:
        certificate = certificates.ensure(Path(directory), ("localhost", "127.0.0.1"))
        trust = ssl.create_default_context(cafile=certificate.ca_file)
        async with simulated(certificate) as upstream:
            for protocol in ("http/1.1", "h2"):
                async with running(upstream, certificate, WRITE_IDLE="300") as proxy:
                    await stopped(proxy, upstream, trust, protocol)
            async with running(upstream, certificate) as proxy:
                report("no flood", await sibling(proxy, trust, SECONDS), "", proxy.process.resident)
                for kind in FLOODS:
                    await flood(proxy, certificate, trust, kind)
                await asyncio.sleep(3)
                print(f"after all floods {proxy.process.resident:.0f} MiB")


if __name__ == "__main__":
    asyncio.run(main())
