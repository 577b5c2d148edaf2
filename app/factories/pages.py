"""Makes the pages; their lifespan is the application's."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware

from ..pages import authority, dashboard, health, ledger, metrics
from ..pages.exact import Exact
from ..pages.guard import Guard
from ..pages.misdirected import Misdirected
from ..proxy.admission import Admission
from ..settings import Settings, revealed
from ..telemetry.recorder import Telemetry
from ..telemetry.sampling.broadcast import Broadcast
from ..telemetry.sampling.sampler import Sampler
from .telemetry import ledger_place_of
from .thresholds import thresholds_of

PAGES_CONNECTIONS = 256  # on the pages' port
WATCHING = 3 / 4  # of an address's connections there; the others are for pages, probes among them

MakeView = Callable[[Telemetry, Broadcast], metrics.View]


def watchers_of_one(settings: Settings) -> int:
    """Return how many dashboards may watch from one address."""
    return max(1, int(PAGES_CONNECTIONS * settings.peer_share * WATCHING))


def pages_of(
    settings: Settings,
    telemetry: Telemetry,
    admission: Admission,
    broadcast: Broadcast,
    transport: httpx.AsyncBaseTransport,
    tasks: Sequence[Callable[[], Coroutine[Any, Any, None]]],
    view: MakeView | None,
) -> Starlette:
    """Return the pages, whose lifespan is the application's: ``tasks`` run as long as it does.

    ``view`` makes what stands for a sampler where several processes serve.
    """
    shown = (
        Sampler(telemetry, broadcast, thresholds=thresholds_of(settings))
        if view is None
        else view(telemetry, broadcast)
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        telemetry.open()
        running = [asyncio.create_task(run()) for run in (shown.run, *tasks)]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await transport.aclose()
            telemetry.catch_up()
            await asyncio.to_thread(telemetry.close)

    token = revealed(settings.pages_token)
    pages = Starlette(
        routes=[
            *health.routes(lambda: admission.ready),
            *authority.routes(_authority(settings)),
            *metrics.routes(shown, broadcast),
            *ledger.routes(
                ledger_place_of(settings, telemetry.facts),
                ledger.Known(telemetry.window_share, telemetry.tool_names.find),
            ),
            *dashboard.routes(),
            Exact("/", dashboard.leading_to(dashboard.PATH)),
        ],
        middleware=[
            Middleware(Misdirected, port=lambda: _port(telemetry)),
            Middleware(Guard, names=settings.allowed_hosts, token=token),
        ],
        lifespan=lifespan,
    )
    pages.router.redirect_slashes = False
    return pages


def _authority(settings: Settings) -> Callable[[], bytes | None]:
    """Return what reads the CA's certificate; the user's own has none here."""
    made = settings.own_certificate is None

    def read() -> bytes | None:
        from ..certificates import inspection  # noqa: PLC0415 - cryptography takes 0.1 s

        return inspection.authority(settings.state_dir) if made else None

    return read


def _port(telemetry: Telemetry) -> int | None:
    return telemetry.listening.port if telemetry.listening is not None else None
