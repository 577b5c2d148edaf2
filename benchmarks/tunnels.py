"""Blind tunnels: CPU time per megabyte, and 1,000 of them beside the API.

Run it with ``python -m benchmarks.tunnels``.

HAProxy in TCP mode, which splices in the kernel and speaks no CONNECT, is the yardstick. Every byte
is checked on the other side.
"""

import argparse
import asyncio
import hashlib
import ssl
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from benchmarks import peers
from benchmarks.load import body, request
from benchmarks.process import MB, Command, Process, run_on, running
from benchmarks.resting import PATIENCE, POLL, listening
from benchmarks.stage import Stage, stage

MEGABYTES = 200
TUNNELS, BEYOND, REQUESTS = 1000, 100, 200
BLOCK = hashlib.shake_256(b"benchmark").digest(MB)  # incompressible
API = "api.anthropic.com:443"
HAPROXY = """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    option splice-auto
listen tunnel
    bind 127.0.0.1:{port}
    server source 127.0.0.1:{source}
"""
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def block(number: int) -> bytes:
    """Return a megabyte that differs from all others."""
    return number.to_bytes(8) + BLOCK[8:]


@asynccontextmanager
async def source(digests: list[str]) -> AsyncIterator[int]:
    """Serve: ``d`` sends the data, ``u`` takes data and notes its digest, else bytes come back."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        order = await reader.read(1)
        if order == b"d":
            for number in range(MEGABYTES):
                writer.write(block(number))
                await writer.drain()
        elif order == b"u":
            digests.append(await digest(reader))
        else:
            while order:
                writer.write(order)
                order = await reader.read(1)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=MB)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def digest(reader: asyncio.StreamReader) -> str:
    """Return the digest of everything that comes."""
    found = hashlib.sha256()
    while data := await reader.read(MB):
        found.update(data)
    return found.hexdigest()


async def tunnel(port: int, target: str) -> tuple[Streams, int]:
    """Ask for a tunnel; return the connection and the status."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=MB)
    writer.write(f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    return (reader, writer), int(head.split(b" ")[1])


async def connectable(port: int) -> None:
    """Wait until somebody listens; the source ends a connection that says nothing."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(POLL)
            else:
                writer.close()
                return


async def transfer(streams: Streams, digests: list[str], *, down: bool) -> bool:
    """Send or receive all of the data; return whether it arrived unaltered."""
    reader, writer = streams
    if down:
        writer.write(b"d")
        arrived = await digest(reader)
    else:
        writer.write(b"u")
        for number in range(MEGABYTES):
            writer.write(block(number))
            await writer.drain()
        writer.write_eof()
        await reader.read(1)
        arrived = digests.pop()
    writer.close()
    whole = hashlib.sha256()
    for number in range(MEGABYTES):
        whole.update(block(number))
    return arrived == whole.hexdigest()


async def moved(name: str, proxy: Process, port: int, target: str | None) -> None:
    """Print what it costs to move the data, both ways."""
    for down in (True, False):
        digests = DIGESTS
        streams = (
            (await tunnel(port, target))[0]
            if target is not None
            else await asyncio.open_connection("127.0.0.1", port, limit=MB)
        )
        cpu, began = proxy.cpu, time.perf_counter()
        unaltered = await transfer(streams, digests, down=down)
        taken, seconds = proxy.cpu - cpu, time.perf_counter() - began
        print(
            f"{name:10} {'down' if down else 'up':5} {MEGABYTES} MB in {seconds:5.2f} s, "
            f"{taken / MEGABYTES * 1000:6.3f} ms CPU per MB, "
            f"{'unaltered' if unaltered else 'ALTERED'}"
        )
        assert unaltered


DIGESTS: list[str] = []


async def many(proxy: Process, forward: int, target: str, trusted: ssl.SSLContext) -> None:
    """Print how the API is served beside 1,000 tunnels, and what becomes of more."""
    resident, descriptors = proxy.resident, proxy.descriptors
    alone = await served(forward, trusted)
    kept = [await tunnel(forward, target) for _ in range(TUNNELS)]
    refused = [await tunnel(forward, target) for _ in range(BEYOND)]
    beside = await served(forward, trusted)
    for (_, writer), _ in kept:
        writer.write(b"e")
    echoed = [await reader.readexactly(1) for (reader, _), _ in kept]
    print(
        f"{sum(status == 200 for _, status in kept)} of {TUNNELS} tunnels open, "
        f"{sum(status == 503 for _, status in refused)} of {BEYOND} more refused (503); "
        f"{len(echoed)} answered a byte; {(proxy.resident - resident) * 1024 / TUNNELS:.1f} KB and "
        f"{(proxy.descriptors - descriptors) / TUNNELS:.1f} descriptors each"
    )
    print(
        f"{REQUESTS} requests to the API's host: median {alone * 1000:.2f} ms alone, "
        f"{beside * 1000:.2f} ms beside them"
    )
    for (_, writer), _ in kept + refused:
        writer.close()


async def served(forward: int, trusted: ssl.SSLContext) -> float:
    """Send requests to the API's host, a tunnel for each; return the median of their seconds."""
    times = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        (reader, writer), status = await tunnel(forward, API)
        assert status == 200
        await writer.start_tls(trusted, server_hostname=API.partition(":")[0])
        writer.write(request("/quick", body(200)))
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 200"), answer
        writer.close()
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]


async def measure(at: Stage) -> None:
    """Run everything."""
    async with source(DIGESTS) as port:
        main, forward = peers.free_port(), peers.free_port()
        place = peers.Place(main, at.upstream_port, at.certificate, at.directory)
        settings = {
            "FORWARD_PORT": str(forward),
            "FORWARD_ALLOW": f"127.0.0.1:{port}",
            "FORWARD_MAX_TUNNELS": str(TUNNELS),
        }
        with running(
            peers.ours(place, peers.ROOT, **settings), at.cores.proxy, log=at.log
        ) as proxy:
            (await listening(main, at.trusted)).close()
            await moved("ours", proxy, forward, f"127.0.0.1:{port}")
            trusted = ssl.create_default_context(cafile=at.directory / "forward" / "ca.crt")
            await many(proxy, forward, f"127.0.0.1:{port}", trusted)
        other = peers.free_port()
        file = at.directory / "tunnel.cfg"
        file.write_text(HAPROXY.format(port=other, source=port))
        command = Command(("haproxy", "-db", "-f", str(file)), at.directory)
        with running(command, at.cores.proxy, log=at.log) as yardstick:
            await connectable(other)
            await moved("HAProxy", yardstick, other, None)


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    with stage() as at:
        try:
            run_on(at.cores.load, measure(at))
        except AssertionError:
            print(Path(at.log).read_text()[-2000:], file=sys.stderr)
            raise


if __name__ == "__main__":
    main()
