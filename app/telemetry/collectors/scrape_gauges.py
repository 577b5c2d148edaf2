"""Gauges that are computed at each collection, so they cannot drift."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

import msgspec
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
    def connections_open(self) -> int:
        """Open connections now."""

    @property
    def streams_open(self) -> int:
        """Streams in use now."""

    @property
    def waiting(self) -> int:
        """Requests without a stream, now."""

    @property
    def reused(self) -> int:
        """Requests on a connection that had carried one before."""

    @property
    def goaways(self) -> int:
        """GOAWAY frames received."""

    @property
    def resets_sent(self) -> int:
        """Streams reset by the proxy."""

    @property
    def resets_received(self) -> int:
        """Streams reset by upstream."""

    @property
    def rtt(self) -> float | None:
        """Round trip in seconds of the last PING that was answered; None before the first."""


class NoTransport(msgspec.Struct, frozen=True):
    """Statistics of a transport that has none."""

    connections_opened: int = 0
    connections_open: int = 0
    streams_open: int = 0
    waiting: int = 0
    reused: int = 0
    goaways: int = 0
    resets_sent: int = 0
    resets_received: int = 0
    rtt: float | None = None


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


# Names (without the prefix), help texts, and the statistics that they show.
GAUGES = (
    ("upstream_connections_open", "Open connections to upstream", "connections_open"),
    ("upstream_streams", "Open streams on upstream connections", "streams_open"),
    ("upstream_requests_waiting", "Requests that wait for an upstream stream", "waiting"),
)
COUNTERS = (
    ("upstream_connections_opened", "Connections opened to upstream", "connections_opened"),
    (
        "upstream_connections_reused",
        "Requests sent on an upstream connection that had carried one before",
        "reused",
    ),
    ("upstream_goaways", "GOAWAY frames received from upstream", "goaways"),
)


class Transport(Collector):
    """The upstream transport's statistics; 0 without a transport."""

    def __init__(self, stats: Callable[[], TransportStats] | None, *, created: float) -> None:
        self._stats = NoTransport if stats is None else stats
        self._created = created

    def collect(self) -> Iterator[Metric]:
        """Yield its connections, streams and waits; the round trip once it is known."""
        stats = self._stats()
        for name, text, field in GAUGES:
            yield GaugeMetricFamily(PREFIX + name, text, value=getattr(stats, field))
        for name, text, field in COUNTERS:
            yield CounterMetricFamily(
                PREFIX + name, text, value=getattr(stats, field), created=self._created
            )
        resets = CounterMetricFamily(
            PREFIX + "upstream_resets", "HTTP/2 streams reset, by who did it", labels=["by"]
        )
        resets.add_metric(["proxy"], stats.resets_sent, created=self._created)
        resets.add_metric(["upstream"], stats.resets_received, created=self._created)
        yield resets
        rtt = GaugeMetricFamily(
            PREFIX + "upstream_rtt_seconds", "Round trip of the last HTTP/2 PING to upstream"
        )
        if stats.rtt is not None:
            rtt.add_metric([], stats.rtt)
        yield rtt


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
