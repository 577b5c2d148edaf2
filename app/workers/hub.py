"""Asks the workers for their metrics, and answers them for all."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from ..telemetry.sampling.ring import LATENCIES, TOTALS
from ..telemetry.sampling.sampler import INTERVAL, MAX_AGE, Sampler
from .channel import Channel, ChannelClosed
from .messages import Body, Collect, Report, Scene
from .reports import packed
from .service import Service

PATIENCE = 0.5  # seconds that a worker has for its report: a stuck one must not delay a scrape
# What the sampler's history is made of, histograms whole.
NAMES = (
    *TOTALS,
    *(f"{name}_{part}" for name, _ in LATENCIES.values() for part in ("sum", "count")),
)

log = structlog.get_logger(__name__)


class Hub:
    """Knows the channels of the workers that serve.

    State: ``channels`` by worker; ``_scene`` is the last answer, made ``_at`` this time.
    """

    def __init__(self, service: Service, sampler: Sampler, clock: Callable[[], float]) -> None:
        self.channels: dict[int, Channel] = {}
        self._service = service
        self._sampler = sampler
        self._clock = clock
        self._scene = Scene(0)
        self._at = float("-inf")
        self._looking = asyncio.Lock()

    async def run(self) -> None:
        """Add a point to the history from time to time, forever."""
        while True:
            try:
                await self.collect(NAMES)
                self._sampler.tick_unwatched()
            except Exception:
                log.exception("sampling failed")
            await asyncio.sleep(INTERVAL)

    async def look(self, known: int) -> Scene:
        """Return what the pages show, without its content if that is ``known``."""
        async with self._looking:  # whoever comes meanwhile shares the answer
            if self._clock() - self._at > MAX_AGE:
                await self.collect(None)
                snapshot = self._sampler.current()
                self._at = snapshot.at
                number = self._scene.number + 1
                self._scene = Scene(number, packed(snapshot.families), snapshot.encoded)
        return Scene(known) if known == self._scene.number else self._scene

    async def collect(self, names: tuple[str, ...] | None) -> None:
        """Ask every worker at once."""
        await asyncio.gather(*(self._ask(*one, names) for one in tuple(self.channels.items())))

    async def _ask(self, worker: int, channel: Channel, names: tuple[str, ...] | None) -> None:
        known = None if names is None else self._service.known(worker)
        report: Body | None = None
        with suppress(TimeoutError, ChannelClosed):
            report = await channel.ask(Collect(names, known), PATIENCE)
        if self.channels.get(worker) is not channel:
            return  # another one has this number now
        if isinstance(report, Report):
            self._service.report(worker, report, whole=names is None)
        else:
            self._service.silent(worker)
