"""What a proxy takes while it does little: at start, idle, and with many open streams."""

import asyncio
import ssl
import time
from pathlib import Path

from benchmarks.load import Client, body, request
from benchmarks.process import Command, Process, running
from benchmarks.workloads import KB, Figures, Target

OPEN, GAP = 200, 1000  # streams, and ms between the events of each
LEFT = 0.5  # seconds until a proxy has seen that its clients left: it waits for open streams
SETTLED = 2.0  # seconds after which memory is read
POLL = 0.002  # seconds between two attempts to connect
PATIENCE = 30.0  # seconds that a start may take


async def listening(port: int, trusted: ssl.SSLContext) -> Client:
    """Wait until a proxy accepts connections; return the first one."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await Client.connect(port, trusted)
            except OSError:
                await asyncio.sleep(POLL)


async def answering(port: int, trusted: ssl.SSLContext) -> None:
    """Wait until a proxy answers a request through upstream."""
    client = await listening(port, trusted)
    answer = await client.start(request("/quick", body(200)))
    client.close()
    assert answer.head.startswith(b"HTTP/1.1 200"), answer.head


async def resting(
    command: Command, port: int, core: int, log: Path, trusted: ssl.SSLContext
) -> Figures:
    """Start a proxy, open streams on it, end it."""
    start = time.perf_counter()
    with running(command, core, log=log) as process:
        await answering(port, trusted)
        ready = time.perf_counter() - start
        await asyncio.sleep(SETTLED)
        idle = process.resident
        clients = await Target("", port, process, trusted).connect(OPEN)
        sent = request(f"/paced?{10**6},{GAP}", body(50 * KB, stream=True))
        async with asyncio.timeout(PATIENCE):
            for client in clients:
                client.start(sent)
            await asyncio.gather(*(client.begun() for client in clients))
        await asyncio.sleep(SETTLED)
        opened = process.resident
        for client in clients:
            client.close()
        await asyncio.sleep(LEFT)
    return {"ready_s": ready, "rss_idle_mb": idle, "rss_200_mb": opened}


async def idling(processes: dict[str, Process], seconds: float) -> dict[str, Figures]:
    """Leave all proxies alone; return the share of a core that each used."""
    await asyncio.sleep(SETTLED)
    before = {name: process.cpu for name, process in processes.items()}
    start = time.perf_counter()
    await asyncio.sleep(seconds)
    elapsed = time.perf_counter() - start
    return {
        name: {"idle_cpu_percent": (process.cpu - before[name]) / elapsed * 100}
        for name, process in processes.items()
    }
