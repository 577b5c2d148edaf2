import asyncio

import httpx
import pytest

from app.http2 import Transport
from tests.http2.outgoing import MakeTransport, request
from tests.http2.peer import Call, eventually, peer
from tests.http2.tls import Tls


async def test_requests_share_a_connection(transport: Transport, tls: Tls) -> None:
    async with peer(tls.server("h2")) as upstream:
        first = await transport.handle_async_request(request(upstream.url, body=b"hello"))
        assert first.status_code == 200
        assert await first.aread() == b"ok"
        second = await transport.handle_async_request(request(upstream.url))
        assert await second.aread() == b"ok"
        assert (first.extensions["reused"], second.extensions["reused"]) == (False, True)
        assert bytes(upstream.calls[0].body) == b"hello"
        assert len(upstream.wires) == 1
        await asyncio.sleep(0.05)
    assert transport.stats.resets_sent == 0


async def test_closing_fails_those_who_wait_and_those_who_read(
    make_transport: MakeTransport, tls: Tls
) -> None:
    async def answer(call: Call) -> None:
        call.head()

    transport = make_transport(max_connections=1)
    async with peer(tls.server("h2"), answer, settings={3: 1}) as upstream:
        response = await transport.handle_async_request(request(upstream.url))
        waiting = asyncio.ensure_future(transport.handle_async_request(request(upstream.url)))
        await eventually(lambda: transport.stats.waiting == 1)
        await transport.aclose()
        with pytest.raises(httpx.ConnectError, match="the transport was closed"):
            await waiting
        with pytest.raises(httpx.ReadError, match="closed"):
            await response.aread()
        assert transport.stats.connections_open == transport.stats.streams_open == 0
        assert len(upstream.wires) == 1


async def test_closing_while_connecting_fails_the_request(transport: Transport, tls: Tls) -> None:
    async with peer(tls.server("h2")) as upstream:
        waiting = asyncio.ensure_future(transport.handle_async_request(request(upstream.url)))
        await asyncio.sleep(0)
        await transport.aclose()
        with pytest.raises(httpx.ConnectError, match="the transport was closed"):
            await waiting
