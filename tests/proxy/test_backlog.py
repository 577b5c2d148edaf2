"""Work that is put off is done in its order, soon, and never too much of it waits."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from structlog.testing import capture_logs

from app.proxy import backlog
from app.proxy.backlog import MOST, MOST_SIZE, SLICE, Backlog, Work
from tests.proxying import until

NEVER = 600.0


def noting(done: list[int], number: int) -> Callable[[], None]:
    return lambda: done.append(number)


def fill(one: Backlog, count: int, size: int = 0) -> list[int]:
    """Add so much work; return the list of what is done."""
    done: list[int] = []
    for number in range(count):
        one.add(noting(done, number), size)
    return done


def test_without_a_delay_work_is_done_at_once() -> None:
    assert fill(Backlog(), 3) == [0, 1, 2]


async def test_work_is_done_later_in_its_order() -> None:
    done = fill(Backlog(0.001), 3 * SLICE + 1)
    assert not done
    await until(lambda: len(done) == 3 * SLICE + 1)
    assert done == sorted(done)


async def test_all_pieces_of_a_slice_make_a_step_before_one_makes_the_next() -> None:
    one, done = Backlog(NEVER), []

    def piece(name: str, steps: int) -> Work:
        def step(number: int) -> Work | None:
            done.append(f"{name}{number}")
            return partial(step, number + 1) if number < steps else None

        return partial(step, 1)

    for name, steps in (("a", 3), ("b", 1), ("c", 2)):
        one.add(piece(name, steps))
    one.flush()
    assert done == ["a1", "b1", "c1", "a2", "c2", "a3"]


async def test_work_that_is_added_later_is_done_too() -> None:
    one = Backlog(0.001)
    first = fill(one, 1)
    await until(lambda: bool(first))
    second = fill(one, 1)
    await until(lambda: bool(second))


async def test_other_work_of_the_loop_runs_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "SLICE", 2)
    one, seen = Backlog(0.001), []
    done: list[int] = []

    def work() -> None:
        done.append(0)
        asyncio.get_running_loop().call_soon(lambda: seen.append(len(done)))

    for _ in range(6):
        one.add(work)
    await until(lambda: len(seen) == 6)
    assert seen == [2, 2, 4, 4, 6, 6]


async def test_whoever_reads_has_all_of_it_done_first() -> None:
    one = Backlog(NEVER)
    done = fill(one, 5)
    one.flush()
    assert done == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(("count", "size"), [(MOST + 3, 0), (8 + 3, MOST_SIZE // 8)])
async def test_beyond_the_bounds_the_oldest_are_done_at_once(count: int, size: int) -> None:
    assert fill(Backlog(NEVER), count, size) == [0, 1, 2]


async def test_work_that_fails_stops_none_after_it() -> None:
    one = Backlog(NEVER)

    def fail() -> None:
        raise RuntimeError("what a prompt says")

    one.add(fail)
    done = fill(one, 1)
    with capture_logs() as lines:
        one.flush()
    assert done == [0]
    assert [line["event"] for line in lines] == ["work on a record failed"]
    assert "what a prompt says" not in str(lines)


async def test_a_slice_has_fewer_pieces_that_take_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "SLICE", 4)
    monkeypatch.setattr(backlog, "TOGETHER", 4)
    one = Backlog(0.001, weight=2)
    done = fill_grouped(one, 3)
    seen: list[int] = []

    def look() -> None:
        seen.append(len(done))
        asyncio.get_running_loop().call_soon(look)

    look()
    await until(lambda: len(done) == 4)
    assert sorted({*seen, len(done)}) == [0, 2, 3, 4]


async def test_slices_that_are_done_together_are_a_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "SLICE", 2)
    monkeypatch.setattr(backlog, "TOGETHER", 4)
    one = Backlog(0.001)
    done = fill_grouped(one, 7)
    await until(lambda: len(done) == 9)
    assert done == [0, 1, 2, 3, ENDED, 4, 5, 6, ENDED]


async def test_the_end_of_a_group_is_a_slice_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "SLICE", 2)
    one = Backlog(0.001)
    done = fill_grouped(one, 3)
    seen: list[list[int]] = []

    def look() -> None:
        if not seen or seen[-1] != done:
            seen.append(done[:])
        asyncio.get_running_loop().call_soon(look)

    look()
    await until(lambda: len(done) == 4)
    assert [0, 1, 2] in seen


async def test_whoever_reads_between_two_slices_ends_the_group(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(backlog, "SLICE", 2)
    one = Backlog(0.001)
    done = fill_grouped(one, 3, lambda: asyncio.get_running_loop().call_soon(one.flush))
    await until(lambda: len(done) == 4)
    one.flush()
    assert done == [0, 1, 2, ENDED]


ENDED = -1


def fill_grouped(one: Backlog, count: int, also: Callable[[], object] = int) -> list[int]:
    """Add so much work; return the list of what is done, with the ends of groups."""
    done: list[int] = []

    @contextmanager
    def group() -> Iterator[None]:
        yield
        done.append(ENDED)

    def work(number: int) -> None:
        done.append(number)
        also()

    one.group = group
    for number in range(count):
        one.add(partial(work, number))
    return done
