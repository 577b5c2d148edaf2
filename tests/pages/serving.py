"""The registry's views behind a real server on loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette

from app.pages import metrics
from app.telemetry.recorder import Telemetry
from app.telemetry.sampling.broadcast import Broadcast
from app.telemetry.sampling.sampler import Sampler
from tests.telemetry.exchanges import PLAIN, record, telemetry

DEADLINE = 60.0  # seconds that a test waits at most


@dataclass(frozen=True)
class Served:
    observer: Telemetry
    sampler: Sampler
    broadcast: Broadcast
    client: httpx.AsyncClient


@asynccontextmanager
async def serving(limit: int = 500) -> AsyncIterator[Served]:
    """Serve the views of a telemetry that has recorded one exchange."""
    observer, broadcast = telemetry(), Broadcast(limit=limit)
    record(observer, PLAIN)
    sampler = Sampler(observer, broadcast, interval=0.02)
    listener = socket.create_server(("127.0.0.1", 0))
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.errorlog = None
    config.graceful_timeout = 1.0
    url = f"http://127.0.0.1:{port(config)}"
    stop = asyncio.Event()
    app = Starlette(routes=metrics.routes(sampler, broadcast))
    server = asyncio.ensure_future(serve(app, config, shutdown_trigger=stop.wait))  # type: ignore[arg-type]
    ticking = asyncio.ensure_future(sampler.run())
    try:
        async with httpx.AsyncClient(base_url=url, timeout=DEADLINE) as client:
            yield Served(observer, sampler, broadcast, client)
    finally:
        ticking.cancel()
        broadcast.close()
        stop.set()
        async with asyncio.timeout(DEADLINE):
            await server


def port(config: Config) -> int:
    with socket.socket(fileno=int(config.bind[0].removeprefix("fd://"))) as listener:
        number: int = listener.getsockname()[1]
        listener.detach()
    return number
