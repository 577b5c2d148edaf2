"""Samples the registry every 1.5 s, once for all watchers.

While nobody watches, a tick adds a point to the history and renders nothing. When no request has
started or ended since the last point, the tick collects nothing either: the totals are equal,
except that of the output tokens, which is known without a collection.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

import msgspec
import structlog
from msgspec.structs import asdict, replace
from prometheus_client import Metric

from ..facts import Facts, Listening
from .alerts import Alarms, Alert, Situation, Thresholds
from .broadcast import Broadcast
from .ring import TOTALS, WINDOW, Point, Ring
from .samples import Samples
from .snapshot import Json, figures, instance

INTERVAL = 1.5  # seconds
MAX_AGE = 1.0  # seconds for which a snapshot is reused

log = structlog.get_logger(__name__)


class NoSnapshot(Exception):
    """The metrics cannot be had now."""


class Rows(Protocol):
    """The last exchanges."""

    def as_json(self) -> list[Json]:
        """Return them as JSON objects, the latest start first."""

    def reasons(self, since: float) -> list[str]:
        """Return why exchanges that began after ``since`` failed."""


class Source(Protocol):
    """The telemetry that is sampled: of this process, or of several workers."""

    version: str
    facts: Facts
    listening: Listening | None
    prices_as_of: str
    clock: Callable[[], float]
    wall: Callable[[], float]

    @property
    def changes(self) -> int:
        """A number that grows with each change."""

    @property
    def recent(self) -> Rows:
        """The last exchanges."""

    @property
    def active(self) -> int:
        """How many exchanges are running."""

    @property
    def uptime(self) -> float:
        """Seconds since the start."""

    @property
    def prices_age(self) -> int | None:
        """Age of the price table in days."""

    def collect(self) -> tuple[Metric, ...]:
        """Return every metric."""

    def collect_only(self, names: Iterable[str]) -> tuple[Metric, ...]:
        """Return the samples with these names."""

    @property
    def live_output(self) -> float | None:
        """The total of the output tokens as they stream; None if only a collection tells it."""

    def late_by(self, seconds: float) -> None:
        """Record how late a timer of the event loop was."""


class Snapshot(msgspec.Struct, frozen=True):
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

    It starts with telemetry, when every total is 0.

    State: ``_ring`` grows by a point at every tick; ``_last`` is its newest point, taken after
    ``_changes`` of telemetry. ``_latest`` is the last snapshot.
    """

    def __init__(
        self,
        telemetry: Source,
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
        self._changes = 0
        self._last = self._point(Samples(()))
        self._ring = Ring(self._last, interval=interval)
        self._latest: Snapshot | None = None

    async def run(self) -> None:
        """Tick until cancelled; record how much longer than asked each sleep took."""
        clock = self._telemetry.clock
        while True:
            try:
                if self._broadcast.watched:
                    self.tick()
                else:
                    self.tick_unwatched()
            except Exception:
                log.exception("sampling failed")
            due = clock() + self._interval
            await self._sleep(self._interval)
            self._telemetry.late_by(max(0.0, clock() - due))

    def tick(self) -> Snapshot:
        """Take a snapshot, add its point to the ring, and send it to the watchers."""
        snapshot = self._take(remember=True)
        self._broadcast.publish(snapshot.encoded)
        return snapshot

    def tick_unwatched(self) -> None:
        """Remember a point and check the alerts, for those who watch later."""
        point = self._unchanged() or self._point(Samples(self._telemetry.collect_only(TOTALS)))
        self._remember(point)
        self._check(point)

    async def latest(self) -> Snapshot:
        """Return `current`: the views of other processes have to wait for it."""
        return self.current()

    async def welcome(self) -> None:
        """Publish a current snapshot for the first watcher; the next ones come with the ticks."""
        if not self._broadcast.watched:
            self._broadcast.publish(self.current().encoded)

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
            self._remember(point)
        document = self._document(samples, point)
        encoded = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        self._latest = Snapshot(point.at, families, document, encoded)
        return self._latest

    def _document(self, samples: Samples, point: Point) -> Json:
        telemetry = self._telemetry
        return {
            "version": telemetry.version,
            "instance": instance(telemetry.facts, telemetry.listening),
            "time": point.time,
            "uptime": telemetry.uptime,
            "prices_as_of": telemetry.prices_as_of,
            "prices_age_days": telemetry.prices_age,
            **figures(samples, point, self._ring, telemetry.facts.scrub),
            "alerts": [asdict(alert) for alert in self._check(point)],
            "recent": telemetry.recent.as_json(),
        }

    def _check(self, point: Point) -> tuple[Alert, ...]:
        """Return the active alerts; those of a point between two ticks are checked as well."""
        reasons = self._telemetry.recent.reasons(since=point.time - WINDOW)
        span = self._ring.until(point, WINDOW)
        return self._alarms.check(Situation(span, self._telemetry.active, reasons))

    def _remember(self, point: Point) -> None:
        self._ring.append(point)
        self._last, self._changes = point, self._telemetry.changes

    def _unchanged(self) -> Point | None:
        """Return the last point with the present time and output, or None if it may be old."""
        telemetry = self._telemetry
        if telemetry.changes != self._changes:
            return None
        output = telemetry.live_output
        if output is None:
            if telemetry.active:
                return None
            output = self._last.output_tokens
        now, time = telemetry.clock(), telemetry.wall()
        return replace(self._last, at=now, time=time, output_tokens=output)

    def _point(self, samples: Samples) -> Point:
        return Point.of(samples, self._telemetry.clock(), self._telemetry.wall())
