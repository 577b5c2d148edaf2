"""Makes the budgets."""

import socket
from collections.abc import Callable

import httpx

from ..budgets import announced
from ..budgets.budgets import Budgets
from ..budgets.webhook import Webhook
from ..http2 import Transport
from ..settings import Settings, revealed
from ..telemetry.facts import Facts
from .telemetry import ledger_place_of
from .transport import trusting


def budgets_of(settings: Settings, wall: Callable[[], float], facts: Facts) -> Budgets | None:
    """Return the budgets, None without any; raises `StartError`."""
    ledger = ledger_place_of(settings, facts)
    if not settings.budget_rules or ledger is None:
        return None
    url = revealed(settings.budget_webhook)
    return Budgets.of(
        settings.budget_rules,
        ledger=ledger,
        announced=settings.state_dir / announced.NAME,
        host=facts.host or socket.gethostname(),
        wall=wall,
        enforce=settings.budget_enforce,
        webhook=None if url is None else Webhook(url, _transport()),
    )


def _transport() -> Transport:
    """Return the webhook's way: with the usual CAs, and the environment's proxy if there is one."""
    return Transport(ssl_context=trusting(httpx.create_ssl_context), max_connections=1)
