"""What the API has in its cache, as far as it passed here: marked prefixes, by keyed hash."""

import math
from collections import OrderedDict
from collections.abc import Callable

import msgspec

MARGIN = 5.0  # seconds by which the API's clock may differ from ours
MOST_ENTRIES = 20_000  # some 300 bytes each


class Entry(msgspec.Struct, eq=False, gc=False):
    """A prefix that ends at a mark; times are seconds on the recorder's clock.

    ``available`` is when the answer that wrote it began, infinity before; ``tokens`` is None while
    nobody knows, and ``exact`` if an answer stated it.
    """

    expires: float
    ttl: float
    available: float
    tokens: int | None = None
    exact: bool = False

    def refresh(self, start: float, ttl: float) -> None:
        """Let it live on: a request that started then used it."""
        if ttl < self.ttl and self.expires > start:
            ttl = self.ttl
        self.ttl = ttl
        self.expires = max(self.expires, start + ttl)


class Entries:
    """At most ``limit`` entries, the least recently used forgotten first; ``get`` returns one.

    State: ``_entries``.
    """

    def __init__(self, limit: int = MOST_ENTRIES) -> None:
        self._limit = limit
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self.get: Callable[[int], Entry | None] = self._entries.get

    def __len__(self) -> int:
        return len(self._entries)

    def use(self, key: int, start: float, ttl: float) -> Entry:
        """Return the entry that a request used or wrote then, as the newest."""
        entry = self._entries.get(key)
        if entry is None:
            entry = Entry(start + ttl, ttl, math.inf)
            self.put(key, entry)
        else:
            entry.refresh(start, ttl)
            self._entries.move_to_end(key)
        return entry

    def put(self, key: int, entry: Entry) -> None:
        """Keep an entry as the newest."""
        entries = self._entries
        entries[key] = entry
        entries.move_to_end(key)
        while len(entries) > self._limit:
            entries.popitem(last=False)

    def drop(self, key: int) -> None:
        """Forget an entry."""
        self._entries.pop(key, None)
