"""Which scan runs when; every wait in here ends by an event, none by a time."""

import asyncio
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial

import pytest

from app.proxy.scan_pool import PAUSE, PAUSE_AFTER, SMALL, ScanClock, ScanPool


class Gate:
    """Work that says when it has begun, and ends when it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()

    def __call__(self) -> None:
        self.begun.set()
        self.open.wait()


def occupied(pool: ScanPool, size: int) -> Gate:
    gate = Gate()
    pool.submit(size, gate)
    gate.begun.wait()
    return gate


def order(pool: ScanPool, gate: Gate, sizes: list[int]) -> list[int]:
    """Return in which order bodies are scanned that wait for the same thread."""
    done: list[int] = []
    waiting: list[Future[None]] = [pool.submit(size, partial(done.append, size)) for size in sizes]
    gate.open.set()
    for future in waiting:
        future.result()
    return done


def clock(times: list[float]) -> Callable[[], float]:
    return iter(times).__next__


def test_smaller_bodies_go_first() -> None:
    pool = ScanPool(lambda: 0.0, threads=1)
    gate = occupied(pool, 1)
    assert order(pool, gate, [300, 20, 1000, 20, 1]) == [1, 20, 20, 300, 1000]


def test_a_large_body_does_not_wait_for_ever() -> None:
    pool = ScanPool(clock([0.0, 0.0, 0.9, 1.1]), threads=1)
    gate = occupied(pool, 1)
    assert order(pool, gate, [1_000_000, 10, 20]) == [10, 1_000_000, 20]


def test_one_thread_is_kept_free_of_large_bodies() -> None:
    pool = ScanPool(lambda: 0.0, threads=2)
    gate = occupied(pool, SMALL + 1)
    waiting = pool.submit(SMALL + 1, lambda: "large")
    assert pool.submit(SMALL, lambda: "small").result() == "small"
    assert not waiting.done()
    gate.open.set()
    assert waiting.result() == "large"


async def test_what_is_cancelled_while_it_waits_is_not_begun() -> None:
    pool = ScanPool(lambda: 0.0, threads=1)
    gate = occupied(pool, 1)
    done: list[str] = []
    waiting = asyncio.ensure_future(pool.run(1, lambda: done.append("cancelled")))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    gate.open.set()
    await pool.run(2, lambda: done.append("next"))
    assert done == ["next"]


async def test_an_exception_goes_to_whoever_waits_and_ends_no_thread() -> None:
    pool = ScanPool(lambda: 0.0, threads=1)
    with pytest.raises(ZeroDivisionError):
        await pool.run(1, lambda: 1 // 0)
    assert await pool.run(1, lambda: "next") == "next"


def test_a_scan_pauses_every_few_milliseconds_on_a_thread_of_its_own() -> None:
    pauses: list[float] = []
    looks = 8

    def scan() -> None:
        moments = itertools.count(0, PAUSE_AFTER / 2)
        look = ScanClock(lambda: next(moments), pauses.append)
        for _ in range(looks):
            look()

    scan()
    assert not pauses  # on the event loop nothing may sleep
    thread = threading.Thread(target=scan)
    thread.start()
    thread.join()
    assert set(pauses) == {PAUSE}
    assert 0 < len(pauses) < looks / 2
