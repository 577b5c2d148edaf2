"""Whatever ends a request early, upstream learns of it once, at once."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator

import httpx
import pytest
from h2.errors import ErrorCodes

from app.http2 import Transport
from tests.http2.outgoing import MakeTransport, request
from tests.http2.peer import Call, eventually, peer
from tests.http2.tls import Tls
from tests.thorough import scaled

ABORTS = scaled(800, 200)
AT_ONCE = 80


class Endless(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 1_000
            await asyncio.sleep(0)


async def answer(call: Call) -> None:
    """Do what the path begins with, and then nothing."""
    if call.path.startswith(b"/silent"):
        return
    if call.path == b"/whole":
        await call.respond()
        return
    call.head()
    while call.path.startswith(b"/endless"):
        await call.data(b"event\n\n")
        await asyncio.sleep(0.001)


class Aborts:
    """Four ways to end a request early, each at a moment that the peer has confirmed."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.arrived: dict[bytes, asyncio.Event] = defaultdict(asyncio.Event)

    async def answer(self, call: Call) -> None:
        self.arrived[call.path].set()
        await answer(call)

    async def close_response(self, url: str, number: int) -> None:
        sent = request(url, b"/headers?%d" % number)
        response = await self.transport.handle_async_request(sent)
        await response.aclose()
        await response.aclose()

    async def cancel_before_headers(self, url: str, number: int) -> None:
        await self.cancel(request(url, b"/silent?%d" % number))

    async def cancel_upload(self, url: str, number: int) -> None:
        await self.cancel(request(url, b"/silent?%d" % number, body=Endless()))

    async def cancel(self, sent: httpx.Request) -> None:
        task = asyncio.ensure_future(self.transport.handle_async_request(sent))
        await self.arrived[sent.extensions["target"]].wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def cancel_mid_body(self, url: str, number: int) -> None:
        sent = request(url, b"/endless?%d" % number)
        response = await self.transport.handle_async_request(sent)
        seen = asyncio.Event()

        async def read() -> None:
            async for _ in response.stream:  # type: ignore[union-attr] # it is asynchronous
                seen.set()

        task = asyncio.create_task(read())
        await seen.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


WAYS = ["close_response", "cancel_before_headers", "cancel_upload", "cancel_mid_body"]


@pytest.mark.parametrize("way", WAYS)
async def test_an_aborted_stream_is_reset_once_and_its_siblings_go_on(
    transport: Transport, tls: Tls, way: str
) -> None:
    aborts = Aborts(transport)
    tasks = len(asyncio.all_tasks())
    async with peer(tls.server("h2"), aborts.answer, settings={3: 100}) as upstream:
        sibling = await transport.handle_async_request(request(upstream.url, b"/endless"))
        events = sibling.stream.__aiter__()  # type: ignore[union-attr] # it is asynchronous
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(number: int) -> None:
            async with gate:
                await getattr(aborts, way)(upstream.url, number)

        await asyncio.gather(*(one(number) for number in range(ABORTS)))
        await eventually(lambda: len(upstream.resets) >= ABORTS)
        assert await anext(events)
        assert transport.stats.streams_open == 1
        await sibling.aclose()
        whole = await transport.handle_async_request(request(upstream.url, b"/whole"))
        assert await whole.aread() == b"ok"
        await eventually(lambda: len(upstream.resets) >= ABORTS + 1)
        each = Counter((wire, stream) for wire in upstream.wires for stream, _ in wire.resets)
        assert len(each) == ABORTS + 1
        assert set(each.values()) == {1}
        assert {code for _, code in upstream.resets} == {ErrorCodes.CANCEL}
        assert transport.stats.streams_open == transport.stats.waiting == 0
    await transport.aclose()
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks)


async def test_a_request_cancelled_while_it_waits_for_a_slot_sends_nothing(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(max_connections=1)
    async with peer(tls.server("h2"), answer, settings={3: 1}) as upstream:
        first = await transport.handle_async_request(request(upstream.url, b"/headers"))
        await asyncio.sleep(0.02)
        waiting = asyncio.ensure_future(
            transport.handle_async_request(request(upstream.url, b"/silent"))
        )
        await eventually(lambda: transport.stats.waiting == 1)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert transport.stats.waiting == 0
        await first.aclose()
        last = await transport.handle_async_request(request(upstream.url, b"/whole"))
        assert await last.aread() == b"ok"
        assert [call.path for call in upstream.calls] == [b"/headers", b"/whole"]


async def test_a_request_cancelled_just_after_it_was_granted_a_slot_gives_it_on(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(max_connections=1)
    async with peer(tls.server("h2"), answer, settings={3: 1}) as upstream:
        first = await transport.handle_async_request(request(upstream.url, b"/headers"))
        waiting = [
            asyncio.ensure_future(transport.handle_async_request(request(upstream.url, b"/whole")))
            for _ in range(3)
        ]
        await eventually(lambda: transport.stats.waiting == 3)
        await first.aclose()  # grants the slot to the first of them
        waiting[0].cancel()
        waiting[1].cancel()
        assert (await waiting[2]).status_code == 200


async def test_one_cancelled_requester_does_not_end_the_connect_of_others(
    transport: Transport, tls: Tls
) -> None:
    async with peer(tls.server("h2"), answer) as upstream:
        both = [
            asyncio.ensure_future(transport.handle_async_request(request(upstream.url, b"/whole")))
            for _ in range(2)
        ]
        await asyncio.sleep(0)
        both[0].cancel()
        assert (await both[1]).status_code == 200
        assert len(upstream.wires) == 1
