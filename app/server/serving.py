"""Serves: everything that a running server needs, opened and closed in order.

The ports are bound before anything else is started, so that a taken one ends the start with its
name.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from signal import Signals
from typing import Any

import httpx
import structlog
from hypercorn.asyncio.lifespan import Lifespan
from hypercorn.utils import wrap_app
from msgspec.structs import replace

from ..application import Application
from ..factories.pages import PAGES_CONNECTIONS
from ..forward import loops
from ..listener import Listener
from ..listener.limits import Limits, raise_descriptor_limit
from ..listener.listener import config
from ..settings import Settings
from ..telemetry.connections import Port
from ..telemetry.facts import Listening
from ..tls import following_context
from ..wire.origin import Origin
from . import signals
from .addresses import Addresses
from .certificate import certificate_of, renewal
from .drain import drain
from .exposure import warn_if_exposed
from .forwarding import forward_context, forward_listener, gate_of
from .sockets import Ports, open_ports

log = structlog.get_logger(__name__)


async def serve(
    application: Application,
    settings: Settings,
    *,
    started: Callable[[Addresses], None] = lambda _: None,
    stop: asyncio.Event | None = None,
    ports: Ports | None = None,
    patience: Callable[[], float] | None = None,
    again: Callable[[Signals], None] | None = None,
) -> None:
    """Serve until a signal comes or ``stop`` is set, then drain; raises `StartError`.

    ``ports`` are bound already, by a supervisor. ``patience`` returns, when the drain begins, how
    many seconds running requests may take; by default it is ``SHUTDOWN_TIMEOUT``. ``again`` is
    called at a second signal, which by default ends the process.
    """
    certificate = certificate_of(settings)
    context = following_context(certificate, settings.tls_client_ca_file)
    forwarding = forward_context(settings)
    with ExitStack() as closing:
        if ports is None:
            ports = closing.enter_context(open_ports(settings))
            warn_if_exposed(settings)
        await loops.check(Origin.of(httpx.URL(settings.origin.url)), ports.numbers)
        addresses = Addresses.of(settings, ports, certificate)
        async with _lifespan(application) as state:
            limits = _limits(settings)
            listeners = _listeners(application, state, ports, context, limits)
            gate = None
            if forwarding is not None:
                gate = gate_of(application, settings, ports, limits.descriptors)
                listeners.append(
                    forward_listener(
                        application,
                        settings,
                        ports,
                        gate,
                        state=state,
                        context=forwarding,
                        limits=limits,
                    )
                )
            stopping = stop or asyncio.Event()
            again = again or partial(_end_at_once, application)
            with signals.handled(stopping, again=again), renewal(settings):
                for listener in listeners:
                    await listener.start()
                _note_start(application, addresses, settings)
                started(addresses)
                await stopping.wait()
                seconds = settings.shutdown_timeout if patience is None else patience()
                closing.enter_context(signals.watchdog(seconds))
                await drain(application, listeners, seconds, gate)


def _end_at_once(application: Application, number: Signals) -> None:
    signals.exit_at_once(number, cut=application.admission.active)


def _limits(settings: Settings) -> Limits:
    """Return the limits of the proxy's port."""
    limits = Limits(
        connections=settings.max_connections,
        peer_share=settings.peer_share,
        write_idle=settings.write_idle,
        descriptors=raise_descriptor_limit(),
    )
    return replace(limits, accepts=1) if settings.workers > 1 else limits


def _listeners(
    application: Application,
    state: dict[str, Any],
    ports: Ports,
    context: ssl.SSLContext,
    limits: Limits,
) -> list[Listener]:
    """Return what accepts on both ports; neither can take the other's connections."""
    connections = application.telemetry.connections
    return [
        Listener(
            application,
            ports.main,
            state=state,
            ssl_context=context,
            limits=limits,
            observer=Port(connections, "proxy"),
        ),
        Listener(
            application.dashboard,
            ports.dashboard,
            state=state,
            limits=replace(limits, connections=PAGES_CONNECTIONS),
            observer=Port(connections, "pages"),
        ),
    ]


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
