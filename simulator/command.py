"""``anthropic-proxy simulate``: the simulated upstream as a program of its own."""

import asyncio
import signal
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from .history import BODIES
from .load import DEVELOPERS, Load
from .simulator import Simulator

Transporter = Callable[[ssl.SSLContext], httpx.AsyncBaseTransport]  # see `Load`
QUIET = 2.0  # seconds for the requests of a load that has stopped to end


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """What the command line says.

    TLS with ``certificate`` and ``key``, plain HTTP without. ``load`` is the URL of a proxy to
    send the work of so many ``developers`` through, trusting ``load_ca`` as well as the usual CAs.
    """

    host: str = "127.0.0.1"
    port: int = 8700
    certificate: Path | None = None
    key: Path | None = None
    http2: bool = True
    max_concurrent_streams: int = 100
    load: str | None = None
    load_ca: Path | None = None
    developers: int = DEVELOPERS
    pace: float = 1.0


class Unusable(Exception):
    """The file of an option cannot be used, for its ``cause``."""

    def __init__(self, option: str, file: Path | None, cause: OSError | ValueError) -> None:
        super().__init__(f"{option} {file}: {cause}")
        self.option = option
        self.file = file
        self.cause = cause


class NoPort(Exception):
    """The host and port cannot be listened on, for its ``cause``."""

    def __init__(self, cause: OSError | ValueError) -> None:
        super().__init__(str(cause))
        self.cause = cause


async def serve(
    arguments: Arguments, *, announce: Callable[[str], None], transporter: Transporter
) -> None:
    """Serve until SIGTERM, or until cancelled; ``announce`` is told the URL once it listens.

    ``transporter`` makes the load's transport from the TLS context to verify the proxy with.
    Raises `Unusable` and `NoPort`. The load stops first, so that nothing is cut.
    """
    with _blaming("--certificate", arguments.certificate):
        tls = server_context(arguments.certificate, arguments.key)
    with _blaming("--load-ca", arguments.load_ca):
        load = _load(arguments, transporter)
    simulator = Simulator(
        arguments.host,
        arguments.port,
        ssl_context=tls,
        http2=arguments.http2,
        max_concurrent_streams=arguments.max_concurrent_streams,
        keep=BODIES if load is None else 0,
    )
    stopping = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopping.set)
    try:
        await simulator.__aenter__()
    except (OSError, ValueError) as exc:
        raise NoPort(exc) from exc
    try:
        announce(simulator.url)
        await (load.run_until(stopping) if load is not None else stopping.wait())
        await quiet(simulator)
    finally:
        await simulator.__aexit__(None, None, None)
        asyncio.get_running_loop().remove_signal_handler(signal.SIGTERM)


async def quiet(simulator: Simulator) -> None:
    """Wait, bounded, until every request has ended."""
    with suppress(TimeoutError):
        async with asyncio.timeout(QUIET):
            await simulator.wait_for(lambda s: all(one.ended for one in s.received))


def server_context(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    """Return the server's TLS context, or None without a certificate."""
    if certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # An encrypted key fails with the empty password instead of asking the terminal for one.
    context.load_cert_chain(certificate, key, password="")
    return context


def _load(arguments: Arguments, transporter: Transporter) -> Load | None:
    if arguments.load is None:
        return None
    context = ssl.create_default_context()
    if arguments.load_ca is not None:
        context.load_verify_locations(arguments.load_ca)
    return Load(
        arguments.load,
        transport=transporter(context),
        developers=arguments.developers,
        pace=arguments.pace,
    )


@contextmanager
def _blaming(option: str, file: Path | None) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as exc:  # SSLError is an OSError
        raise Unusable(option, file, exc) from exc
