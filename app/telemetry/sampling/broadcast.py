"""Server-sent events for many watchers (WHATWG HTML §9.2): rendered once, the newest wins."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

HEARTBEAT = b": heartbeat\n\n"
RETRY = 3000  # milliseconds until a browser reconnects


class TooManyWatchers(Exception):
    """The cap on watchers is reached."""


class Watcher:
    """Mailbox of one watcher, with room for one event: a slow watcher skips to the newest.

    State: ``_event`` until it is read, ``_closed``, ``_wake`` set when there is either.
    """

    def __init__(self, heartbeat: float) -> None:
        self._heartbeat = heartbeat
        self._event: bytes | None = None
        self._closed = False
        self._wake = asyncio.Event()

    def put(self, event: bytes) -> None:
        """Store an event; it replaces one that was not read."""
        self._event = event
        self._wake.set()

    def close(self) -> None:
        """End the events. Idempotent."""
        self._closed = True
        self._wake.set()

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield events until `close`, and heartbeats in between."""
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
    """The watchers, and the latest event for new ones. ``heartbeat`` is in seconds.

    State: ``_watchers``, their number by peer in ``_peers``, ``_latest`` event and its ``_number``,
    ``_closed``.
    """

    def __init__(self, *, limit: int = 500, per_peer: int = 48, heartbeat: float = 15.0) -> None:
        self._limit = limit
        self._per_peer = per_peer
        self._peers: Counter[str] = Counter()
        self._heartbeat = heartbeat
        self._watchers: set[Watcher] = set()
        self._latest: bytes | None = None
        self._number = 0
        self._closed = False

    @property
    def watched(self) -> bool:
        """Whether there are any watchers."""
        return bool(self._watchers)

    def publish(self, data: bytes) -> None:
        """Send one line of data to every watcher."""
        self._number += 1
        self._latest = b"id: %d\nretry: %d\ndata: %b\n\n" % (self._number, RETRY, data)
        for watcher in self._watchers:
            watcher.put(self._latest)

    @contextmanager
    def watch(self, peer: str = "") -> Iterator[Watcher]:
        """Watch, starting with the latest event; raises `TooManyWatchers` past a limit.

        ``peer`` is the watcher's address; each peer may have ``per_peer`` watchers.
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
        """End every watcher's events, and those of later watchers."""
        self._closed = True
        for watcher in self._watchers:
            watcher.close()
