"""What the pages of a worker show: the answer of the supervisor, for all workers."""

import asyncio

import structlog

from ..telemetry.recorder import Telemetry
from ..telemetry.sampling.broadcast import Broadcast
from ..telemetry.sampling.sampler import INTERVAL, NoSnapshot, Snapshot
from .channel import Channel, ChannelClosed
from .messages import Collect, Look, Report, Scene
from .reports import packed, unpacked

PATIENCE = 2.0  # seconds that the supervisor has: more than it gives a worker

log = structlog.get_logger(__name__)


class View:
    """Stands for the `Sampler` of a single process. State: the ``_snapshot`` of a ``_number``."""

    def __init__(self, channel: Channel, telemetry: Telemetry, broadcast: Broadcast) -> None:
        self._channel = channel
        self._telemetry = telemetry
        self._broadcast = broadcast
        self._snapshot = Snapshot(0.0, (), {}, b"")
        self._number = 0

    async def latest(self) -> Snapshot:
        """Return the metrics of all workers; raises `NoSnapshot`."""
        try:
            scene = await self._channel.ask(Look(self._number), PATIENCE)
        except (TimeoutError, ChannelClosed):
            raise NoSnapshot from None
        if not isinstance(scene, Scene):
            raise NoSnapshot
        if scene.families is not None:
            families = unpacked(scene.families)
            self._snapshot = Snapshot(self._telemetry.clock(), families, {}, scene.document)
            self._number = scene.number
        return self._snapshot

    async def welcome(self) -> None:
        """Publish them for the first watcher; the next ones come with the ticks."""
        if not self._broadcast.watched:
            await self._publish()

    async def run(self) -> None:
        """Publish while somebody watches, until cancelled; record how late each sleep ended."""
        clock = self._telemetry.clock
        while True:
            due = clock() + INTERVAL
            await asyncio.sleep(INTERVAL)
            self._telemetry.late_by(max(0.0, clock() - due))
            if self._broadcast.watched:
                await self._publish()

    async def _publish(self) -> None:
        try:
            self._broadcast.publish((await self.latest()).encoded)
        except NoSnapshot:
            log.warning("the supervisor does not answer")


def report(telemetry: Telemetry, request: Collect) -> Report:
    """Return what this process has to report; nothing for the history if no request has run."""
    changes = telemetry.changes
    if request.known == changes and not telemetry.active and not telemetry.advance():
        return Report(changes)
    names = request.names
    families = telemetry.collect() if names is None else telemetry.collect_only(names)
    return Report(
        changes=changes,
        active=telemetry.active,
        families=packed(families),
        recent=telemetry.recent.as_json(),
        prices_age=telemetry.prices_age,
        limits_at=telemetry.limits_at,
    )
