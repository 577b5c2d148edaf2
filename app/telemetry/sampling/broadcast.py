"""Server-sent events to many watchers: rendered once, the newest wins (WHATWG HTML §9.2)."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

HEARTBEAT = b": heartbeat\n\n"
RETRY = 3000  # milliseconds until a browser comes back


class TooManyWatchers(Exception):
    """The cap on watchers is reached."""


class Watcher:
    """One watcher's mailbox, which holds one event: a slow watcher skips to the newest.

    State: ``_event`` until it is taken, ``_closed``, ``_wake`` set when there is either.
    """

    def __init__(self, heartbeat: float) -> None:
        self._heartbeat = heartbeat
        self._event: bytes | None = None
        self._closed = False
        self._wake = asyncio.Event()

    def put(self, event: bytes) -> None:
        """Leave an event in place of one that was not taken."""
        self._event = event
        self._wake.set()

    def close(self) -> None:
        """End the events. Idempotent."""
        self._closed = True
        self._wake.set()

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield events until the end, and comments while there are none."""
        while True:
            try:
                async with asyncio.timeout(self._heartbeat):
                    await self._wake.wait()
            except TimeoutError:
                yield HEARTBEAT
                continue
            if self._closed:
                return
            self._wake.clear()
            event, self._event = self._event, None
            if event is not None:
                yield event


class Broadcast:
    """The watchers, and the latest event for those who come. ``heartbeat`` is in seconds.

    State: ``_watchers``, how many each of ``_peers`` has, ``_latest``, ``_number`` of the latest
    event, ``_closed``.
    """

    def __init__(self, *, limit: int = 500, per_peer: int = 125, heartbeat: float = 15.0) -> None:
        self._limit = limit
        self._per_peer = per_peer
        self._peers: Counter[str] = Counter()
        self._heartbeat = heartbeat
        self._watchers: set[Watcher] = set()
        self._latest: bytes | None = None
        self._number = 0
        self._closed = False

    def publish(self, data: bytes) -> None:
        """Send one line of data to everyone."""
        self._number += 1
        self._latest = b"id: %d\nretry: %d\ndata: %b\n\n" % (self._number, RETRY, data)
        for watcher in self._watchers:
            watcher.put(self._latest)

    @contextmanager
    def watch(self, peer: str = "") -> Iterator[Watcher]:
        """Watch from the latest event on; raises `TooManyWatchers` past a limit.

        ``peer`` is the address of the watcher, which may have a part of the places only.
        """
        if len(self._watchers) >= self._limit or self._peers[peer] >= self._per_peer:
            raise TooManyWatchers
        watcher = Watcher(self._heartbeat)
        if self._latest is not None:
            watcher.put(self._latest)
        if self._closed:
            watcher.close()
        self._watchers.add(watcher)
        self._peers[peer] += 1
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            self._peers -= Counter([peer])

    def close(self) -> None:
        """End every watcher's events, and those of who still comes."""
        self._closed = True
        for watcher in self._watchers:
            watcher.close()
