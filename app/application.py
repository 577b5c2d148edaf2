"""The composition root: every part is made here and handed what it needs, in a request's order."""

import asyncio
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from . import __version__
from .anthropic.prices import Prices
from .errors import ResponseCut
from .http2 import Transport
from .ledger.file import ledger_file
from .ledger.writer import Ledger
from .memory import Trimmer
from .pages import authority, dashboard, health, ledger, metrics
from .pages.guard import Guard
from .pages.misdirected import Misdirected
from .proxy.admission import Admission
from .proxy.pipeline import Proxy
from .proxy.request.hold_budget import HoldBudget
from .proxy.scan_pool import ScanClock, ScanPool
from .proxy.scrubbing import Scrubbing
from .proxy.upstream.upstream import Upstream
from .scrubber import Scrubber, rules
from .scrubber.rules import Rules
from .scrubber.sinks import ToolPolicy
from .settings import Settings, blaming
from .telemetry.facts import Facts, ScrubFacts
from .telemetry.recorder import Telemetry
from .telemetry.recorders.access_log import AccessLog
from .telemetry.recorders.receipts import ReceiptFile
from .telemetry.sampling.alerts import Thresholds, Unscanned
from .telemetry.sampling.broadcast import Broadcast
from .telemetry.sampling.sampler import Sampler

Clock = Callable[[], float]
SWITCH = 0.001  # seconds that a scan on a thread keeps the interpreter from the event loop


