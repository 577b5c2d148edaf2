"""What a cache miss cost, and what reading from the cache saved, in US dollars at list price.

Both are differences between what an answer cost and what another usage of the same prompt would
have cost: the price list decides, with its tiers and factors.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from ..anthropic.usage import Attempt, Usage

Price = Callable[[Attempt], Mapping[str, float] | None]

_FROM = ("cache_write_1h", "cache_write_5m", "input")  # where missed tokens went, in this order


def miss_cost(attempt: Attempt, missed: int, price: Price) -> float | None:
    """Return what it cost that ``missed`` tokens were not read; None without a price."""
    if not missed:
        return 0.0
    usage = attempt.usage
    moved = {}
    left = missed
    for kind in _FROM:
        taken = min(left, getattr(usage, kind))
        moved[kind] = getattr(usage, kind) - taken
        left -= taken
    read = usage.cache_read + missed - left
    return _difference(attempt, replace(usage, cache_read=read, **moved), price)


def saved(attempt: Attempt, price: Price) -> float | None:
    """Return what the cache saved, below 0 when it was only written; None without a price."""
    usage = attempt.usage
    if usage.prompt == usage.input:
        return 0.0
    difference = _difference(attempt, _uncached(usage), price)
    return None if difference is None else -difference


def _uncached(usage: Usage) -> Usage:
    return replace(usage, input=usage.prompt, cache_read=0, cache_write_5m=0, cache_write_1h=0)


def _difference(attempt: Attempt, usage: Usage, price: Price) -> float | None:
    """Return how much more the attempt cost than with ``usage``."""
    actual = price(replace(attempt, samplings=()))
    other = price(replace(attempt, usage=usage, samplings=()))
    if actual is None or other is None:
        return None
    return sum(actual.values()) - sum(other.values())
