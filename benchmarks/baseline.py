"""The proxy beside a naive one, in one run: the processor time of a request and of an event.

    python -m benchmarks.baseline [ROUNDS]

Clients speak HTTP/1.1 over TLS, as Claude Code does, upstream is `benchmarks.raw_upstream`. Each
part is a process of its own, rounds alternate between the proxies, and each answer is checked.
Printed: the median of the rounds, and its ratio to the naive proxy's.
"""

import asyncio
import os
import re
import ssl
import statistics
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from app import certificates
from app.certificates import Certificate
from benchmarks.proxy import Server, program
from benchmarks.raw_upstream import EVENT

ROUNDS = 5
REQUESTS, CLIENTS = 400, 8
BODY = b'{"model":"claude-sonnet-5","messages":[],"padding":"' + b"x" * 50_000 + b'"}'
STREAMS, EVENTS = 50, 100
STARTED = 20.0  # seconds that a program may take


@asynccontextmanager
async def module(name: str, *arguments: str) -> AsyncIterator[Server]:
    """Run a module of the benchmarks that prints its port or URL."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"benchmarks.{name}",
        *arguments,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(STARTED):
            printed = (await process.stdout.readline()).decode().strip()
        url = printed if printed.startswith("https:") else f"https://localhost:{printed}"
        yield Server(process.pid, url)
    finally:
        process.kill()
        await process.wait()


class Client:
    """One kept-alive HTTP/1.1 connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def connect(cls, server: Server, trusted: ssl.SSLContext) -> "Client":
        """Connect to ``server``."""
        port = int(server.url.rpartition(":")[2])
        return cls(*await asyncio.open_connection("localhost", port, ssl=trusted))

    async def post(self, work: bytes, body: bytes) -> int:
        """Send a message and read the answer; return the size of its body."""
        self._writer.write(
            b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"x-api-key: fake\r\nanthropic-version: 2023-06-01\r\nx-work: %b\r\n"
            b"content-length: %d\r\n\r\n%b" % (work, len(body), body)
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = re.search(rb"content-length: (\d+)", head)
        if length is not None:
            return len(await self._reader.readexactly(int(length[1])))
        size = 0
        while chunk := int(await self._reader.readuntil(b"\r\n"), 16):
            await self._reader.readexactly(chunk + 2)
            size += chunk
        await self._reader.readexactly(2)
        return size

    def close(self) -> None:
        """Close the connection."""
        self._writer.close()


async def request_cost(server: Server, trusted: ssl.SSLContext) -> float:
    """Return the microseconds of processor time of one 50 KB request."""
    clients = [await Client.connect(server, trusted) for _ in range(CLIENTS)]

    async def some(client: Client) -> None:
        for _ in range(REQUESTS // CLIENTS):
            assert await client.post(b"/post", BODY) == 2048

    before = server.cpu()
    await asyncio.gather(*map(some, clients))
    for client in clients:
        client.close()
    return (server.cpu() - before) / REQUESTS * 1e6


async def event_cost(server: Server, trusted: ssl.SSLContext) -> float:
    """Return the microseconds of processor time of one event of many paced streams."""
    clients = [await Client.connect(server, trusted) for _ in range(STREAMS)]
    before = server.cpu()
    work = b"/paced?%d" % EVENTS
    sizes = await asyncio.gather(*(client.post(work, b'{"stream":true}') for client in clients))
    assert set(sizes) == {EVENTS * len(EVENT)}
    for client in clients:
        client.close()
    return (server.cpu() - before) / STREAMS / EVENTS * 1e6


async def run(rounds: int, certificate: Certificate) -> None:
    """Measure both proxies in turns and print the medians."""
    trusted = ssl.create_default_context(cafile=certificate.ca_file)
    files = str(certificate.cert_file), str(certificate.key_file)
    async with AsyncExitStack() as running:
        upstream = await running.enter_async_context(module("raw_upstream", *files))
        naive = module("naive", upstream.url, str(certificate.ca_file), *files)
        own = program(
            r"https://localhost:\d+",
            "serve",
            PORT="0",
            DASHBOARD_PORT="0",
            UPSTREAM_BASE_URL=upstream.url,
            UPSTREAM_CA_FILE=str(certificate.ca_file),
            TLS_CERT_FILE=files[0],
            TLS_KEY_FILE=files[1],
        )
        servers = {
            "naive": await running.enter_async_context(naive),
            "proxy": await running.enter_async_context(own),
        }
        for name, cost in (("50 KB request", request_cost), ("paced event", event_cost)):
            taken: dict[str, list[float]] = {key: [] for key in servers}
            for _ in range(rounds + 1):  # the first warms up
                for key, server in servers.items():
                    taken[key].append(await cost(server, trusted))
            middle = {key: statistics.median(values[1:]) for key, values in taken.items()}
            print(
                f"{name}: naive {middle['naive']:.0f} µs, proxy {middle['proxy']:.0f} µs, "
                f"ratio {middle['proxy'] / middle['naive']:.2f} "
                f"(rounds {', '.join(f'{p / n:.2f}' for n, p in _rounds(taken))})",
                flush=True,
            )


def _rounds(taken: dict[str, list[float]]) -> list[tuple[float, float]]:
    return list(zip(taken["naive"][1:], taken["proxy"][1:], strict=True))


def main() -> None:
    """Run in a temporary directory; nothing of this machine's settings counts."""
    for name in [name for name in os.environ if name.startswith("ANTHROPIC_PROXY_")]:
        del os.environ[name]
    with tempfile.TemporaryDirectory() as directory:
        certificate = certificates.ensure(Path(directory), ("localhost", "127.0.0.1"))
        rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
        asyncio.run(run(rounds, certificate))


if __name__ == "__main__":
    main()
