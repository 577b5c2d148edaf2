"""How much of a port one peer, and all of them together, may hold."""

import resource
from collections import Counter
from typing import Protocol

import msgspec

DESCRIPTOR_RESERVE = 64  # kept for upstream connections, logs and the pages


class Limits(msgspec.Struct, frozen=True):
    """Limits of one port. ``peer_share`` is the part of ``connections`` for one address."""

    connections: int = 4096
    peer_share: float = 0.25
    write_idle: float = 300.0  # seconds a client may take nothing of an answer
    accepts: int = 64  # in one turn of the event loop; 1 where other processes accept, too
    descriptors: int = resource.RLIM_INFINITY  # from this one on, connections are shed

    @property
    def per_peer(self) -> int:
        """The most connections of one address."""
        return max(1, int(self.connections * self.peer_share))


class Observer(Protocol):
    """Observes the connections of a port, for the metrics."""

    def opened(self, protocol: str) -> None:
        """Count a connection that speaks ``protocol`` (``http/1.1`` or ``h2``)."""

    def closed(self) -> None:
        """Count the end of one."""

    def refused(self, reason: str) -> None:
        """Count a connection that is not served, by one of `REASONS`."""

    def flooded(self, kind: str) -> None:
        """Count a connection ended for a flood, by one of `frames.FLOODS`."""


class Unobserved:
    """Counts nothing."""

    def opened(self, protocol: str) -> None:
        """Ignore it."""

    def closed(self) -> None:
        """Ignore it."""

    def refused(self, reason: str) -> None:
        """Ignore it."""

    def flooded(self, kind: str) -> None:
        """Ignore it."""


DESCRIPTORS, CONNECTIONS, PEER, PLAIN_HTTP, HANDSHAKE = REASONS = (
    "descriptors",  # the process has hardly any file descriptors left
    "connections",  # the port has as many connections as it may
    "peer",  # the peer has as many as one address may
    "plain_http",  # HTTP on the HTTPS port
    "handshake",  # TLS failed or took too long
)


class Seats:
    """The connections of one port, by peer. State: ``_peers``, how many each holds."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._peers: Counter[str] = Counter()

    def refusal(self, peer: str, descriptor: int) -> str | None:
        """Return the reason not to serve one more connection of ``peer``, or None.

        POSIX hands out the lowest free ``descriptor``, so its number tells how many are in use.
        """
        if 0 <= self._limits.descriptors <= descriptor:
            return DESCRIPTORS
        if self._peers.total() >= self._limits.connections:
            return CONNECTIONS
        return PEER if self._peers[peer] >= self._limits.per_peer else None

    def take(self, peer: str) -> None:
        """Count a connection of ``peer``."""
        self._peers[peer] += 1

    def leave(self, peer: str) -> None:
        """Count its end."""
        self._peers[peer] -= 1
        if not self._peers[peer]:
            del self._peers[peer]


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one; return where to shed connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            soft = hard
        except (OSError, ValueError):
            pass  # macOS has no such hard limit: the soft one stays
    if soft == resource.RLIM_INFINITY:
        return soft
    return max(soft // 2, soft - DESCRIPTOR_RESERVE)
