"""The front door: connections of clients, those that are not served, and floods."""

from .instruments import Instruments

PORTS = ("proxy", "pages")
PROTOCOLS = ("http/1.1", "h2")
# Why a connection is not served. `app.listener` gives the reasons and ends the floods.
REASONS = ("descriptors", "connections", "peer", "plain_http", "handshake")
FLOODS = ("data", "priority", "reset", "settings", "ping", "goaway", "window_update", "other")


class Front:
    """The metrics of both ports."""

    def __init__(self, instruments: Instruments) -> None:
        self.opened = instruments.counters(
            "connections_total",
            "Connections of clients that were served",
            "port",
            "protocol",
            known=[(port, protocol) for port in PORTS for protocol in PROTOCOLS],
        )
        self.open = instruments.gauges(
            # Not "connections": OpenMetrics takes that for the family of the counter.
            "connections_open",
            "Open connections of clients",
            "port",
        )
        self.refused = instruments.counters(
            "connections_refused_total",
            "Connections of clients that were closed unserved",
            "port",
            "reason",
            known=[(port, reason) for port in PORTS for reason in REASONS],
        )
        self.floods = instruments.counters(
            "floods_total",
            "Connections ended because of HTTP/2 frames that carry nothing",
            "kind",
            known=[(kind,) for kind in FLOODS],
        )
        for port in PORTS:
            self.open(port)


class Port:
    """What happens on one port, as its listener tells."""

    def __init__(self, front: Front, name: str) -> None:
        self._front = front
        self._name = name

    def opened(self, protocol: str) -> None:
        """Count a connection that is served."""
        self._front.opened(self._name, protocol).inc()
        self._front.open(self._name).inc()

    def closed(self) -> None:
        """Count the end of one."""
        self._front.open(self._name).dec()

    def refused(self, reason: str) -> None:
        """Count a connection that is not served."""
        self._front.refused(self._name, reason).inc()

    def flooded(self, kind: str) -> None:
        """Count a connection that was ended for a flood."""
        self._front.floods(kind).inc()
