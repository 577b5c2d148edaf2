"""Restores a response: a little of it on the event loop, much of it in the scrubber's threads."""

from collections.abc import Callable
from functools import partial

from ..scrubber.restore.restorer import Restorer
from .scan_pool import ScanPool

INLINE_LIMIT = 2048  # bytes restored on the event loop: most events of a stream are shorter
_INFLATED = 32  # bytes that a compressed one may become, about: more is rare


class Restoring:
    """Feeds a `Restorer` one step after the other; the next begins when the last is done."""

    def __init__(self, restorer: Restorer, pool: ScanPool) -> None:
        self.restorer = restorer
        self._pool = pool

    @property
    def decodes(self) -> bool:
        """Whether the client gets a compressed response decoded."""
        return self.restorer.identity

    async def feed(self, chunk: bytes) -> bytes:
        """Return what can go on; raises `ResponseCut` when a compressed answer is damaged."""
        inflated = len(chunk) * (_INFLATED if self.restorer.identity else 1)
        return await self._run(partial(self.restorer.feed, chunk), inflated + self.restorer.held)

    async def close(self) -> bytes:
        """Return the rest, at the answer's end; raises `ResponseCut` when that came too soon."""
        return await self._run(self.restorer.close, self.restorer.held)

    async def _run(self, work: Callable[[], bytes], size: int) -> bytes:
        return work() if size <= INLINE_LIMIT else await self._pool.run(size, work)
