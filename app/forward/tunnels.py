"""The open tunnels of this process: how many there may be, and how they end at a shutdown."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import NoTunnel
from .tunnel import Tunnel

QUIET = 1.0  # seconds without a byte after which a tunnel is not waited for
LOOK = 0.1  # seconds between two looks


class Tunnels:
    """At most ``limit`` tunnels. State: those that are ``_open``."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: set[Tunnel] = set()

    @contextmanager
    def place(self, tunnel: Tunnel) -> Iterator[None]:
        """Keep a place for a tunnel; raises `NoTunnel` when there is none."""
        if len(self._open) >= self._limit:
            raise NoTunnel(
                "forward_tunnels",
                f"The proxy has {self._limit} tunnels open: try again, or raise "
                "ANTHROPIC_PROXY_FORWARD_MAX_TUNNELS.",
                retry_after=1,
            )
        self._open.add(tunnel)
        try:
            yield
        finally:
            self._open.discard(tunnel)

    async def quiet(self) -> None:
        """Wait until no tunnel has moved a byte for a moment, nor holds one: these may close."""
        while any(map(_is_busy, self._open)):  # noqa: ASYNC110 - the tunnels do not tell
            await asyncio.sleep(LOOK)

    def cut(self) -> int:
        """End all tunnels now; return how many of them were in use."""
        busy = sum(map(_is_busy, self._open))
        for tunnel in self._open:
            tunnel.abort()
        return busy


def _is_busy(tunnel: Tunnel) -> bool:
    """Return True if a tunnel is in use: a slow reader takes nothing for seconds, then a lot."""
    moved = asyncio.get_running_loop().time() - tunnel.moved_at
    return moved < QUIET or tunnel.waiting
