"""Resident memory of the proxy with many open streams, and after aborted uploads.

``python -m benchmarks.memory``: the proxy and the upstream run in processes of their own, with
default settings. Needs Linux (/proc).
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import h11

from tests.http2.tls import Tls, self_signed

MB = 2**20
Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def start(*command: str, env: dict[str, str] | None = None) -> asyncio.subprocess.Process:
    """Start a program whose standard output is read."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | (env or {}),
    )


def resident(process: asyncio.subprocess.Process) -> float:
    """MiB of a process that lie in memory."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


@asynccontextmanager
async def proxy(tls: Tls, upstream: int) -> AsyncIterator[tuple[asyncio.subprocess.Process, int]]:
    """Run the proxy; yields it and its port."""
    process = await start(
        "-m",
        "app",
        "serve",
        env={
            "ANTHROPIC_PROXY_HOST": "127.0.0.1",
            "ANTHROPIC_PROXY_PORT": "0",
            "ANTHROPIC_PROXY_DASHBOARD_PORT": "0",
            "ANTHROPIC_PROXY_UPSTREAM_BASE_URL": f"https://localhost:{upstream}",
            "ANTHROPIC_PROXY_UPSTREAM_CA_FILE": str(tls.certificate),
            "ANTHROPIC_PROXY_TLS_CERT_FILE": str(tls.certificate),
            "ANTHROPIC_PROXY_TLS_KEY_FILE": str(tls.key),
            "ANTHROPIC_PROXY_LOG_FORMAT": "json",
        },
    )
    assert process.stdout is not None
    try:
        while b'"started"' not in (line := await process.stdout.readline()):
            assert line, "the proxy did not start"
        reading = asyncio.ensure_future(process.stdout.read())
        yield process, int(line.partition(b'"port": ')[2].partition(b",")[0].strip(b"} \n"))
        reading.cancel()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def post(tls: Tls, port: int, path: str, size: int, *, announced: int) -> Ends:
    """Send ``size`` bytes of a body over a new HTTP/1.1 connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls.client())
    client = h11.Connection(h11.CLIENT)
    head = h11.Request(
        method="POST", target=path, headers=[("host", "x"), ("content-length", str(announced))]
    )
    writer.write(client.send(head) or b"")
    for _ in range(size // (64 * 1024)):
        writer.write(b" " * 64 * 1024)
        await writer.drain()
    return reader, writer


async def open_streams(
    tls: Tls, process: asyncio.subprocess.Process, port: int, count: int
) -> None:
    """Print what ``count`` open streams of 1 MB bodies take."""
    before = resident(process)

    async def one() -> asyncio.StreamWriter:
        reader, writer = await post(tls, port, "/open", MB, announced=MB)
        assert b" 200 " in await reader.readline()
        return writer

    writers = []
    for _ in range(count // 20):
        writers += await asyncio.gather(*(one() for _ in range(20)))
    await asyncio.sleep(1)
    print(f"{count} open streams of 1 MB bodies: {before:.0f} -> {resident(process):.0f} MiB")
    for writer in writers:
        writer.transport.abort()
    await asyncio.sleep(2)
    print(f"  after they left: {resident(process):.0f} MiB")


async def aborted(tls: Tls, process: asyncio.subprocess.Process, port: int) -> None:
    """Print what stays of 40 uploads of 31 MiB that never ended."""
    before = resident(process)
    for _ in range(2):
        ends = await asyncio.gather(
            *(post(tls, port, "/v1/messages", 31 * MB, announced=32 * MB) for _ in range(20))
        )
        most = resident(process)
        for _, writer in ends:
            writer.transport.abort()
        await asyncio.sleep(8)  # the heap is trimmed every 5 s
        print(f"20 uploads of 31 MiB: {before:.0f} -> {most:.0f}, left {resident(process):.0f} MiB")


async def main() -> None:
    """Run both cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    streams = parser.parse_args().streams
    with tempfile.TemporaryDirectory() as folder:
        tls = self_signed(Path(folder))
        upstream = await start("-m", "benchmarks.raw_upstream", str(tls.certificate), str(tls.key))
        assert upstream.stdout is not None
        assert upstream.stdin is not None
        target = int(await upstream.stdout.readline())
        async with proxy(tls, target) as (process, port):
            await open_streams(tls, process, port, streams)
        async with proxy(tls, target) as (process, port):
            await aborted(tls, process, port)
        upstream.stdin.close()
        await upstream.wait()


if __name__ == "__main__":
    asyncio.run(main())
