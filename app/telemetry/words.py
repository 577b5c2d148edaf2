"""Words that upstream and its gateways choose: anything else could be content."""

import functools
import re

from ..anthropic.prices import OTHER

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}", re.ASCII)


@functools.lru_cache(128)
def word(said: str | None) -> str | None:
    """Return a word as it is, None for None, and `OTHER` for anything else."""
    return said if said is None or _WORD.fullmatch(said) else OTHER
