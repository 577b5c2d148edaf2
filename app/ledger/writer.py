"""The thread that writes the ledger. A full or slow disk costs rows, never a request.

Rows wait in a bounded queue for at most `DELAY` seconds, then up to `BATCH` of them are written at
a time. Rows that cannot be written are dropped and counted; the file is retried later.
"""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

import structlog

from .expiry import Expiry
from .file import set_aside
from .rows import MILLI, Record
from .store import BUSY, DAMAGED, Store, is_one_of, open_store

CAPACITY = 10_000  # rows that wait; with about 2 KB each, 20 MB
BATCH = 100
DELAY = 0.25  # seconds that a row waits for others
RETRY = 10.0  # seconds until a file that could not be opened is tried again
BUSY_RETRIES = 3  # each waits for as long as the store does
UPKEEP = 600.0  # seconds between two looks at what is old or too much
ROOM = 0.95  # of the size limit is used after rows were deleted for it
RESULTS = ("written", "dropped")

log = structlog.get_logger(__name__)


class Ledger:
    """Takes records and writes them to ``path``; ``count`` is told what became of them.

    Rows are kept for ``days``, and the oldest go when the file has more than ``max_size`` bytes.
    Of the labels of requests those in ``labels`` are kept. State, under ``_ready``: ``_waiting``
    and ``_closing``. Of the thread: ``_store``, ``_retry_at``, ``_upkeep_at``, ``_shrinking``, and
    ``_failing`` once a warning was given.
    """

    def __init__(
        self,
        path: Path,
        *,
        days: int,
        max_size: int,
        clock: Callable[[], float],
        wall: Callable[[], float],
        labels: Collection[str] = (),
        capacity: int = CAPACITY,
    ) -> None:
        self.path = path
        self.labels = frozenset(labels)
        self.count: Callable[[str, int], None] = lambda _result, _number: None
        self._expiry = Expiry(days)
        self._max_size = max_size
        self._clock = clock
        self._wall = wall
        self._capacity = capacity
        self._waiting: deque[Record] = deque()
        self._closing = False
        self._ready = threading.Condition()
        self._thread: threading.Thread | None = None
        self._store: Store | None = None
        self._retry_at = self._upkeep_at = float("-inf")
        self._failing = self._shrinking = False

    @property
    def waiting(self) -> int:
        """Rows that wait to be written."""
        return len(self._waiting)

    def start(self) -> None:
        """Open the file, in the background: an error is logged at once."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
            self._thread.start()

    def put(self, record: Record) -> None:
        """Take a record; returns at once."""
        self.start()
        with self._ready:
            waiting = len(self._waiting)
            if waiting < self._capacity and not self._closing:
                self._waiting.append(record)
                if waiting in (0, BATCH - 1):
                    self._ready.notify()
                return
        self.count("dropped", 1)

    def close(self, deadline: float = 2.0) -> None:
        """Write what waits, for at most ``deadline`` seconds; later records are dropped."""
        with self._ready:
            self._closing = True
            self._ready.notify()
        if self._thread is not None:
            self._thread.join(deadline)

    def _run(self) -> None:
        self._opened()
        while (records := self._take()) is not None:
            if records:
                self._write(records)
            if self._clock() >= self._upkeep_at and not self._closing:
                self._upkeep_at = self._clock() + UPKEEP
                self._tend()
        if self._store is not None:
            self._store.close()

    def _take(self) -> Sequence[Record] | None:
        """Wait for a batch; nothing when only the upkeep is due, None at the end."""
        with self._ready:
            pause = max(0.0, self._upkeep_at - self._clock())
            self._ready.wait_for(lambda: self._waiting or self._closing, pause)
            if self._waiting:
                self._ready.wait_for(lambda: len(self._waiting) >= BATCH or self._closing, DELAY)
            elif self._closing:
                return None
            return [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]

    def _write(self, records: Sequence[Record]) -> None:
        for _ in range(BUSY_RETRIES):
            store = self._opened()
            if store is None:
                break
            try:
                store.write(records)
            except sqlite3.Error as exc:
                if not self._again(exc):
                    break
            except Exception:
                log.exception("ledger failed")
                break
            else:
                self._failing = False
                self.count("written", len(records))
                return
        self.count("dropped", len(records))

    def _again(self, error: sqlite3.Error) -> bool:
        """Return True if the batch is worth another try, after what ``error`` asks for."""
        if is_one_of(error, BUSY):
            return True
        moved = self._store is None or self._store.moved  # by another process that found it damaged
        self._let_go()
        if is_one_of(error, DAMAGED):
            if not moved:
                set_aside(self.path, "it is damaged")
            return True
        self._complain(error)
        return False

    def _opened(self) -> Store | None:
        """Return the store, opened if it is not, or if its file was moved away; None for now."""
        if self._store is not None and not self._store.moved:
            return self._store
        self._let_go()
        if self._clock() < self._retry_at:
            return None
        try:
            self._store = open_store(self.path)
        except (OSError, sqlite3.Error) as exc:
            self._retry_at = self._clock() + RETRY
            self._complain(exc)
        except Exception:
            self._retry_at = self._clock() + RETRY
            log.exception("ledger failed")
        return self._store

    def _let_go(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _complain(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            reason = getattr(error, "strerror", None) or str(error)
            log.warning(
                "the ledger cannot be written; requests go on without it",
                file=str(self.path),
                reason=reason,
            )

    def _tend(self) -> None:
        """Delete some of what is too old or too much; come back at once while there is more."""
        store = self._opened()
        if store is None:
            return
        try:
            removed = self._remove_old(store) or self._remove_excess(store)
            if removed:
                store.tidy()
        except sqlite3.Error as exc:
            self._again(exc)
        else:
            if removed:
                self._upkeep_at = self._clock()

    def _remove_old(self, store: Store) -> int:
        newest = store.newest
        cutoff = self._expiry.cutoff(
            wall=self._wall(),
            monotonic=self._clock(),
            newest=None if newest is None else newest / MILLI,
        )
        return 0 if cutoff is None else store.remove_before(int(cutoff * MILLI))

    def _remove_excess(self, store: Store) -> int:
        limit = self._max_size * ROOM if self._shrinking else self._max_size
        self._shrinking = store.size > limit
        return store.remove_oldest() if self._shrinking else 0
