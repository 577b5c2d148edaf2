"""Restores a response: a little of it on the event loop, much of it in the scrubber's threads."""

from collections.abc import Callable, Sequence
from functools import partial

from ..anthropic.intake import Intake
from ..anthropic.records import Record
from ..scrubber.restore.restorer import Restorer
from .scan_pool import ScanPool

INLINE_LIMIT = 2048  # bytes restored on the event loop: most events of a stream are shorter


class Restoring:
    """Feeds a `Restorer` one step after the other; the next begins when the last is done."""

    def __init__(self, restorer: Restorer, intake: Intake, pool: ScanPool) -> None:
        self.restorer = restorer
        self._intake = intake
        self._pool = pool

    @property
    def decodes(self) -> bool:
        """Whether the client gets a compressed response decoded."""
        return self._intake.decodes

    def read(self, chunk: bytes) -> list[Record]:
        """Return what the next bytes are, decoded and split: for `feed`, and for the tap."""
        return [record for records in self._intake.feed(chunk) for record in records]

    async def feed(self, records: Sequence[Record]) -> bytes:
        """Return what can go on; raises `ResponseCut` when a compressed answer is damaged."""
        size = sum(len(record.raw) for record in records)
        return await self._run(partial(self.restorer.feed, records), size + self.restorer.held)

    async def close(self) -> bytes:
        """Return the rest, at the answer's end; raises `ResponseCut` when that came too soon."""
        return await self._run(self.restorer.close, self.restorer.held)

    async def _run(self, work: Callable[[], bytes], size: int) -> bytes:
        return work() if size <= INLINE_LIMIT else await self._pool.run(size, work)
