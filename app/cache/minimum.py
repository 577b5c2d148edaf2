"""The smallest prompt that a model caches, in tokens (documentation of prompt caching)."""

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
MOST = 4096  # of every other model


def minimum(model: str) -> int:
    """Return the minimum of a model, whatever cloud's name it has."""
    name = family_first(plain(model))
    return next((tokens for start, tokens in _MINIMUMS if name.startswith(start)), MOST)
