"""The composition root: every part is made here and handed what it needs, in a request's order."""

import os
import socket
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import httpx
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import ResponseCut
from .factories.budgets import budgets_of
from .factories.caching import caching_of
from .factories.pages import MakeView, pages_of, watchers_of_one
from .factories.telemetry import telemetry_of
from .factories.transport import transport_of
from .memory import Trimmer
from .proxy.admission import Admission
from .proxy.backlog import CHUNKS, DELAY, READING, Backlog
from .proxy.pipeline import Proxy
from .proxy.request.hold_budget import HoldBudget
from .proxy.upstream.upstream import Upstream
from .settings import Settings, revealed
from .telemetry.facts import Facts, ScrubFacts
from .telemetry.recorder import Telemetry
from .telemetry.sampling.broadcast import Broadcast

if TYPE_CHECKING:
    from .proxy.scrubbing import Scrubbing

Clock = Callable[[], float]

SCRUBS_NOTHING = ScrubFacts(mode="off", detectors=(), restore=False)


class Application:
    """The ASGI application of the main port; ``dashboard`` is that of the plain one.

    ``proxy`` forwards whatever it gets, for connections that have none of the proxy's own pages.

    The proxy's own paths, matched exactly or below ``/ledger/sessions/``, are pages; everything
    else goes to upstream.
    ``admission`` is the gate that a server closes to drain; ``stop`` ends what never ends by
    itself. ``telemetry.listening`` is set by a server that listens.
    """

    def __init__(
        self,
        proxy: ASGIApp,
        pages: Starlette,
        *,
        admission: Admission,
        telemetry: Telemetry,
        stop: Callable[[], None],
    ) -> None:
        self.admission = admission
        self.telemetry = telemetry
        self.dashboard: ASGIApp = pages
        self.stop = stop
        self.proxy = proxy
        paths = [route.path.encode() for route in pages.routes if isinstance(route, Route)]
        self._own = frozenset(path for path in paths if b"{" not in path) - {b"/"}
        self._below = tuple(path.partition(b"{")[0] for path in paths if b"{" in path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the lifespan."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
        elif scope["type"] == "lifespan" or self._is_own(scope["raw_path"]):
            await self.dashboard(scope, receive, send)
        else:
            # A response left unfinished is reset, or its connection closed, by the server.
            try:  # noqa: SIM105 - `suppress` takes four calls of each request
                await self.proxy(scope, receive, send)
            except ResponseCut:
                pass

    def _is_own(self, path: bytes) -> bool:
        return path in self._own or path.startswith(self._below)


def create_app(
    settings: Settings,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    clock: Clock = time.monotonic,
    wall: Clock = time.time,
    simulated: bool = False,
    view: MakeView | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Application:
    """Return the application; raises `SettingsError` when a file that one names is unusable.

    ``transport`` reaches upstream; the application closes it at the end of its lifespan.
    ``simulated`` says that upstream is the simulator; ``view`` is for `pages_of`. ``environ`` has
    OpenTelemetry's variables.
    """
    transport = transport or transport_of(settings)
    scrubbing, scrub_facts = _scrubbing(settings, clock)
    facts = Facts(host=socket.gethostname(), simulated=simulated, scrub=scrub_facts)
    hold_budget = HoldBudget(settings.hold_budget)
    budgets = budgets_of(settings, wall, facts)
    backlog, reading = Backlog(DELAY), Backlog(READING, weight=CHUNKS)
    telemetry = telemetry_of(settings, transport, clock, wall, facts, hold_budget, environ, budgets)
    backlog.group = telemetry.grouped

    def catch_up() -> None:
        reading.flush()
        backlog.flush()

    telemetry.catch_up = catch_up
    admission = Admission(settings.max_active_requests, settings.peer_share)
    upstream = Upstream(
        transport,
        settings.origin,
        timeouts=settings.timeouts,
        retry=settings.retry,
        clock=clock,
    )
    proxy = Proxy(
        upstream=upstream,
        admission=admission,
        observer=telemetry,
        clock=clock,
        wall=wall,
        max_body_size=settings.max_body_size,
        body_timeout=settings.body_timeout,
        access_token=revealed(settings.access_token),
        scrubbing=scrubbing,
        caching=caching_of(settings),
        backlog=backlog,
        reading=reading,
        guard=None if budgets is None else budgets.guard,
        hold_budget=hold_budget,
    )
    broadcast = Broadcast(per_peer=watchers_of_one(settings))
    trimmer = Trimmer(hold_budget)
    tasks = [trimmer.run, *([budgets.run] if budgets is not None else [])]
    pages = pages_of(settings, telemetry, admission, broadcast, transport, tasks, view)
    return Application(proxy, pages, admission=admission, telemetry=telemetry, stop=broadcast.close)


def _scrubbing(settings: Settings, clock: Clock) -> tuple["Scrubbing | None", ScrubFacts]:
    off = settings.scrub_mode == "off"
    if off and not settings.scrub_detectors and settings.scrub_rules_file is None:
        return None, SCRUBS_NOTHING
    from .factories import scrubbing  # noqa: PLC0415 - 0.1 s, and 10 MB

    if off:
        scrubbing.load_rules(settings)  # so that it can be turned on
        return None, SCRUBS_NOTHING
    return scrubbing.scrubbing_of(settings, clock)
