"""Questions and answers over one socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from structlog.testing import capture_logs

from app.workers.channel import MAX_LATE, Answer, Channel, ChannelClosed
from app.workers.messages import Body, Collect, Done, Look, Report, Scene
from tests.proxying import DEADLINE


async def _refuse(_: Body) -> Body:
    return Done()


@asynccontextmanager
async def _pair(
    one: Answer = _refuse, other: Answer = _refuse
) -> AsyncIterator[tuple[Channel, Channel]]:
    sockets = socket.socketpair()
    first = await Channel.over(sockets[0], one)
    second = await Channel.over(sockets[1], other)
    try:
        yield first, second
    finally:
        await first.close()
        await second.close()


async def test_both_sides_ask_and_answers_find_their_questions() -> None:
    async def slowly(body: Body) -> Body:
        assert isinstance(body, Look)
        await asyncio.sleep(0.001 * (3 - body.known))  # the last question is answered first
        return Scene(body.known, document=b"x" * 200_000)

    async def number(body: Body) -> Body:
        assert isinstance(body, Collect)
        return Report(body.known or 0)

    async with _pair(slowly, number) as (one, other), asyncio.timeout(DEADLINE):
        scenes = await asyncio.gather(*(other.ask(Look(known)) for known in range(4)))
        assert [scene.number for scene in scenes if isinstance(scene, Scene)] == [0, 1, 2, 3]
        assert await one.ask(Collect(known=7)) == Report(7)


async def test_who_does_not_answer_is_not_waited_for_and_a_late_answer_is_dropped() -> None:
    answers: asyncio.Queue[Body] = asyncio.Queue()

    async def wait(_: Body) -> Body:
        return await answers.get()

    async with _pair(other=wait) as (one, _), asyncio.timeout(DEADLINE):
        with pytest.raises(TimeoutError):
            await one.ask(Look(0), 0.01)
        answers.put_nowait(Scene(1))
        answers.put_nowait(Scene(2))
        assert await one.ask(Look(0)) == Scene(2)


async def test_who_owes_several_answers_is_asked_nothing_more_until_it_gives_them() -> None:
    asked = 0
    stuck = asyncio.Event()

    async def answer(_: Body) -> Body:
        nonlocal asked
        asked += 1
        await stuck.wait()
        return Done()

    async with _pair(other=answer) as (one, _), asyncio.timeout(DEADLINE):
        for _ in range(10):
            with pytest.raises(TimeoutError):
                await one.ask(Look(0), 0.01)
        assert asked == MAX_LATE
        stuck.set()
        while asked == MAX_LATE:
            with suppress(TimeoutError):
                await one.ask(Look(0))
            await asyncio.sleep(0)


async def test_a_defect_of_an_answer_is_logged_and_nobody_waits_for_it() -> None:
    async def fail(_: Body) -> Body:
        raise ZeroDivisionError

    async with _pair(other=fail) as (one, _), asyncio.timeout(DEADLINE):
        with capture_logs() as logged:
            assert await one.ask(Look(0)) == Done()
    assert [line["event"] for line in logged] == ["a request from another process failed"]


async def test_the_end_of_one_side_ends_the_open_questions_of_the_other() -> None:
    async def never(_: Body) -> Body:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async with _pair(other=never) as (one, other), asyncio.timeout(DEADLINE):
        asked = asyncio.create_task(one.ask(Look(0)))
        await asyncio.sleep(0)
        await other.close()
        with pytest.raises(ChannelClosed):
            await asked
        await one.closed
        with pytest.raises(ChannelClosed):
            await one.ask(Look(0))


async def test_a_peer_that_sends_garbage_is_left() -> None:
    sock, wild = socket.socketpair()
    channel = await Channel.over(sock, _refuse)
    with wild:
        wild.sendall(b"\x00\x00\x00\x02\xff\xff")
        async with asyncio.timeout(DEADLINE):
            await channel.closed
    await channel.close()
