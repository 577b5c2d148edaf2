"""Words that upstream and its gateways choose: anything else could be content."""

import functools

from ..anthropic.hints import WORD
from ..anthropic.prices import OTHER


@functools.lru_cache(128)
def word(said: str | None) -> str | None:
    """Return a word as it is, None for None, and `OTHER` for anything else."""
    return said if said is None or WORD.fullmatch(said) else OTHER
