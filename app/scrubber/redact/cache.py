"""A bounded memory of units that have been redacted before."""

import threading
from collections import OrderedDict
from typing import NamedTuple

import msgspec

from ..json.visitor import Path, State
from .ledger import Change

_PATH = 256  # bytes of a hit's path, about
_CHANGE = 256  # bytes of a change of the ledger beside its value, about
_OVERHEAD = 512  # bytes of an entry beside its texts, about


class Key(NamedTuple):
    """All that a unit's redaction depends on: the ledger's and its own state, its bytes."""

    digest: bytes
    state: State
    text: bytes


class Outcome(msgspec.Struct, frozen=True):
    """A redacted unit: its text (None: unchanged), hits by detector, changes of the ledger.

    ``found`` are the placeholders and their paths, if anyone wants them; ``digest`` is the ledger's
    after it.
    """

    text: bytes | None
    matches: dict[str, int]
    changes: tuple[Change, ...]
    found: tuple[tuple[str, Path], ...] = ()
    digest: bytes = b""

    @property
    def is_empty(self) -> bool:
        """Whether nothing was found in the unit."""
        return self.text is None and not self.matches and not self.changes

    @property
    def size(self) -> int:
        """Bytes that it holds, about."""
        changes = sum([_CHANGE + len(change.value) for change in self.changes])
        return _OVERHEAD + len(self.text or b"") + changes + _PATH * len(self.found)


class Cache:
    """The most recently used units, up to ``limit`` bytes. Keys are exact: no result can differ."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, Outcome] = OrderedDict()
        self.size = 0

    def get(self, key: Key) -> Outcome | None:
        """Return the outcome of a unit met before."""
        with self._lock:
            outcome = self._entries.get(key)
            if outcome is not None:
                self._entries.move_to_end(key)
            return outcome

    def put(self, key: Key, outcome: Outcome) -> None:
        """Keep an outcome; the least recently used go."""
        size = _size(key, outcome)
        if size > self._limit // 4:
            return
        with self._lock:
            if key in self._entries:
                return
            self._entries[key] = outcome
            self.size += size
            while self.size > self._limit:
                self.size -= _size(*self._entries.popitem(last=False))


def _size(key: Key, outcome: Outcome) -> int:
    return len(key.text) + outcome.size
