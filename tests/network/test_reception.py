"""What an exchange with upstream does in either version of HTTP, by a clock of the test's own."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from app.http1.call import Call
from app.http1.request import Body
from app.http2.stream import Stream
from app.network.errors import MalformedResponse
from app.network.reception import INTERIMS
from app.wire.timeouts import Timeouts

TIMEOUTS = Timeouts(read=60.0, write=20.0)


class Loop:
    """The running loop with a clock that only `pass_time` moves. State: ``now``, ``_timers``."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._timers: list[Timer] = []
        self.create_future = asyncio.get_running_loop().create_future
        self.create_task = asyncio.get_running_loop().create_task

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None]) -> "Timer":
        timer = Timer(when, callback)
        self._timers.append(timer)
        return timer

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, the timers that are due ring in their order, and tasks go on."""
        await settle()
        until = self.now + seconds
        while due := [timer for timer in self._timers if timer.at <= until]:
            timer = min(due, key=lambda timer: timer.at)
            self._timers.remove(timer)
            self.now = max(self.now, timer.at)
            timer.ring()
            await settle()
        self.now = until
        await settle()


class Timer:
    """A timer handle."""

    def __init__(self, at: float, callback: Callable[[], None]) -> None:
        self.at = at
        self._callback: Callable[[], None] | None = callback

    def when(self) -> float:
        return self.at

    def cancel(self) -> None:
        self._callback = None

    def ring(self) -> None:
        if self._callback is not None:
            self._callback()


class Connection:
    """A connection that takes what it is given.

    State: what it was ``told``; ``moved``, when; ``unheard`` while something waits to be read.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.paused = False
        self.moved = 0.0
        self.unheard = False

    def write(self, _data: Any) -> None:
        self.told.append("write")

    def submit(self, _stream: Any) -> None:
        self.told.append("write")

    def end(self, stream: Any) -> None:
        stream.finish_request()

    def progress(self) -> float:
        return self.moved

    def readable(self) -> bool:
        return self.unheard

    def detach(self, *_args: Any, **_kwargs: Any) -> None:
        self.told.append("detach")

    def ignore(self, *_args: Any, **_kwargs: Any) -> None: ...

    follow = hold = credit = ignore


def http1(connection: Connection, loop: Any) -> Call:
    connection.paused = True
    return Call(connection, Body(None), TIMEOUTS, loop)


def http2(connection: Connection, loop: Any) -> Stream:
    return Stream(connection, 1, TIMEOUTS, loop, 0)


@pytest.fixture(params=[http1, http2])
async def exchange(request: pytest.FixtureRequest) -> tuple[Any, Connection, Loop]:
    """Return an exchange of either version, its connection and its loop."""
    connection, loop = Connection(), Loop()
    return request.param(connection, loop), connection, loop


Exchange = tuple[Any, Connection, Loop]


def receive(reception: Any, data: bytes) -> bool:
    """Let it receive; return whether it has something to deliver."""
    if isinstance(reception, Stream):
        return reception.receive(data, len(data))
    return bool(reception.receive(data))


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def forever() -> AsyncIterator[bytes]:
    while True:
        yield b"x" * 1000


async def test_a_silent_peer_is_given_up_after_the_read_time_out(exchange: Exchange) -> None:
    reception, connection, loop = exchange
    reception.finish_request()
    head = asyncio.ensure_future(reception.head())
    await settle()
    await loop.pass_time(59.9)
    assert not head.done()
    await loop.pass_time(0.1)
    with pytest.raises(httpx.ReadTimeout):
        await head
    assert connection.told == ["detach"]


async def test_interim_responses_do_not_lengthen_the_wait_for_the_final_one(
    exchange: Exchange,
) -> None:
    reception, _, loop = exchange
    reception.finish_request()
    head = asyncio.ensure_future(reception.head())
    await settle()
    for _ in range(3):
        await loop.pass_time(19)
        reception.receive_interim()
    assert not head.done()
    await loop.pass_time(3)
    assert isinstance(head.exception(), httpx.ReadTimeout)


async def test_a_final_response_may_follow_as_many_interim_ones_as_are_allowed(
    exchange: Exchange,
) -> None:
    reception, _, _ = exchange
    for _ in range(INTERIMS):
        reception.receive_interim()
    reception.receive_head(200, [(b"a", b"1")])
    assert await reception.head() == (200, [(b"a", b"1")])


async def test_endless_interim_responses_are_no_response(exchange: Exchange) -> None:
    reception, connection, _ = exchange
    for _ in range(INTERIMS + 2):
        reception.receive_interim()
    with pytest.raises(MalformedResponse, match="interim"):
        await reception.head()
    assert connection.told == ["detach"]


