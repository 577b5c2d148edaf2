"""As many connections as the peer's stream limit calls for, and no more."""

import asyncio

import httpx
import pytest

from app.http2 import Transport
from tests.http2.outgoing import MakeTransport, request
from tests.http2.peer import Call, eventually, peer
from tests.http2.tls import Tls
from tests.thorough import scaled

STREAMS = scaled(600, 300)


async def brief(call: Call) -> None:
    await asyncio.sleep(0.1)
    await call.respond()


async def whole(transport: Transport, sent: httpx.Request) -> bytes:
    return await (await transport.handle_async_request(sent)).aread()


async def test_a_peer_that_allows_five_streams_gets_more_connections(
    transport: Transport, tls: Tls
) -> None:
    async with peer(tls.server("h2"), brief, settings={3: 5}) as upstream:
        answers = await asyncio.gather(
            *(whole(transport, request(upstream.url)) for _ in range(40))
        )
        assert answers == [b"ok"] * 40
        assert len(upstream.wires) == 8


async def test_many_event_streams_share_ten_connections(transport: Transport, tls: Tls) -> None:
    everyone = asyncio.Event()

    async def answer(call: Call) -> None:
        call.head()
        await call.data(b"data: " + call.path + b"\n\n")
        await everyone.wait()
        for number in range(5):
            await call.data(b"data: %d\n\n" % number, end=number == 4)

    async with peer(tls.server("h2"), answer, settings={3: STREAMS // 10}) as upstream:
        streams = await asyncio.gather(
            *(
                transport.handle_async_request(request(upstream.url, b"/%d" % number))
                for number in range(STREAMS)
            )
        )
        assert len(upstream.wires) == 10
        assert transport.stats.streams_open == STREAMS
        everyone.set()
        bodies = await asyncio.gather(*(stream.aread() for stream in streams))
        rest = b"".join(b"data: %d\n\n" % number for number in range(5))
        assert bodies == [b"data: /%d\n\n" % number + rest for number in range(STREAMS)]
        assert transport.stats.streams_open == 0


async def test_our_own_cap_holds_where_the_peer_has_none(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(max_streams_per_connection=10)
    async with peer(tls.server("h2"), brief) as upstream:
        await asyncio.gather(*(whole(transport, request(upstream.url)) for _ in range(30)))
        assert len(upstream.wires) == 3


async def test_a_limit_lowered_while_streams_are_open_is_kept(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(max_connections=1)
    running = most = 0

    async def answer(call: Call) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1
        await call.respond()

    async with peer(tls.server("h2"), answer, settings={3: 20}) as upstream:
        first = [asyncio.ensure_future(whole(transport, request(upstream.url))) for _ in range(20)]
        await eventually(lambda: len(upstream.calls) == 20)
        upstream.wire.settings({3: 3})
        await asyncio.gather(*first)
        most = 0
        await asyncio.gather(*(whole(transport, request(upstream.url)) for _ in range(20)))
        assert most <= 3
        assert len(upstream.wires) == 1


async def test_connections_that_idle_beyond_the_limit_are_closed(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(max_keepalive_connections=2)
    async with peer(tls.server("h2"), brief, settings={3: 1}) as upstream:
        await asyncio.gather(*(whole(transport, request(upstream.url)) for _ in range(6)))
        assert len(upstream.wires) == 6
        await eventually(lambda: transport.stats.connections_open == 2)
        assert await whole(transport, request(upstream.url)) == b"ok"
        assert len(upstream.wires) == 6


async def test_a_full_pool_makes_requests_wait_until_the_pool_timeout(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(max_connections=2)
    async with peer(tls.server("h2"), settings={3: 1}, answer=silent) as upstream:
        held = [
            asyncio.ensure_future(transport.handle_async_request(request(upstream.url)))
            for _ in range(2)
        ]
        await eventually(lambda: len(upstream.calls) == 2)
        with pytest.raises(httpx.PoolTimeout):
            await transport.handle_async_request(request(upstream.url, pool=0.05))
        for task in held:
            task.cancel()
        await asyncio.gather(*held, return_exceptions=True)
        assert transport.stats.waiting == transport.stats.streams_open == 0


async def silent(call: Call) -> None:
    """Answer nothing."""
