"""Makes what records and shows what happens: metrics, prices, ledger, receipts, alerts."""

from collections.abc import Callable, Mapping

import httpx

from .. import __version__
from ..anthropic.prices import Prices
from ..budgets.budgets import Budgets
from ..http2 import Transport
from ..ledger.places import Place, connecting, place_of
from ..ledger.writer import Ledger
from ..proxy.request.hold_budget import HoldBudget
from ..settings import Settings, as_settings_error, revealed
from ..telemetry.facts import Facts
from ..telemetry.recorder import Telemetry
from ..telemetry.recorders.access_log import AccessLog
from ..telemetry.recorders.receipts import ReceiptFile
from .exporting import exporter_of

Clock = Callable[[], float]


def telemetry_of(
    settings: Settings,
    transport: httpx.AsyncBaseTransport,
    clock: Clock,
    wall: Clock,
    facts: Facts,
    held: HoldBudget,
    environ: Mapping[str, str],
    budgets: Budgets | None = None,
) -> Telemetry:
    """Return the telemetry; raises `SettingsError` when a file that it needs is unusable."""
    prices = prices_of(settings)
    return Telemetry(
        prices=prices,
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
        budgets=budgets,
        exporter=exporter_of(settings, prices, environ),
        alone=settings.workers == 1,
        labels=settings.label_names,
    )


def prices_of(settings: Settings) -> Prices:
    """Return the price list in force; raises `SettingsError` for a file that is no list."""
    with as_settings_error("prices_file"):
        return Prices.load(settings.prices_file)


def ledger_place_of(settings: Settings, facts: Facts) -> Place | None:
    """Return where the ledger is, None when it is off.

    Raises `SettingsError` for a database that cannot be used here.
    """
    if not settings.ledger:
        return None
    with as_settings_error("ledger_url"):
        return place_of(
            settings.state_dir, revealed(settings.ledger_url), simulated=facts.simulated
        )


def _receipts(settings: Settings) -> ReceiptFile | None:
    if settings.scrub_receipts_file is None:
        return None
    return ReceiptFile(settings.scrub_receipts_file, settings.scrub_key)


def _ledger(settings: Settings, clock: Clock, wall: Clock, facts: Facts) -> Ledger | None:
    place = ledger_place_of(settings, facts)
    if place is None:
        return None
    return Ledger(
        connecting(place),
        name=str(place),
        days=settings.ledger_days,
        max_size=settings.ledger_max_size,
        labels=settings.label_names,
        clock=clock,
        wall=wall,
    )
