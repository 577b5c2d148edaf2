"""Gauges that are computed at each collection, so they cannot drift."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from ...anthropic.endpoints import ROUTES
from ...exchange import Progress
from ..instruments import PREFIX

STALLED_AFTER = 20.0  # seconds of silence; Claude Code warns its user after the same time


class TransportStats(Protocol):
    """Statistics of the upstream transport."""

    @property
    def connections_opened(self) -> int:
        """Connections opened since the start."""

    @property
    def streams_open(self) -> int:
        """Streams in use now."""


class HeldBodies(Protocol):
    """Request bodies in memory, held for a retry."""

    @property
    def used(self) -> int:
        """Bytes held now."""

    @property
    def refused(self) -> int:
        """Bodies for which there was no room, since the start."""


class Running(Collector):
    """The running exchanges. State: ``_running``, by identity, since progress is mutable."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._running: dict[int, Progress] = {}

    def add(self, progress: Progress) -> None:
        """Count an exchange from now on."""
        self._running[id(progress)] = progress

    def remove(self, progress: Progress) -> None:
        """Stop counting it."""
        self._running.pop(id(progress), None)

    def __iter__(self) -> Iterator[Progress]:
        """Yield the running exchanges."""
        return iter(tuple(self._running.values()))

    @property
    def active(self) -> int:
        """How many exchanges are running."""
        return len(self._running)

    def collect(self) -> Iterator[Metric]:
        """Yield the running requests by route, and the stalled streams and clients."""
        in_progress = GaugeMetricFamily(
            PREFIX + "requests_in_progress", "Requests in progress", labels=["route"]
        )
        counts = Counter(progress.route for progress in self._running.values())
        for route in ROUTES:
            in_progress.add_metric([route], counts[route])
        yield in_progress
        upstream = (one.upstream_since for one in self._running.values() if one.streaming)
        client = (one.client_since for one in self._running.values())
        yield GaugeMetricFamily(
            PREFIX + "streams_stalled",
            f"Streams that have received nothing from upstream for {STALLED_AFTER:.0f} s",
            value=self._stalled(upstream),
        )
        yield GaugeMetricFamily(
            PREFIX + "clients_stalled",
            f"Responses whose client has read nothing for {STALLED_AFTER:.0f} s",
            value=self._stalled(client),
        )

    def _stalled(self, waits: Iterable[float | None]) -> int:
        before = self._clock() - STALLED_AFTER
        return sum(since is not None and since < before for since in waits)


class Transport(Collector):
    """The upstream transport's statistics; 0 without a transport."""

    def __init__(self, stats: Callable[[], TransportStats] | None, *, created: float) -> None:
        self._stats = stats
        self._created = created

    def collect(self) -> Iterable[Metric]:
        """Return its connections and streams."""
        stats = self._stats() if self._stats is not None else None
        return [
            CounterMetricFamily(
                PREFIX + "upstream_connections_opened",
                "Connections opened to upstream",
                value=stats.connections_opened if stats is not None else 0,
                created=self._created,
            ),
            GaugeMetricFamily(
                PREFIX + "upstream_streams",
                "Open streams on upstream connections",
                value=stats.streams_open if stats is not None else 0,
            ),
        ]


class Held(Collector):
    """Request bodies in memory; 0 without a hold budget."""

    def __init__(self, bodies: HeldBodies | None, *, created: float) -> None:
        self._bodies = bodies
        self._created = created

    def collect(self) -> Iterable[Metric]:
        """Return the bytes held, and how often there was no room."""
        bodies = self._bodies
        return [
            GaugeMetricFamily(
                PREFIX + "held_body_bytes",
                "Bytes of request bodies held for a retry or a scan",
                value=bodies.used if bodies is not None else 0,
            ),
            CounterMetricFamily(
                PREFIX + "bodies_not_held",
                "Request bodies not held for a retry, because HOLD_BUDGET was used up",
                value=bodies.refused if bodies is not None else 0,
                created=self._created,
            ),
        ]
