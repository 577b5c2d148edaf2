"""A body that is poured out is the body that would be read, in either version of HTTP."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.http1.call import Call
from app.http1.request import Body
from app.http2.stream import CREDIT_STEP, Stream
from app.wire.handover import Rest
from app.wire.timeouts import Timeouts
from tests.thorough import scaled

Step = tuple[str, Any]
VERSIONS = ("HTTP/1.1", "HTTP/2")
TIMEOUTS = Timeouts(read=60.0)
SIZES = st.lists(st.integers(0, 40) | st.just(CREDIT_STEP), min_size=1, max_size=4)
STEPS = st.lists(
    st.tuples(st.sampled_from(["segment", "later", "later"]), SIZES)
    | st.tuples(st.sampled_from(["slow", "raises", "go", "turn"]), st.none()),
    max_size=14,
)
LATER: list[Step] = [("later", [10])] * 14  # enough at once, whatever else is drawn
ENDS = st.sampled_from(["end", "fail", "end with data", "fail with data"])


class Connection:
    """A connection that counts. State: the ``credited`` bytes, and who is ``touched``."""

    paused = False

    def __init__(self) -> None:
        self.credited = 0
        self.touched: set[Any] = set()

    def credit(self, _stream: Any, size: int) -> None:
        self.credited += size

    def segment_read(self) -> None:
        for reception in self.touched:
            reception.deliver()
        self.touched.clear()

    def progress(self) -> float:
        return 0.0

    def readable(self) -> bool:
        return False

    def ignore(self, *_args: Any, **_kwargs: Any) -> None: ...

    write = submit = end = detach = follow = hold = ignore


class Consumer:
    """Takes chunks. State: the bytes ``took`` and ``done``; whether it ``waits``, ``at_once``."""

    def __init__(self) -> None:
        self.took = self.done = b""
        self.slow = self.raises = self.waits = False
        self.at_once = 0
        self.go = asyncio.Event()

    def take(self, chunk: bytes) -> Rest | None:
        assert not self.waits
        self.took += chunk
        if self.raises:
            raise ValueError("the consumer's")
        if not self.slow:
            self.done += chunk
            return None
        self.waits = True
        self.go.clear()
        return self._finish

    async def _finish(self) -> None:
        assert self.waits  # it is not asked to finish twice
        await self.go.wait()
        self.done, self.slow, self.waits = self.took, False, False


class Exchange:
    """A response that is poured out. State: what was ``sent`` by the peer."""

    def __init__(self, version: str) -> None:
        loop: Any = asyncio.get_running_loop()
        self.connection: Any = Connection()
        self.consumer = Consumer()
        self.reception: Any = (
            Stream(self.connection, 1, TIMEOUTS, loop, 0)
            if version == "HTTP/2"
            else Call(self.connection, Body(None), TIMEOUTS, loop)
        )
        self.reception.finish_request()
        self.reception.receive_head(200, [])
        self.sent = b""
        self.pouring = asyncio.ensure_future(self.reception.pour(self.consumer.take))

    def receive(self, size: int) -> None:
        data = bytes([len(self.sent) % 251]) * size
        self.sent += data
        if isinstance(self.reception, Stream):
            touched = self.reception.receive(data, size)
        else:
            touched = self.reception.receive(data)
        if touched:
            self.connection.touched.add(self.reception)

    def finish(self, how: str) -> None:
        if how.endswith("with data"):
            self.receive(7)
        if how.startswith("fail"):
            self.reception.fail(httpx.ReadError("lost"))
        elif isinstance(self.reception, Stream):
            self.reception.receive_end()
        else:
            self.reception.receive_end(reusable=True)
        self.connection.segment_read()

    async def play(self, step: Step) -> None:
        match step:
            case "segment", sizes:
                before = self.consumer.done
                for size in sizes:
                    self.receive(size)
                self.connection.segment_read()
                self.consumer.at_once += self.consumer.done != before
            case "later", sizes:
                await settle()
                await self.play(("segment", sizes))
            case "turn", _:
                await settle()
            case "go", _:
                self.consumer.go.set()
            case name, _:
                setattr(self.consumer, name, True)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def run(scenario: Callable[[], Any]) -> Any:
    with asyncio.Runner() as runner:
        return runner.run(scenario())


AT_ONCE = 0


@settings(max_examples=scaled(100, 40))
@given(st.sampled_from(VERSIONS), STEPS, ENDS)
@example("HTTP/1.1", LATER, "end")
@example("HTTP/2", LATER, "end")
def _poured(version: str, steps: list[Step], end: str) -> None:
    async def scenario() -> int:
        exchange = Exchange(version)
        for step in steps:
            await exchange.play(step)
            if isinstance(exchange.reception, Stream):
                assert exchange.connection.credited <= len(exchange.consumer.done)
        exchange.finish(end)
        while not exchange.pouring.done():
            exchange.consumer.go.set()
            await settle()
        check(exchange, end)
        return exchange.consumer.at_once

    global AT_ONCE  # noqa: PLW0603 - counts over all examples
    AT_ONCE += run(scenario)


def check(exchange: Exchange, end: str) -> None:
    error = exchange.pouring.exception()
    consumer = exchange.consumer
    if isinstance(error, ValueError):
        assert consumer.raises
        assert exchange.sent.startswith(consumer.took)
        return
    assert consumer.took == consumer.done == exchange.sent
    assert isinstance(error, httpx.ReadError if end.startswith("fail") else type(None))


def test_every_byte_is_handed_over_once_in_order_and_most_at_once() -> None:
    _poured()
    assert AT_ONCE > 25


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_segment_is_handed_over_in_the_turn_in_which_it_came(version: str) -> None:
    exchange = Exchange(version)
    await settle()
    for _ in range(3):
        exchange.receive(10)
        exchange.receive(10)
        assert exchange.consumer.done == exchange.sent[: len(exchange.consumer.done)]
        exchange.connection.segment_read()
        assert exchange.consumer.done == exchange.sent
    await exchange.play(("segment", [CREDIT_STEP]))
    assert version == "HTTP/1.1" or exchange.connection.credited == len(exchange.sent)
    exchange.finish("end")
    await exchange.pouring


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_comes_with_the_end_is_handed_over_before_it(version: str) -> None:
    exchange = Exchange(version)
    await settle()
    exchange.finish("end with data")
    assert exchange.consumer.done == exchange.sent != b""
    await exchange.pouring


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_consumer_that_waits_gets_nothing_more_and_opens_no_window(version: str) -> None:
    exchange = Exchange(version)
    await settle()
    exchange.consumer.slow = True
    await exchange.play(("segment", [CREDIT_STEP]))
    await exchange.play(("segment", [CREDIT_STEP]))
    await settle()
    assert len(exchange.consumer.took) == CREDIT_STEP
    assert exchange.connection.credited == 0
    exchange.consumer.go.set()
    await settle()  # it waits for a segment again, with nothing left to do
    exchange.finish("end")
    await exchange.pouring
    assert exchange.consumer.done == exchange.sent


async def test_an_empty_frame_opens_no_window_for_what_the_consumer_still_holds() -> None:
    exchange = Exchange("HTTP/2")
    exchange.consumer.slow = True
    await exchange.play(("segment", [CREDIT_STEP]))
    await settle()
    await exchange.play(("segment", [0]))
    assert exchange.connection.credited == 0
    exchange.finish("end")
    exchange.consumer.go.set()
    await exchange.pouring


@pytest.mark.parametrize("version", VERSIONS)
async def test_whoever_leaves_while_the_consumer_waits_leaves_nothing_begun(version: str) -> None:
    exchange = Exchange(version)
    await settle()
    exchange.consumer.slow = True
    await exchange.play(("segment", [10]))
    exchange.pouring.cancel()  # before its rest has begun: a warning would be an error here
    await asyncio.gather(exchange.pouring, return_exceptions=True)
    exchange.receive(10)
    exchange.connection.segment_read()
    assert len(exchange.consumer.took) == 10
