"""``anthropic-proxy simulate``: the simulated upstream as a program of its own."""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.simulator.load import Load
from app.simulator.simulator import Simulator


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What the command line says.

    TLS with ``certificate`` and ``key``, plain HTTP without. ``load`` is the URL of a proxy to
    send ``rate`` demo requests a second through, trusting ``load_ca`` besides the usual CAs.
    """

    host: str = "127.0.0.1"
    port: int = 8700
    certificate: Path | None = None
    key: Path | None = None
    http2: bool = True
    max_concurrent_streams: int = 100
    load: str | None = None
    load_ca: Path | None = None
    rate: float = 5.0


async def serve(arguments: Arguments, *, announce: Callable[[str], None]) -> None:
    """Serve until cancelled; ``announce`` is told the URL once it listens."""
    simulator = Simulator(
        arguments.host,
        arguments.port,
        ssl_context=server_context(arguments.certificate, arguments.key),
        http2=arguments.http2,
        max_concurrent_streams=arguments.max_concurrent_streams,
    )
    async with simulator:
        announce(simulator.url)
        if arguments.load is None:
            await asyncio.Event().wait()
        else:
            context = ssl.create_default_context()
            if arguments.load_ca is not None:
                context.load_verify_locations(arguments.load_ca)
            await Load(arguments.load, rate=arguments.rate, verify=context).run()


def server_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return the server's TLS context, or None without a certificate."""
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
