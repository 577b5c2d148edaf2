"""A real proxy on loopback in front of a simulated upstream, for the tests that need one."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from pydantic import BaseModel

from app.anthropic import usage as api
from app.application import Application, create_app
from app.certificates import Certificate
from app.exchange import Exchange, Progress
from app.server.addresses import Addresses
from app.server.serving import serve
from app.settings import Settings
from app.tls import tls_context
from simulator import Simulator
from simulator.usage import Usage
from tests.once import once

MESSAGE = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "hello"}],
}
STREAM = MESSAGE | {"stream": True}
DEADLINE = 240.0  # seconds that a test waits for something at most, on the busiest machine


class Chosen(Settings):
    """Settings by arguments only: to look for other sources as well takes five times as long."""

    def __init__(self, **values: Any) -> None:
        BaseModel.__init__(self, **values)

    @property
    def upstream_tls(self) -> ssl.SSLContext:
        """What upstream's certificate is checked with."""
        if self.upstream_ca_file is None:
            return super().upstream_tls
        return client_tls(self.upstream_ca_file, http2=self.upstream_http2)


@once
def server_tls(certificate: Certificate, *, http2: bool = True) -> ssl.SSLContext:
    """Return a context for a server that offers HTTP/2, or one for a server that does not."""
    del http2  # a server says in its context what it offers
    return tls_context(certificate, None)


@once
def client_tls(ca_file: Path, *, http2: bool) -> ssl.SSLContext:
    """Return a context for clients that ask for HTTP/2, or one for clients that do not."""
    del http2  # a client says in its context what it asks for
    return ssl.create_default_context(cafile=ca_file)


@dataclass
class Running:
    """A proxy that serves. State: ``recorded``, the ended exchanges as telemetry was told."""

    at: Addresses
    application: Application
    ca_file: str
    stop: asyncio.Event
    recorded: list[Exchange] = field(default_factory=list)

    @property
    def exchanges(self) -> list[Exchange]:
        """The ended exchanges."""
        self.application.telemetry.catch_up()
        return self.recorded

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.at.port}"

    @property
    def pages_url(self) -> str:
        return f"http://127.0.0.1:{self.at.dashboard_port}"

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)

    def client(self, *, http2: bool = False, **options: Any) -> httpx.AsyncClient:
        """Return a client of the proxy that adds nothing of its own to a request."""
        options = {"timeout": DEADLINE, "trust_env": False} | options
        trust = client_tls(Path(self.ca_file), http2=http2)
        client = httpx.AsyncClient(base_url=self.url, verify=trust, http2=http2, **options)
        client.headers.clear()
        return client

    async def ended(self, count: int = 1) -> Exchange:
        """Wait until ``count`` exchanges have ended; return the last."""
        await until(lambda: len(self.exchanges) >= count)
        return self.exchanges[count - 1]

    async def quiet(self) -> list[Exchange]:
        """Wait until no exchange runs; return those that have ended."""
        await until(lambda: self.application.telemetry.active == 0)
        return self.exchanges


def tokens(usage: api.Usage | Usage | None) -> tuple[int, ...] | None:
    """Return the counts of a usage, which the wire and the simulator's books share."""
    if usage is None:
        return None
    return (
        usage.input,
        usage.output,
        usage.cache_read,
        usage.cache_write_5m,
        usage.cache_write_1h,
        usage.thinking,
    )


async def until(condition: Callable[[], bool]) -> None:
    """Wait, bounded, until ``condition`` holds."""
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - conditions of others' state
            await asyncio.sleep(0.005)


@asynccontextmanager
async def simulated(
    certificate: Certificate, *, http2: bool = True, **options: Any
) -> AsyncIterator[Simulator]:
    """Run a simulated upstream over TLS."""
    context = server_tls(certificate, http2=http2)
    async with Simulator(ssl_context=context, http2=http2, **options) as simulator:
        yield simulator


@asynccontextmanager
async def proxying(
    upstream: str,
    certificate: Certificate,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    **settings: Any,
) -> AsyncIterator[Running]:
    """Serve a proxy in front of ``upstream``; at the end everything of it must be gone."""
    chosen: dict[str, Any] = {
        "host": "127.0.0.1",
        "port": 0,
        "dashboard_port": 0,
        "shutdown_timeout": 0.04,
        "upstream_base_url": upstream,
        "upstream_ca_file": certificate.ca_file,
        "tls_cert_file": certificate.cert_file,
        "tls_key_file": certificate.key_file,
        "retry_base_delay": 0.01,
    } | settings
    loaded = Chosen(**chosen)
    application = create_app(loaded, transport)
    before = asyncio.all_tasks()
    stop = asyncio.Event()
    started: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(serve(application, loaded, started=started.set_result, stop=stop))
    both: set[asyncio.Future[Any]] = {serving, started}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        await serving
    running = Running(await started, application, str(certificate.ca_file), stop)
    _listen(application, running)
    try:
        yield running
    finally:
        stop.set()
        async with asyncio.timeout(DEADLINE):
            await serving
        await until(lambda: not _left(before))


def _left(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Return the tasks that came since and are neither the test's nor the simulator's."""
    current = {task for task in (asyncio.current_task(),) if task is not None}
    return {
        task
        for task in asyncio.all_tasks() - before - current
        if "/simulator/" not in _source(task)
    }


def _source(task: asyncio.Task[Any]) -> str:
    """Return the file that a task's coroutine was written in."""
    code = getattr(task.get_coro(), "cr_code", None)
    return "" if code is None else str(code.co_filename)


def _listen(application: Application, running: Running) -> None:
    """Keep a copy of what the proxy tells telemetry."""
    telemetry = application.telemetry
    record = telemetry.finished

    def finished(progress: Progress, exchange: Exchange) -> None:
        record(progress, exchange)
        running.recorded.append(exchange)

    telemetry.finished = finished  # type: ignore[method-assign]
