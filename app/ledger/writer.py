"""The thread that writes the ledger. A database that fails costs rows at most, never a request.

Rows wait in a bounded queue for at most `DELAY` seconds, then up to `BATCH_ROWS` of them are
written at a time. While they cannot be written they go on waiting, and only those beyond the bound
are dropped and counted. A row that the database refuses for what it holds is dropped alone.
"""

import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import Any

import structlog

from .batch import Batch
from .expiry import Expiry
from .rows import MILLI
from .store import Store, Unavailable

CAPACITY = 10_000  # rows that wait; with some 6 KB each, 60 MB
BATCH_ROWS = 500  # rows written in one transaction; a full batch does not wait for more
DELAY = 0.5  # seconds that a row waits for others
FIRST_RETRY, LAST_RETRY = 0.05, 10.0  # seconds until the next try, doubled each time
UPKEEP = 600.0  # seconds between two looks at what is old, too much, or not summed up
RESULTS = ("written", "dropped")

log = structlog.get_logger(__name__)


class Ledger:
    """Takes records and writes them to the store that ``connect`` opens; ``name`` is for the log.

    A record is whatever ``batch_of`` makes rows of: on the thread, since many at a time take less.
    ``count`` is told what became of them. Rows are kept for ``days``, and the oldest go when a file
    has more than ``max_size`` bytes. Of the labels of requests those in ``labels`` are kept.

    State, under ``_ready``: ``_waiting``, ``_closing``, and how many rows found the queue full in
    ``_overflowed``, 0 while rows can be written. Of the thread: ``_batches`` that were
    taken and are not written, how many rows they have in ``_taken``, the ``_number`` of the first
    one and whether it is a part of one that was ``_divided``, ``_store``, ``_upkeep_at``, the
    seconds until the next try in ``_retry``, 0 while rows can be written, ``_warned``, and
    ``_given_up`` at the end.
    """

    def __init__(
        self,
        connect: Callable[[], Store],
        *,
        name: str,
        days: int,
        max_size: int,
        clock: Callable[[], float],
        wall: Callable[[], float],
        labels: Collection[str] = (),
        capacity: int = CAPACITY,
    ) -> None:
        self.labels = frozenset(labels)
        self.batch_of: Callable[[Sequence[Any]], Batch] = Batch.of
        self.count: Callable[[str, int], None] = lambda _result, _number: None
        self._connect = connect
        self._name = name
        self._expiry = Expiry(days)
        self._max_size = max_size
        self._clock = clock
        self._wall = wall
        self._capacity = capacity
        self._waiting: deque[Any] = deque()
        self._closing = False
        self._overflowed = 0
        self._lock = threading.Lock()  # taken in one step; a condition takes many
        self._ready = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None
        self._batches: deque[Sequence[Any]] = deque()
        self._taken = 0
        self._number = 1
        self._store: Store | None = None
        self._upkeep_at = float("-inf")
        self._retry = 0.0
        self._divided = self._warned = self._given_up = False

    @property
    def waiting(self) -> int:
        """Rows that are not written yet."""
        with self._ready:
            return len(self._waiting) + self._taken

    def start(self, quiet: float = 0.0) -> None:
        """Open the store in the background, for the first row or after ``quiet`` seconds.

        An error is logged then, whether there are rows or not.
        """
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._work, args=(quiet,), name="ledger", daemon=True
            )
            self._thread.start()

    def put(self, record: Any) -> None:
        """Take a record; returns at once."""
        if self._thread is None:
            self.start()
        with self._lock:
            waiting = len(self._waiting)
            if waiting + self._taken < self._capacity and not self._closing:
                self._waiting.append(record)
                if waiting in (0, BATCH_ROWS - 1):
                    self._ready.notify()
                return
            self._overflowed += not self._closing
            first = self._overflowed == 1
        self.count("dropped", 1)
        if first:
            log.warning(
                "the queue of the ledger is full; requests continue, and further rows are dropped",
                ledger=self._name,
                waiting=self._capacity,
            )

    def close(self, deadline: float = 2.0) -> None:
        """Write what waits, for at most ``deadline`` seconds; later records are dropped."""
        with self._ready:
            self._closing = True
            self._ready.notify()
        if self._thread is not None:
            self._thread.join(deadline)
        if lost := self.waiting:
            self.count("dropped", lost)
            log.warning("rows of the ledger are lost", rows=lost, ledger=self._name)

    def _work(self, quiet: float) -> None:
        with self._ready:
            self._ready.wait_for(lambda: self._waiting or self._closing, quiet)
        try:
            self._opened()
        except Unavailable as exc:
            self._warn(exc)
        while self._take():
            if self._batches:
                self._write()
            if self._clock() >= self._upkeep_at and not self._retry and not self._closing:
                self._upkeep_at = self._clock() + UPKEEP
                self._tend()
        self._let_go()

    def _take(self) -> bool:
        """Wait for a batch, its next try or the upkeep; False at the end."""
        with self._ready:
            if self._batches:
                self._ready.wait_for(lambda: self._closing, self._retry)
                return not self._given_up
            pause = max(0.0, self._upkeep_at - self._clock())
            self._ready.wait_for(lambda: self._waiting or self._closing, pause)
            if self._waiting:
                self._ready.wait_for(
                    lambda: len(self._waiting) >= BATCH_ROWS or self._closing, DELAY
                )
                self._taken = min(BATCH_ROWS, len(self._waiting))
                self._batches.append([self._waiting.popleft() for _ in range(self._taken)])
                self._divided = False
            return bool(self._batches) or not self._closing

    def _write(self) -> None:
        records = self._batches[0]
        try:
            self._opened().write(self.batch_of(records), self._number)
        except Unavailable as exc:
            self._put_off(exc)
        except Exception:
            if not self._divided:
                log.exception("ledger failed")
            self._divide()
        else:
            self._recovered()
            self._done("written")

    def _done(self, result: str) -> None:
        """Count the first batch, and go on to the next one."""
        records = self._batches.popleft()
        self._number += 1
        self._taken -= len(records)
        self.count(result, len(records))

    def _divide(self) -> None:
        """Look for the row that the first batch is refused for; drop it when it is alone."""
        records = self._batches[0]
        half = len(records) // 2
        if not half:
            self._done("dropped")
            return
        self._batches.popleft()
        self._number += 1
        self._batches.extendleft((records[half:], records[:half]))
        self._divided = True

    def _put_off(self, failure: Unavailable) -> None:
        """Leave the first batch for later; a warning is given from the second time on."""
        if self._retry:
            self._warn(failure)
            self._given_up = self._closing
        self._retry = min(max(FIRST_RETRY, 2 * self._retry), LAST_RETRY)

    def _warn(self, failure: Unavailable) -> None:
        if not self._warned:
            self._warned = True
            log.warning(
                "the ledger cannot be written; requests continue, and rows wait",
                ledger=self._name,
                reason=str(failure),
            )

    def _recovered(self) -> None:
        self._retry = 0.0
        if self._warned or self._overflowed:
            self._warned = False
            with self._ready:
                dropped, self._overflowed = self._overflowed, 0
            log.info(
                "the ledger is written again",
                ledger=self._name,
                waiting=self.waiting,
                dropped=dropped,
            )

    def _opened(self) -> Store:
        """Return the store, opened if it is not open, or no longer usable."""
        if self._store is None or not self._store.usable:
            self._let_go()
            try:
                self._store = self._connect()
            except Unavailable:
                raise
            except Exception as exc:
                log.exception("ledger failed")
                raise Unavailable("it cannot be opened") from exc
        return self._store

    def _let_go(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _tend(self) -> None:
        """Delete some of what is too old or too much, and sum up some of what is new.

        It comes back at once while there is more.
        """
        try:
            store = self._opened()
            removed = self._remove_old(store) or store.remove_excess(self._max_size)
            if removed:
                store.tidy()
            if store.sum_up() or removed:
                self._upkeep_at = self._clock()
        except Unavailable:
            return  # rows that cannot be written either will say so
        except Exception:
            log.exception("ledger failed")

    def _remove_old(self, store: Store) -> int:
        oldest = store.oldest
        cutoff = self._expiry.cutoff(
            wall=store.now(self._wall()),
            monotonic=self._clock(),
            oldest=None if oldest is None else oldest / MILLI,
        )
        return 0 if cutoff is None else store.remove_before(int(cutoff * MILLI))
