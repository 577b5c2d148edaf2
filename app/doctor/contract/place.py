"""The proxy whose contract is checked: the running one, or one that is started for the check."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

from ... import certificates
from ...application import Application, create_app
from ...http2 import ProxyEnvironment, Transport
from ...server.addresses import Addresses
from ...server.serving import serve
from ...settings import Settings
from ...tls import tls_context, trusting
from .party import Party


class Upstream(Protocol):
    """A simulator that serves."""

    @property
    def url(self) -> str:
        """Where it listens."""


Simulator = Callable[..., AbstractAsyncContextManager[Upstream]]  # of an ``ssl_context``
LOOPBACK = "127.0.0.1"
# Of the user's settings, what would write a file, take a port, or ask for what the check lacks.
OURS = {
    "host": LOOPBACK,
    "port": 0,
    "dashboard_port": 0,
    "forward_port": None,
    "ledger": False,
    "log_requests": False,
    "log_slow_threshold": None,
    "scrub_receipts_file": None,
    "shutdown_timeout": 1.0,
    "tls_client_ca_file": None,
    "upstream_ca_file": None,
}


def transport(context: ssl.SSLContext, *, http2: bool) -> Transport:
    """Return what sends a client's requests, never through an egress proxy."""
    return Transport(ssl_context=context, http2=http2, proxies=ProxyEnvironment({}))


@asynccontextmanager
async def parties(url: str, trusted: Path, token: str | None) -> AsyncIterator[list[Party]]:
    """Yield clients of a proxy, one over HTTP/1.1 and one over HTTP/2."""
    context = trusting(trusted)
    context.check_hostname = False  # the user's certificate may be for other names than loopback's
    made = [Party(url, transport(context, http2=http2), token) for http2 in (False, True)]
    try:
        yield made
    finally:
        for party in made:
            await party.transport.aclose()


def trusted_file(settings: Settings) -> Path:
    """Return the file that the running proxy's clients trust."""
    own = settings.own_certificate
    kept = certificates.kept(settings.state_dir)
    return own[0] if own is not None else kept.ca_file or kept.cert_file


@asynccontextmanager
async def started(settings: Settings, simulator: Simulator) -> AsyncIterator[Addresses]:
    """Serve a proxy with these settings in front of a simulator, on free ports of loopback."""
    with TemporaryDirectory() as state:
        certificate = certificates.ensure(Path(state), ("localhost", LOOPBACK))
        context = trusting(certificate.ca_file or certificate.cert_file)
        async with simulator(ssl_context=tls_context(certificate, None)) as upstream:
            changed = OURS | {"upstream_base_url": upstream.url, "state_dir": Path(state)}
            loaded = settings.model_copy(update=changed)
            sending = transport(context, http2=settings.upstream_http2)
            application = create_app(loaded, sending, simulated=True, environ={})
            async with serving(application, loaded) as at:
                yield at


@asynccontextmanager
async def serving(application: Application, settings: Settings) -> AsyncIterator[Addresses]:
    """Serve while entered; yield where it listens."""
    listening: asyncio.Future[Addresses] = asyncio.get_running_loop().create_future()
    stop = asyncio.Event()
    server = asyncio.create_task(
        serve(application, settings, started=listening.set_result, stop=stop)
    )
    both: set[asyncio.Future[Any]] = {server, listening}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    try:
        if server.done():
            server.result()
        yield await listening
    finally:
        stop.set()
        await server
