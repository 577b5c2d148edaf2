"""Listening, and leaving in order (behaviour D1, D2).

The ports are bound before anything else is started, so that a taken one ends the start with its
name. On SIGTERM or SIGINT: readiness goes 503; after a lag new requests are refused; running
ones have ``SHUTDOWN_TIMEOUT`` seconds to end; the rest are cut visibly. A second signal ends the
process at once.
"""

import asyncio
import errno
import os
import signal
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.utils import wrap_app

from . import certificates
from .application import Application
from .certificates import Certificate
from .failures import SettingsError, StartError
from .listener import Listener
from .listener.limits import Limits, raise_descriptor_limit
from .listener.listener import config
from .proxy.admission import Admission
from .settings import Settings, blaming, variable
from .telemetry.connections import Port
from .telemetry.facts import Listening
from .tls import following_context

DAY = 86_400.0  # seconds
LAG = 1.0  # seconds between "not ready" and refusing, for load balancers to notice
LINGER = 0.25  # seconds that a client has for its next request on a connection it believes open
FAREWELL = 0.5  # seconds for clients to take the word that the server leaves
LAST_WORDS = 1.0  # seconds for cut answers to go out and connections to close
WATCHDOG = 10.0  # seconds past the shutdown time-out after which the process is ended regardless
PAGES_CONNECTIONS = 256  # on the pages' port
LOOPBACK = ("127.0.0.1", "::1", "localhost")
SIGNALS = (signal.SIGTERM, signal.SIGINT)

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the server listens: the ports are real even where 0 was asked for."""

    host: str
    port: int
    dashboard_port: int
    certificate: Certificate


def certificate_of(settings: Settings) -> Certificate:
    """Return the certificate to serve with, made on first start.

    Raises `SettingsError` for a pair of the user's that is of no use, else `StartError`.
    """
    own = settings.own_certificate
    if own is None:
        return _made(settings)
    from .certificates import inspection  # noqa: PLC0415 - cryptography takes 0.1 s

    with blaming("tls_cert_file", "tls_key_file"):
        for problem in inspection.problems(*own):
            log.warning("certificate", problem=problem)
    return Certificate(*own)


async def serve(
    application: Application,
    settings: Settings,
    *,
    started: Callable[[Addresses], None] = lambda _: None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until a signal comes or ``stop`` is set, then drain; raises `StartError`."""
    certificate = certificate_of(settings)
    context = following_context(certificate, settings.tls_client_ca_file)
    with ExitStack() as closing:
        main = closing.enter_context(bind(settings.host, settings.port, variable("port")))
        dashboard = closing.enter_context(
            bind(settings.host, settings.dashboard_port, variable("dashboard_port"))
        )
        addresses = Addresses(
            settings.host, main.getsockname()[1], dashboard.getsockname()[1], certificate
        )
        async with _living(application) as state:
            listeners = _listeners(application, settings, state, main, dashboard, context)
            stopping = stop or asyncio.Event()
            with _signals(stopping), _renewing(settings):
                for listener in listeners:
                    await listener.start()
                _note_start(application, addresses, settings)
                _warn_if_exposed(settings)
                started(addresses)
                await stopping.wait()
                closing.enter_context(_watchdog(settings.shutdown_timeout + WATCHDOG))
                await _drain(application, listeners, settings.shutdown_timeout)


def _listeners(
    application: Application,
    settings: Settings,
    state: dict[str, Any],
    main: socket.socket,
    dashboard: socket.socket,
    context: ssl.SSLContext,
) -> list[Listener]:
    """Return what accepts on both ports; neither can take the other's connections."""
    limits = Limits(
        connections=settings.max_connections,
        peer_share=settings.peer_share,
        write_idle=settings.write_idle,
        descriptors=raise_descriptor_limit(),
    )
    connections = application.telemetry.connections
    return [
        Listener(
            application,
            main,
            state=state,
            ssl_context=context,
            limits=limits,
            observer=Port(connections, "proxy"),
        ),
        Listener(
            application.dashboard,
            dashboard,
            state=state,
            limits=replace(limits, connections=PAGES_CONNECTIONS),
            observer=Port(connections, "pages"),
        ),
    ]


def _warn_if_exposed(settings: Settings) -> None:
    """Say in one line when strangers on the network may use the proxy, and what to do."""
    locked = settings.access_token is not None or settings.tls_client_ca_file is not None
    if not locked and settings.host not in LOOPBACK:
        log.warning(
            "anyone who reaches this machine may use the proxy",
            host=settings.host,
            remedy=f"set {variable('host')}=127.0.0.1, or {variable('access_token')}",
        )
    if settings.tls_client_ca_file is not None and settings.pages_token is None:
        log.warning(
            "client certificates do not protect the pages, which are plain HTTP",
            port=settings.dashboard_port,
            remedy=f"set {variable('pages_token')}",
        )