async def test_silence_counts_from_the_end_of_the_request(exchange: Exchange) -> None:
    reception, _, loop = exchange
    head = asyncio.ensure_future(reception.head())
    await settle()
    await loop.pass_time(1000)
    assert not head.done()
    reception.finish_request()
    await loop.pass_time(60)
    assert isinstance(head.exception(), httpx.ReadTimeout)


async def test_nobodys_wait_is_no_silence(exchange: Exchange) -> None:
    reception, connection, loop = exchange
    reception.finish_request()
    reception.receive_head(200, [])
    await reception.head()
    await loop.pass_time(1000)
    assert connection.told == []


async def test_what_came_before_an_early_end_stays_readable(exchange: Exchange) -> None:
    reception, _, _ = exchange
    reception.receive_head(200, [])
    receive(reception, b"some")
    reception.fail(httpx.ReadError("lost"))
    assert await reception.head() == (200, [])
    assert await reception.read() == b"some"
    with pytest.raises(httpx.ReadError, match="lost"):
        await reception.read()


async def test_the_first_cause_stands_and_the_connection_is_told_once(exchange: Exchange) -> None:
    reception, connection, _ = exchange
    reception.fail(httpx.ReadError("first"))
    reception.fail(httpx.ReadError("second"))
    reception.close()
    with pytest.raises(httpx.ReadError, match="first"):
        await reception.head()
    assert connection.told == ["detach"]


async def test_an_upload_that_gets_no_further_is_given_up(exchange: Exchange) -> None:
    reception, connection, loop = exchange
    connection.moved = loop.now
    reception.upload(forever())
    await settle()
    await loop.pass_time(15)
    connection.moved = loop.now  # some bytes have left
    await loop.pass_time(19)
    assert reception.attached
    await loop.pass_time(6)
    with pytest.raises(httpx.WriteTimeout):
        await reception.head()


async def test_a_body_that_fails_ends_the_exchange_with_its_own_error(exchange: Exchange) -> None:
    reception, connection, _ = exchange

    async def failing() -> AsyncIterator[bytes]:
        raise ValueError("of the caller's")
        yield b""

    reception.upload(failing())
    with pytest.raises(ValueError, match="of the caller's"):
        await reception.head()
    assert connection.told == ["detach"]


async def test_an_end_stops_the_upload(exchange: Exchange) -> None:
    reception, connection, loop = exchange
    connection.moved = loop.now
    reception.upload(forever())
    await settle()
    reception.close()
    await settle()
    assert not asyncio.all_tasks() - {asyncio.current_task()}


async def test_over_http1_an_early_answer_is_read_before_more_is_written() -> None:
    connection, loop = Connection(), Loop()
    call = http1(connection, loop)
    connection.paused = False
    connection.unheard = True

    def read() -> None:
        connection.unheard = False
        call.receive_head(413, [])
        call.receive_end(reusable=False)

    call.upload(forever())
    asyncio.get_running_loop().call_soon(asyncio.get_running_loop().call_soon, read)
    assert (await call.head())[0] == 413
    assert connection.told == ["detach"]


async def test_over_http1_what_is_not_read_holds_no_upload_back() -> None:
    connection, loop = Connection(), Loop()
    connection.unheard = True
    call = http1(connection, loop)
    call.upload(forever())
    await settle()
    assert connection.told == ["write"]
    call.close()


@pytest.mark.parametrize("version", [http1, http2])
async def test_nothing_holds_an_exchange_whose_upload_was_stopped(version: Any) -> None:
    """Not even a cycle: bodies are large, and the collector is seldom called."""
    connection, loop = Connection(), Loop()
    made = version(connection, loop)
    watched = weakref.ref(made)
    gc.disable()
    try:
        made.upload(forever())
        await settle()
        made.close()
        await settle()
        del made
        assert watched() is None
    finally:
        gc.enable()


async def test_whatever_is_delivered_ends_the_silence(exchange: Exchange) -> None:
    reception, connection, loop = exchange
    reception.finish_request()
    reception.receive_head(200, [])
    took: list[bytes] = []
    pouring = asyncio.ensure_future(reception.pour(took.append))
    for number in range(4):
        await loop.pass_time(50)
        assert receive(reception, b"%d" % number)
        reception.deliver()
    await loop.pass_time(59.9)
    assert (took, pouring.done()) == ([b"0", b"1", b"2", b"3"], False)
    await loop.pass_time(0.1)
    assert isinstance(pouring.exception(), httpx.ReadTimeout)
    assert connection.told == ["detach"]
