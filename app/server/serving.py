"""Serves: everything that a running server needs, opened and closed in order.

The ports are bound before anything else is started, so that a taken one ends the start with its
name.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import structlog
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.utils import wrap_app

from ..application import Application
from ..certificates import Certificate
from ..listener import Listener
from ..listener.limits import Limits, raise_descriptor_limit
from ..listener.listener import config
from ..settings import Settings, variable
from ..telemetry.connections import Port
from ..telemetry.facts import Listening
from ..tls import following_context
from . import signals
from .certificate import certificate_of, renewal
from .drain import drain
from .sockets import bind

PAGES_CONNECTIONS = 256  # on the pages' port
LOOPBACK = ("127.0.0.1", "::1", "localhost")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the server listens: the ports are real even where 0 was asked for."""

    host: str
    port: int
    dashboard_port: int
    certificate: Certificate


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
        async with _lifespan(application) as state:
            listeners = _listeners(application, settings, state, main, dashboard, context)
            stopping = stop or asyncio.Event()
            with signals.handled(stopping), renewal(settings):
                for listener in listeners:
                    await listener.start()
                _note_start(application, addresses, settings)
                _warn_if_exposed(settings)
                started(addresses)
                await stopping.wait()
                closing.enter_context(signals.watchdog(settings.shutdown_timeout))
                await drain(application, listeners, settings.shutdown_timeout)


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


@asynccontextmanager
async def _lifespan(application: Application) -> AsyncIterator[dict[str, Any]]:
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
