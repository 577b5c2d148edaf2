"""Makes the cache flight recorder."""

import functools
import secrets

import xxhash

from ..proxy.caching import Caching
from ..settings import Settings


def caching_of(settings: Settings) -> Caching:
    """Return it, with a memory of the bodies as received where the scrubber may change them.

    Its hash is XXH3 with a key of this process. It reads a body ten times as fast as Python's own
    hash, which is more than half of what the recorder takes of a request. It is no cryptographic
    hash; no hash leaves the process, and whoever finds two bodies with the same one deceives
    himself only: the recorder takes them for the same conversation.
    """
    changes = settings.scrub_mode == "pseudonymize"
    digest = functools.partial(xxhash.xxh3_64_intdigest, seed=secrets.randbits(64))
    return Caching(digest, recorders=1 + changes)
