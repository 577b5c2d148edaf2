"""Connections that end without a word, in each of the ways they do."""

import asyncio
import socket
import struct

import httpx
import pytest

from app.http2 import Transport
from app.network.abort import abort
from tests.http2.outgoing import MakeTransport, request
from tests.http2.peer import Call, Wire, eventually, peer, polite
from tests.http2.tls import Tls

pytestmark = pytest.mark.simulated_clock


def reset(wire: Wire) -> None:
    """Close with RST instead of FIN."""
    raw = wire.transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    abort(wire.transport)


async def test_a_connection_closed_while_idle_is_replaced(transport: Transport, tls: Tls) -> None:
    async with peer(tls.server("h2")) as upstream:
        for number in range(1, 4):
            response = await transport.handle_async_request(request(upstream.url))
            assert await response.aread() == b"ok"
            assert len(upstream.wires) == number
            upstream.wire.transport.close()  # close_notify, then FIN
            await eventually(lambda: transport.stats.connections_open == 0)


async def test_a_tcp_reset_fails_the_streams_and_the_next_request_works(
    transport: Transport, tls: Tls
) -> None:
    async def answer(call: Call) -> None:
        if call.path == b"/reset":
            call.head()
            await call.data(b"part")
        else:
            await polite(call)

    async with peer(tls.server("h2"), answer) as upstream:
        cut = await transport.handle_async_request(request(upstream.url, b"/reset"))
        reset(upstream.wire)
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await cut.aread()
        response = await transport.handle_async_request(request(upstream.url))
        assert await response.aread() == b"ok"


async def test_an_end_in_the_middle_of_a_response_is_never_taken_for_its_end(
    transport: Transport, tls: Tls
) -> None:
    async def answer(call: Call) -> None:
        call.head()
        await call.data(b"part")
        call.wire.transport.close()

    async with peer(tls.server("h2"), answer) as upstream:
        response = await transport.handle_async_request(request(upstream.url))
        chunks = response.stream.__aiter__()  # type: ignore[union-attr] # it is asynchronous
        assert await anext(chunks) == b"part"
        with pytest.raises(httpx.RemoteProtocolError, match="closed the connection"):
            await anext(chunks)


async def test_a_peer_that_no_longer_answers_ping_is_given_up(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(ping_interval=0.1, ping_timeout=1.0)

    async def answer(call: Call) -> None:
        if call.path == b"/hole":
            call.wire.answers_pings = False
            call.head()
        else:
            await polite(call)

    async with peer(tls.server("h2"), answer) as upstream:
        hole = await transport.handle_async_request(request(upstream.url, b"/hole"))
        with pytest.raises(httpx.ReadError, match="PING"):
            await hole.aread()
        response = await transport.handle_async_request(request(upstream.url))
        assert await response.aread() == b"ok"
        assert len(upstream.wires) == 2


async def test_a_silent_stream_lives_while_the_peer_answers_ping(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(ping_interval=0.02, ping_timeout=5.0)

    async def answer(call: Call) -> None:
        call.head()
        await asyncio.sleep(0.3)
        await call.data(b"at last", end=True)

    async with peer(tls.server("h2"), answer) as upstream:
        response = await transport.handle_async_request(request(upstream.url))
        assert await response.aread() == b"at last"
    assert transport.stats.rtt is not None


async def test_a_connection_silent_for_long_is_tried_with_a_ping_before_it_is_used(
    make_transport: MakeTransport, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.http2.liveness.FRESH", 0.0)
    transport = make_transport(ping_timeout=1.0)
    async with peer(tls.server("h2")) as upstream:
        response = await transport.handle_async_request(request(upstream.url))
        assert await response.aread() == b"ok"
        upstream.wire.answers_pings = False
        calls = len(upstream.wire.calls)
        response = await transport.handle_async_request(request(upstream.url))
        assert await response.aread() == b"ok"
        assert len(upstream.wires) == 2
        assert len(upstream.wires[0].calls) == calls  # the dead one was sent no request