class Application:
    """The ASGI application of the main port; ``dashboard`` is that of the plain one.

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
        self._proxy = proxy
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
            with suppress(ResponseCut):
                await self._proxy(scope, receive, send)

    def _is_own(self, path: bytes) -> bool:
        return path in self._own or path.startswith(self._below)


def create_app(
    settings: Settings,
    transport: httpx.AsyncBaseTransport | None = None,
    *,
    clock: Clock = time.monotonic,
    wall: Clock = time.time,
    simulated: bool = False,
) -> Application:
    """Return the application; raises `SettingsError` when a file that one names is unusable.

    ``transport`` reaches upstream; the application closes it at the end of its lifespan.
    ``simulated`` says that upstream is the simulator.
    """
    transport = transport or _transport(settings)
    chosen = _rules(settings)
    facts = Facts(host=socket.gethostname(), simulated=simulated, scrub=_facts(settings, chosen))
    hold_budget = HoldBudget(settings.hold_budget)
    telemetry = _telemetry(settings, transport, clock, wall, facts, hold_budget)
    admission = Admission(settings.max_active_requests, settings.peer_share)
    upstream = Upstream(
        transport,
        settings.origin,
        timeouts=settings.timeouts,
        retry=settings.retry,
        clock=clock,
    )
    proxy = Proxy(
        upstream,
        admission=admission,
        observer=telemetry,
        clock=clock,
        wall=wall,
        max_body_size=settings.max_body_size,
        body_timeout=settings.body_timeout,
        access_token=_secret(settings.access_token),
        scrubbing=_scrubbing(settings, chosen, clock),
        hold_budget=hold_budget,
    )
    broadcast = Broadcast()
    pages = _pages(settings, telemetry, admission, broadcast, transport, Trimmer(hold_budget))
    return Application(proxy, pages, admission=admission, telemetry=telemetry, stop=broadcast.close)


def _pages(
    settings: Settings,
    telemetry: Telemetry,
    admission: Admission,
    broadcast: Broadcast,
    transport: httpx.AsyncBaseTransport,
    trimmer: Trimmer,
) -> Starlette:
    """Return the pages, whose lifespan is the application's."""
    sampler = Sampler(telemetry, broadcast, thresholds=_thresholds(settings))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        telemetry.open()
        running = [asyncio.create_task(sampler.run()), asyncio.create_task(trimmer.run())]
        try:
            yield
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await transport.aclose()
            await asyncio.to_thread(telemetry.close)

    token = _secret(settings.pages_token)
    pages = Starlette(
        routes=[
            *health.routes(lambda: admission.ready),
            *authority.routes(_authority(settings)),
            *metrics.routes(sampler, broadcast),
            *ledger.routes(_ledger_file(settings, telemetry.facts)),
            *dashboard.routes(),
            Route("/", _to_dashboard),
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
        from .certificates import inspection  # noqa: PLC0415 - cryptography takes 0.1 s

        return inspection.authority(settings.state_dir) if made else None

    return read


def _thresholds(settings: Settings) -> Thresholds:
    fate: Unscanned = "blocked" if _blocks(settings) else "passed"
    return Thresholds(
        error_rate=settings.alert_error_rate,
        active=settings.alert_active,
        scrub_limit=settings.scrub_max_body_size,
        unscanned="counted" if settings.scrub_mode == "detect" else fate,
    )


def _port(telemetry: Telemetry) -> int | None:
    return telemetry.listening.port if telemetry.listening is not None else None


async def _to_dashboard(_: Request) -> RedirectResponse:
    return RedirectResponse("/dashboard")


def _telemetry(
    settings: Settings,
    transport: httpx.AsyncBaseTransport,
    clock: Clock,
    wall: Clock,
    facts: Facts,
    held: HoldBudget,
) -> Telemetry:
    return Telemetry(
        prices=prices_of(settings),
        clock=clock,
        wall=wall,
        version=__version__,
        receipts=_receipts(settings),
        ledger=_ledger(settings, clock, wall, facts),
        config={"scrub_mode": settings.scrub_mode, "hash": settings.fingerprint},
        access_log=AccessLog(every=settings.log_requests, slow=settings.log_slow_threshold),
        transport_stats=(lambda: transport.stats) if isinstance(transport, Transport) else None,
        facts=facts,
        held=held,
    )


def _receipts(settings: Settings) -> ReceiptFile | None:
    if settings.scrub_receipts_file is None:
        return None
    return ReceiptFile(
        settings.scrub_receipts_file, bytes.fromhex(_secret(settings.scrub_hmac_key) or "")
    )


def _ledger_file(settings: Settings, facts: Facts) -> Path | None:
    if not settings.ledger:
        return None
    return ledger_file(settings.state_dir, simulated=facts.simulated)


def _ledger(settings: Settings, clock: Clock, wall: Clock, facts: Facts) -> Ledger | None:
    file = _ledger_file(settings, facts)
    if file is None:
        return None
    return Ledger(
        file,
        days=settings.ledger_days,
        max_size=settings.ledger_max_size,
        labels=settings.label_names,
        clock=clock,
        wall=wall,
    )


def prices_of(settings: Settings) -> Prices:
    """Return the price list in force; raises `SettingsError` for a file that is no list."""
    with blaming("prices_file"):
        return Prices.load(settings.prices_file)


def _transport(settings: Settings) -> httpx.AsyncBaseTransport:
    return Transport(
        ssl_context=settings.upstream_tls,
        http2=settings.upstream_http2,
        max_connections=settings.upstream_max_connections,
        max_keepalive_connections=settings.upstream_max_keepalive_connections,
        max_streams_per_connection=settings.upstream_max_streams_per_connection,
        ping_interval=settings.upstream_ping_interval,
        max_connection_age=settings.upstream_max_connection_age,
    )


def _rules(settings: Settings) -> Rules | None:
    """Return the scrubber's rules, or None when it is off."""
    if settings.scrub_mode == "off":
        return None
    return load_rules(settings)


def load_rules(settings: Settings) -> Rules:
    """Return the rules that the settings name, whatever the mode; raises `SettingsError`."""
    with blaming("scrub_detectors", "scrub_rules_file"):
        return rules.load(detectors=settings.scrub_detectors, file=settings.scrub_rules_file)


def _facts(settings: Settings, chosen: Rules | None) -> ScrubFacts:
    names = () if chosen is None else tuple(detector.name for detector in chosen.detectors)
    restores = settings.scrub_restore and settings.scrub_mode == "pseudonymize"
    return ScrubFacts(mode=settings.scrub_mode, detectors=names, restore=restores)


def _blocks(settings: Settings) -> bool:
    # Whoever only counts is promised that everything goes on untouched.
    return settings.scrub_on_skip == "block" and settings.scrub_mode == "pseudonymize"


def _scrubbing(settings: Settings, chosen: Rules | None, clock: Clock) -> Scrubbing | None:
    if chosen is None or settings.scrub_mode == "off":
        return None
    sys.setswitchinterval(SWITCH)
    scrubber = Scrubber(
        mode=settings.scrub_mode,
        key=bytes.fromhex(_secret(settings.scrub_hmac_key) or ""),
        rules=chosen,
        style=settings.scrub_placeholder_style,
        clock=clock,
        limit=settings.scrub_max_body_size,
        receipts=settings.scrub_receipts_file is not None,
        seconds=settings.scrub_time_limit,
        cpu=ScanClock(),
    )
    return Scrubbing(
        scrubber,
        settings.scrub_max_body_size,
        ScanPool(clock),
        block=_blocks(settings),
        restore=settings.scrub_restore,
        tools=ToolPolicy.parse(settings.scrub_restore_tools),
    )


def _secret(value: SecretStr | None) -> str | None:
    return None if value is None else value.get_secret_value()
