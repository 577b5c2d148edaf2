"""Threads for scans: a bounded number, shared fairly, apart from those of everything else."""

import asyncio
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

THREADS = 3  # the interpreter's lock lets them take turns, except in the automata
SMALL = 1024 * 1024  # bytes of a body that one thread is kept free for
PAUSE_AFTER = 0.005  # seconds of a scan after which other threads get their turn
PAUSE = 1e-5  # seconds: enough for a thread that waits for the interpreter's lock to take it
_PACE = 1e6  # bytes a second: a body of so many waits for smaller ones at most a second longer

Result = TypeVar("Result")
_Job = tuple[float, int, int, Future[Any], Callable[[], Any]]  # due, number, size, result, work


class ScanClock(threading.local):
    """The processor time of the calling thread in seconds, at a call.

    A scan looks at it every few steps, and so lets others run. It has to: each search of an
    automaton gives the interpreter's lock back and takes it again at once. A waiting thread is
    woken, finds the lock taken, and starts its wait again. State: when this thread last paused.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._pauses = threading.current_thread() is not threading.main_thread()
        self._paused = clock()

    def __call__(self) -> float:
        """Return the time, after a pause if the last one is some milliseconds ago."""
        if self._pauses and self._clock() - self._paused > PAUSE_AFTER:
            self._sleep(PAUSE)
            self._paused = self._clock()
        return time.thread_time()


class ScanPool:
    """Runs work by size: small bodies first, and large ones in their turn.

    A body is due when it came, plus a time that its size gives; the one due first is next. So no
    number of small bodies holds up a large one forever. One thread takes only small bodies: large
    ones that take long cannot occupy all.

    State, under ``_ready``: the queue, and the threads that have been started.
    """

    def __init__(self, clock: Callable[[], float], threads: int = THREADS) -> None:
        self._clock = clock
        self._limits = [SMALL, *[None] * (threads - 1)]  # of the threads to start, in order
        self._numbers = itertools.count()
        self._ready = threading.Condition()
        self._queue: list[_Job] = []

    async def run(self, size: int, work: Callable[[], Result]) -> Result:
        """Return what ``work`` returns; cancelled, it is not begun."""
        return await asyncio.wrap_future(self.submit(size, work))

    def submit(self, size: int, work: Callable[[], Result]) -> Future[Result]:
        """Queue ``work`` for a body of ``size`` bytes."""
        future: Future[Result] = Future()
        with self._ready:
            due = self._clock() + size / _PACE
            self._queue.append((due, next(self._numbers), size, future, work))
            self._start()
            self._ready.notify_all()
        return future

    def _start(self) -> None:
        """Start the threads, when there is something to do."""
        for limit in self._limits:
            threading.Thread(target=self._work, args=(limit,), name="scan", daemon=True).start()
        self._limits = []

    def _work(self, limit: int | None) -> None:
        while True:
            with self._ready:
                while (job := self._next(limit)) is None:
                    self._ready.wait()
            _, _, _, future, work = job
            if future.set_running_or_notify_cancel():
                _complete(future, work)
            del job, future, work  # a waiting thread keeps no body alive

    def _next(self, limit: int | None) -> _Job | None:
        """Take the job that is due first of those that a thread may take."""
        fits = (job for job in self._queue if limit is None or job[2] <= limit)
        job = min(fits, default=None, key=lambda one: one[:2])
        if job is not None:
            self._queue.remove(job)
        return job


def _complete(future: Future[Result], work: Callable[[], Result]) -> None:
    try:
        future.set_result(work())
    except BaseException as exc:  # noqa: BLE001 - whoever waits gets it
        future.set_exception(exc)