def _note_start(application: Application, at: Addresses, settings: Settings) -> None:
    """Tell the pages and the log where it listens and how it is set up."""
    telemetry, certificate = application.telemetry, at.certificate
    trusted = certificate.ca_file or certificate.cert_file
    telemetry.listening = Listening.at(at.port, trusted)
    scrub = telemetry.facts.scrub
    log.info(
        "started",
        port=at.port,
        dashboard_port=at.dashboard_port,
        upstream=settings.upstream_base_url,
        scrub_mode=scrub.mode,
        scrub_detectors=list(scrub.detectors),
        scrub_restore=scrub.restore,
    )


@contextmanager
def _renewing(settings: Settings) -> Iterator[None]:
    """Renew the made certificate in time; its context takes up the new files by itself."""

    async def daily() -> None:
        while True:
            await asyncio.sleep(DAY)
            try:
                certificate_of(settings)
            except (StartError, SettingsError) as exc:
                log.error("certificate not renewed", reason=str(exc))  # noqa: TRY400 - said

    renewing = asyncio.get_running_loop().create_task(daily())
    try:
        yield
    finally:
        renewing.cancel()


@asynccontextmanager
async def _living(application: Application) -> AsyncIterator[dict[str, Any]]:
    """Keep the application's lifespan; yield the state that its requests share."""
    state: dict[str, Any] = {}
    app: Any = application  # Hypercorn types ASGI in its own way
    lifespan = Lifespan(wrap_app(app, 0, "asgi"), config(), asyncio.get_running_loop(), state)
    running = asyncio.create_task(lifespan.handle_lifespan())
    try:
        await lifespan.wait_for_startup()
        if running.done():
            await running
        yield state
        await lifespan.wait_for_shutdown()
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def bind(host: str, port: int, name: str) -> socket.socket:
    """Return a socket bound to ``host`` and ``port``; raises `StartError` naming the setting."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        sock.bind((host, port))
        sock.listen(0)  # a port that another listens on is noticed here at the latest
    except OSError as exc:
        sock.close()
        raise StartError(_bind_complaint(exc, host, port, name)) from exc
    sock.setblocking(False)
    return sock


def _bind_complaint(exc: OSError, host: str, port: int, name: str) -> str:
    if exc.errno == errno.EADDRINUSE:
        return f"{name}={port}: port {port} on {host} is taken: stop what uses it, or set {name}"
    if exc.errno == errno.EACCES:
        return f"{name}={port}: not allowed to listen on port {port}: take one from 1024 on"
    return f"{name}={port}: cannot listen on {host}: {exc.strerror or exc}"


def _made(settings: Settings) -> Certificate:
    directory, local = settings.state_dir, certificates.local_names(settings.host)
    try:
        return certificates.ensure(directory, local, added=settings.extra_names)
    except OSError as exc:
        raise StartError(
            f"{variable('state_dir')}={directory}: the certificate cannot be kept there "
            f"({exc.strerror or exc}): name a directory that can be written"
        ) from exc


async def _drain(application: Application, listeners: list[Listener], patience: float) -> None:
    admission = application.admission
    deadline = asyncio.get_running_loop().time() + patience
    log.info("draining", active=admission.active, seconds=patience)
    admission.unready()
    application.stop()
    await _tell(listeners)
    await asyncio.sleep(min(LAG, patience / 4))  # idle or not: a balancer has yet to notice
    admission.refuse()
    try:
        async with asyncio.timeout_at(deadline):
            await _emptied(admission, min(LINGER, patience / 4))
        log.info("drained", cut=0)
    except TimeoutError:
        log.warning("drained", cut=admission.cut())
    await asyncio.gather(*(listener.close(LAST_WORDS) for listener in listeners))


async def _emptied(admission: Admission, linger: float) -> None:
    """Wait until nothing runs, and no client that could not know of the drain asks again."""
    while True:
        await admission.idle()
        await asyncio.sleep(linger)
        if admission.active == 0:
            return


async def _tell(listeners: list[Listener]) -> None:
    """Tell the clients that the server is about to leave; who takes nothing is not waited for."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FAREWELL):
            await asyncio.gather(*(listener.start_drain() for listener in listeners))


@contextmanager
def _signals(stopping: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()

    def received(number: signal.Signals) -> None:
        if stopping.is_set():
            os._exit(128 + number)  # asked twice: at once
        log.info("signal", name=number.name)
        stopping.set()

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may handle signals
        return
    for number in SIGNALS:
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in SIGNALS:
            loop.remove_signal_handler(number)


@contextmanager
def _watchdog(seconds: float) -> Iterator[None]:
    """End the process when leaving hangs: whoever stops it must not wait for ever."""
    timer = threading.Timer(seconds, os._exit, (1,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
