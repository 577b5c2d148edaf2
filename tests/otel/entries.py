"""Ended exchanges as the exporter gets them."""

from typing import Any

from msgspec.structs import replace

from app.anthropic.hints import Hints
from app.exchange import Exchange
from app.otel.span import Api
from app.telemetry.entry import Charge, Entry, identifiers
from app.wire.trace_context import TraceContext
from tests.telemetry.exchanges import PLAIN, PRICES

PARENT = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)
OWN = TraceContext(PARENT.trace_id, "00f067aa0ba902b7", sampled=True)
API = Api("api.anthropic.com", 443, exact=PRICES.exact, canonical=PRICES.canonical)
TRACED = replace(PLAIN, hints=Hints(trace=PARENT), attempt_starts=(0.01,), headers_at=0.41)


def entry(exchange: Exchange = TRACED, trace: TraceContext | None = OWN, **changes: Any) -> Entry:
    """Return the entry of an exchange."""
    changed = replace(exchange, **changes)
    return Entry(
        exchange=changed,
        model=PRICES.canonical(changed.model or "none"),
        charges=tuple(Charge.of(attempt, PRICES) for attempt in changed.billed),
        ids=identifiers(changed),
        trace=trace,
    )
