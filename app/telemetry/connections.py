"""Client connections: open, refused, and ended because of a flood."""

from .instruments import Instruments

PORTS = ("proxy", "pages")  # of every proxy; the forward port is added where it is on
PROTOCOLS = ("http/1.1", "h2")
# Why a connection is refused. `app.listener` decides this, and detects the floods.
REASONS = ("descriptors", "connections", "peer", "plain_http", "handshake")
FLOODS = ("data", "priority", "reset", "settings", "ping", "goaway", "window_update", "other")


class ConnectionMetrics:
    """The metrics of all ports."""

    def __init__(self, instruments: Instruments) -> None:
        self.opened = instruments.counters(
            "connections_total",
            "Accepted client connections",
            "port",
            "protocol",
            known=[(port, protocol) for port in PORTS for protocol in PROTOCOLS],
        )
        self.open = instruments.gauges(
            # Not "connections": OpenMetrics takes that for the family of the counter.
            "connections_open",
            "Open client connections",
            "port",
        )
        self.refused = instruments.counters(
            "connections_refused_total",
            "Refused client connections, by reason",
            "port",
            "reason",
            known=[(port, reason) for port in PORTS for reason in REASONS],
        )
        self.floods = instruments.counters(
            "floods_total",
            "Client connections closed because of a flood of empty HTTP/2 frames, by kind",
            "kind",
            known=[(kind,) for kind in FLOODS],
        )
        for port in PORTS:
            self.open(port)

    def add(self, port: str) -> None:
        """Let the series of another port start at 0."""
        for protocol in PROTOCOLS:
            self.opened(port, protocol)
        for reason in REASONS:
            self.refused(port, reason)
        self.open(port)


class Port:
    """The observer that one port's listener reports to."""

    def __init__(self, metrics: ConnectionMetrics, name: str) -> None:
        self._metrics = metrics
        self._name = name

    def opened(self, protocol: str) -> None:
        """Count an accepted connection."""
        self._metrics.opened(self._name, protocol).inc()
        self._metrics.open(self._name).inc()

    def closed(self) -> None:
        """Count the end of an accepted connection."""
        self._metrics.open(self._name).dec()

    def refused(self, reason: str) -> None:
        """Count a refused connection."""
        self._metrics.refused(self._name, reason).inc()

    def flooded(self, kind: str) -> None:
        """Count a connection that was ended because of a flood."""
        self._metrics.floods(kind).inc()
