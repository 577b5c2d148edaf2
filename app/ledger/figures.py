"""Figures as people read them. Imports next to nothing: a status line has no time for it."""

from collections.abc import Mapping

from ..anthropic.token_types import PROMPT

UNITS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))
WHOLE = 10_000  # numbers up to here are written out
HALF_A_CENT = 0.005


def money(dollars: float) -> str:
    """Return an amount as people write it; one below a cent is not 0."""
    return "<$0.01" if 0 < dollars < HALF_A_CENT else f"${dollars:,.2f}"


def number(count: float) -> str:
    """Return a number with three digits that matter: 9,876, 12.3k, 4.56M."""
    if count < WHOLE:
        return f"{count:,.0f}"
    size, unit = next((size, unit) for size, unit in UNITS if count >= size * 0.9995)
    value = count / size
    digits = sum(value < limit for limit in (99.95, 9.995))
    return f"{value:,.{digits}f}{unit}"


def cached(tokens: Mapping[str, int]) -> float | None:
    """Return the share of the input that came from the cache, None without any."""
    prompt = sum(tokens[kind] for kind in PROMPT)
    return tokens["cache_read"] / prompt if prompt else None
