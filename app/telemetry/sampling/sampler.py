"""Samples the registry every 1.5 s, once for all watchers."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

import structlog
from prometheus_client import Metric

from ..recorder import Telemetry
from .alerts import Alarms, Situation, Thresholds
from .broadcast import Broadcast
from .ring import WINDOW, Point, Ring
from .samples import Samples
from .snapshot import Json, figures, instance

INTERVAL = 1.5  # seconds
MAX_AGE = 1.0  # seconds for which a snapshot is reused

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One collection: the metrics for the exposition, and the JSON document, rendered once.

    ``at`` is monotonic. ``collect`` lets ``prometheus_client`` render it like a registry.
    """

    at: float
    families: tuple[Metric, ...]
    document: Json
    encoded: bytes

    def collect(self) -> tuple[Metric, ...]:
        """Return the collected metrics."""
        return self.families

    def as_json(self) -> Json:
        """Return the document."""
        return self.document


class Sampler:
    """Takes snapshots: at every tick for the watchers, and on request if the last is too old.

    State: ``_ring`` grows by a point at every tick, ``_latest`` is the last snapshot.
    """

    def __init__(
        self,
        telemetry: Telemetry,
        broadcast: Broadcast,
        *,
        thresholds: Thresholds | None = None,
        interval: float = INTERVAL,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._telemetry = telemetry
        self._broadcast = broadcast
        self._alarms = Alarms(thresholds or Thresholds())
        self._interval = interval
        self._sleep = sleep
        self._ring = Ring(self._point(Samples(telemetry.collect())), interval=interval)
        self._latest: Snapshot | None = None

    async def run(self) -> None:
        """Tick until cancelled; record how much longer than asked each sleep took."""
        clock = self._telemetry.clock
        while True:
            try:
                self.tick()
            except Exception:
                log.exception("sampling failed")
            due = clock() + self._interval
            await self._sleep(self._interval)
            self._telemetry.loop_lag.observe(max(0.0, clock() - due))

    def tick(self) -> Snapshot:
        """Take a snapshot, add its point to the ring, and send it to the watchers."""
        snapshot = self._take(remember=True)
        self._broadcast.publish(snapshot.encoded)
        return snapshot

    def current(self) -> Snapshot:
        """Return the last snapshot, or a new one if it is older than `MAX_AGE`."""
        latest = self._latest
        if latest is not None and self._telemetry.clock() - latest.at <= MAX_AGE:
            return latest
        return self._take(remember=False)

    def _take(self, *, remember: bool) -> Snapshot:
        families = self._telemetry.collect()
        samples = Samples(families)
        point = self._point(samples)
        if remember:
            self._ring.append(point)
        document = self._document(samples, point)
        encoded = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        self._latest = Snapshot(point.at, families, document, encoded)
        return self._latest

    def _document(self, samples: Samples, point: Point) -> Json:
        telemetry = self._telemetry
        reasons = telemetry.recent.reasons(since=point.time - WINDOW)
        situation = Situation(self._ring.until(point, WINDOW), telemetry.active, reasons)
        alerts = self._alarms.check(situation)
        return {
            "version": telemetry.version,
            "instance": instance(telemetry.facts, telemetry.listening),
            "time": point.time,
            "uptime": telemetry.uptime,
            "prices_as_of": telemetry.prices_as_of,
            "prices_age_days": telemetry.prices_age,
            **figures(samples, point, self._ring, telemetry.facts.scrub),
            "alerts": [asdict(alert) for alert in alerts],
            "recent": telemetry.recent.as_json(),
        }

    def _point(self, samples: Samples) -> Point:
        return Point.of(samples, self._telemetry.clock(), self._telemetry.wall())
