"""Numbers of the transport, for telemetry to read."""

import msgspec


class Counters(msgspec.Struct):
    """Counts since the transport was made. Mutable: the connections of a transport share it."""

    connections_opened: int = 0
    reused: int = 0
    goaways: int = 0
    resets_sent: int = 0
    resets_received: int = 0
    rtt: float | None = None


class TransportStats(msgspec.Struct, frozen=True, kw_only=True):
    """A snapshot. Counts are totals since the start, except what is open or waits now."""

    connections_opened: int
    connections_open: int
    streams_open: int
    waiting: int  # requests without a slot, now
    reused: int  # requests on a connection that had carried one before
    goaways: int  # GOAWAY frames received
    resets_sent: int  # RST_STREAM, for cancelled and failed streams
    resets_received: int
    rtt: float | None  # seconds, of the last PING answered on any connection
