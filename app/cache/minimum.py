"""The smallest prompt that a model caches, in tokens (documentation of prompt caching)."""

import functools

from ..anthropic.names import family_first, plain

# By how a model's name starts, the first that fits.
_MINIMUMS = (
    ("claude-fable-", 512),
    ("claude-mythos-", 512),
    ("claude-opus-5", 512),
    ("claude-opus-4-5", 4096),
    ("claude-opus-4-6", 4096),
    ("claude-opus-4-7", 4096),
    ("claude-opus-", 1024),
    ("claude-sonnet-", 1024),
    ("claude-haiku-3", 2048),
    ("claude-3-", 2048),
)
LARGEST_MINIMUM = 4096  # of every other model


@functools.lru_cache(64)
def name_of(model: str) -> str:
    """Return the plain name of a model."""
    return plain(model)


@functools.lru_cache(64)
def minimum(name: str) -> int:
    """Return the minimum of a model, by its plain name."""
    name = family_first(name)
    return next((tokens for start, tokens in _MINIMUMS if name.startswith(start)), LARGEST_MINIMUM)
