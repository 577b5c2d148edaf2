"""What a cache miss cost, and what reading from the cache saved, in US dollars at list price.

Both are differences between what an answer cost and what another usage of the same prompt would
have cost: the price list decides, with its tiers and factors. Of what was saved, only the prompt
differs.
"""

from collections.abc import Callable, Mapping

from msgspec.structs import replace

from ..anthropic.token_types import PROMPT
from ..anthropic.usage import Usage

Costs = Mapping[str, float] | None  # US dollars by type of token; None without a price
Price = Callable[[Usage], Costs]
Uncached = Callable[[Usage], float | None]  # the cost of a prompt that is not cached at all

_FROM = ("cache_write_1h", "cache_write_5m", "input")  # where missed tokens went, in this order


def miss_cost(usage: Usage, missed: int, actual: Costs, price: Price) -> float | None:
    """Return what it cost that ``missed`` tokens were not read, of an ``actual`` cost."""
    if not missed:
        return 0.0
    moved, left = {}, missed
    for kind in _FROM:
        taken = min(left, getattr(usage, kind))
        moved[kind] = getattr(usage, kind) - taken
        left -= taken
    read = usage.cache_read + missed - left
    return _difference(actual, price(replace(usage, cache_read=read, **moved)))


def saved(usage: Usage, actual: Costs, uncached: Uncached) -> float | None:
    """Return what the cache saved of an ``actual`` cost; below 0 when it was only written."""
    if usage.prompt == usage.input:
        return 0.0
    whole = uncached(usage)
    if whole is None or actual is None:
        return None
    return whole - sum(map(actual.__getitem__, PROMPT))


def _difference(more: Costs, less: Costs) -> float | None:
    if more is None or less is None:
        return None
    return sum(more.values()) - sum(less.values())
