"""An ended exchange with its model, charges and ids, computed once for all recorders."""

import operator
import re
from collections.abc import Mapping
from functools import partial

import msgspec

from ..anthropic.limits import Limits
from ..anthropic.prices import Prices
from ..anthropic.token_types import BILLED, ESTIMATED, OUTPUT
from ..anthropic.usage import Attempt
from ..cache.dollars import miss_cost, saved
from ..exchange import Exchange
from ..wire.trace_context import TraceContext

NO_MODEL = "none"  # the model label of requests that have no model

# Names and values of an exemplar may have as many characters together (OpenMetrics 1.0).
EXEMPLAR_LIMIT = 128
# Ids come from clients, so anything else is dropped.
_ID = re.compile(r"[A-Za-z0-9_-]{1,48}", re.ASCII)


class Charge(msgspec.Struct, frozen=True):
    """Tokens and cost of one billed attempt, under its model's name in the price table.

    ``tokens`` go by `COUNTED` types, ``cost`` by `COSTS`, in US dollars, and ``total`` is their
    sum; None when no price is known.
    """

    model: str
    attempt: Attempt
    tokens: Mapping[str, int]
    cost: Mapping[str, float] | None
    total: float | None

    @classmethod
    def of(cls, attempt: Attempt, prices: Prices) -> "Charge":
        """Price an attempt; estimated output has its own type."""
        usage = attempt.usage
        tokens = dict(zip(BILLED, _billed(usage), strict=True))
        cost = prices.price(attempt)
        if attempt.estimated:
            tokens |= {OUTPUT: 0, ESTIMATED: usage.output}
            if cost is not None:
                cost = {**cost, OUTPUT: 0.0, ESTIMATED: cost[OUTPUT]}
        model = NO_MODEL if attempt.model is None else prices.canonical(attempt.model)
        return cls(model, attempt, tokens, cost, None if cost is None else sum(cost.values()))


_billed = operator.attrgetter(*BILLED)
NO_LIMITS = Limits()


class Entry(msgspec.Struct, frozen=True):
    """``model`` is its name in the price table, ``other`` or `NO_MODEL`.

    ``charges`` are the billed attempts, the response's own first. ``ids`` holds the request,
    session and agent ids, if known. ``miss_cost`` and ``saved`` are US dollars: the cost of a
    cache miss, and the savings of the cache; None when a price or the verdict is not known.
    ``trace`` is the exchange's own span where spans are exported, else the client's. ``limits``
    are those that upstream stated.
    """

    exchange: Exchange
    model: str
    charges: tuple[Charge, ...]
    ids: Mapping[str, str]
    miss_cost: float | None = None
    saved: float | None = None
    trace: TraceContext | None = None
    limits: Limits = NO_LIMITS

    @property
    def estimated(self) -> bool:
        """Whether the output of a stream that ended early is an estimate."""
        return any(charge.attempt.estimated for charge in self.charges)

    @property
    def total_cost(self) -> float | None:
        """US dollars for the whole exchange; None when a price or the usage is not known."""
        if not self.charges and self.exchange.usage is None:
            return None
        known = [one.total for one in self.charges if one.total is not None]
        return sum(known) if len(known) == len(self.charges) else None

    def tokens(self, kind: str) -> int:
        """Return the billed tokens of one of the `COUNTED` types, of all attempts."""
        return sum(charge.tokens.get(kind, 0) for charge in self.charges)

    @property
    def thinking(self) -> int:
        """Thinking tokens, a part of the output."""
        return sum(charge.attempt.usage.thinking for charge in self.charges)

    @property
    def exemplar(self) -> dict[str, str] | None:
        """Labels that link a bucket to its trace, if that is recorded, and to log lines."""
        labels: dict[str, str] = {}
        if self.trace is not None and self.trace.sampled:
            labels["trace_id"] = self.trace.trace_id
        room = EXEMPLAR_LIMIT - sum(len(name) + len(value) for name, value in labels.items())
        for name in _EXEMPLAR:
            value = self.ids.get(name)
            if value is not None and len(name) + len(value) <= room:
                labels[name] = value
                room -= len(name) + len(value)
        return labels or None


def cache_dollars(
    exchange: Exchange, charges: tuple[Charge, ...], prices: Prices
) -> tuple[float | None, float | None]:
    """Return what a cache miss cost and what the cache saved, in US dollars."""
    if exchange.cache is None or not charges:
        return None, None
    own, *others = charges
    cost, earned = _cache_dollars(own, exchange.cache.verdict.missed, prices)
    if not others:
        return cost, earned
    savings = [earned, *(_cache_dollars(charge, 0, prices)[1] for charge in others)]
    known = [one for one in savings if one is not None]
    return cost, sum(known) if len(known) == len(savings) else None


def _cache_dollars(
    charge: Charge, missed: int, prices: Prices
) -> tuple[float | None, float | None]:
    usage, model = charge.attempt.usage, charge.attempt.model or ""
    price, uncached = partial(prices.cost, model=model), partial(prices.uncached, model=model)
    actual = price(usage) if charge.attempt.samplings else charge.cost
    return miss_cost(usage, missed, actual, price), saved(usage, actual, uncached)


_EXEMPLAR = ("request_id", "session_id")


def identifiers(exchange: Exchange) -> Mapping[str, str]:
    """Return the ids of an exchange by name, except missing and malformed ones."""
    ids = {
        "request_id": exchange.request_id,
        "session_id": exchange.session_id,
        "agent_id": exchange.agent_id,
    }
    return {name: value for name, value in ids.items() if value and _ID.fullmatch(value)}
