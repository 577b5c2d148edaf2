"""How soon upstream learns that a client has left, over both of its protocols.

python -m benchmarks.leaving
"""

import asyncio
import ssl
import statistics
import tempfile
from pathlib import Path

import httpx

from app import certificates
from app.certificates import Certificate
from simulator import Simulator, Step
from tests.proxying import STREAM, proxying, simulated, until

ABORTS = 100


async def leaving(certificate: Certificate, trusted: ssl.SSLContext) -> None:
    """Print the median and the 99th percentile over HTTP/2 and HTTP/1.1."""
    for http2 in (True, False):
        async with (
            simulated(certificate, http2=http2) as upstream,
            proxying(upstream.url, certificate) as proxy,
            httpx.AsyncClient(base_url=proxy.url, verify=trusted, timeout=60) as session,
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


async def main() -> None:
    """Measure once."""
    with tempfile.TemporaryDirectory() as directory:
        certificate = certificates.ensure(Path(directory), ("localhost", "127.0.0.1"))
        await leaving(certificate, ssl.create_default_context(cafile=certificate.ca_file))


if __name__ == "__main__":
    asyncio.run(main())
