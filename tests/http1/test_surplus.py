"""Bytes behind a response never become the next user's."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest

from app.http2 import Transport
from app.network.outflow import Outflow
from tests.http1.peer import Wire, peer
from tests.http2.outgoing import MakeTransport, request
from tests.http2.peer import eventually
from tests.http2.tls import Tls

STOLEN = b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"
MINE = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine"


def at_once(answer: bytes, surplus: bytes) -> Callable[[Wire], Awaitable[None]]:
    async def send(wire: Wire) -> None:
        await wire.send(answer + surplus)

    return send


async def while_idle(wire: Wire) -> None:
    await wire.send(MINE)
    await asyncio.sleep(0.02)
    await wire.send(STOLEN)


WAYS = {
    "rubbish": at_once(MINE, b"x"),
    "a line end": at_once(MINE, b"\r\n"),
    "a response in the same segment": at_once(MINE, STOLEN),
    "a response while idle": while_idle,
    "half a response": at_once(MINE, STOLEN[:9]),
    "behind the last chunk": at_once(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmine\r\n0\r\n\r\n", STOLEN
    ),
    "behind 204": at_once(b"HTTP/1.1 204 No Content\r\nContent-Length: 67\r\n\r\n", STOLEN),
    "behind 304": at_once(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 67\r\n\r\n", STOLEN),
    "behind HEAD": at_once(b"HTTP/1.1 200 OK\r\nContent-Length: 67\r\n\r\n", STOLEN),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
async def test_the_next_response_is_the_next_requests(
    make_transport: MakeTransport, tls: Tls, way: str, secure: bool
) -> None:
    transport = make_transport(http2=False)

    async def answer(wire: Wire) -> None:
        if b"/first" in wire.heads[-1]:
            await WAYS[way](wire)
        else:
            await wire.send(MINE)

    context = tls.server("http/1.1") if secure else None
    async with peer(answer, context) as upstream:
        method = "HEAD" if way == "behind HEAD" else "POST"
        first = await transport.handle_async_request(
            request(upstream.url, b"/first", method=method)
        )
        assert await first.aread() in (b"mine", b"")
        await eventually(lambda: transport.stats.connections_open == 0)
        second = await transport.handle_async_request(request(upstream.url, b"/second"))
        assert await second.aread() == b"mine"
        assert [len(wire.heads) for wire in upstream.wires] == [1, 1]


async def test_surplus_that_was_on_its_way_when_the_next_request_left_is_no_answer_to_it(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(MINE if len(wire.heads) == 1 else STOLEN)

    async with peer(answer) as upstream:
        first = await transport.handle_async_request(request(upstream.url))
        await first.aread()
        (slots,) = transport._http1._pools
        (connection,) = slots.connections
        acknowledged = connection._outflow.position()  # type: ignore[union-attr] # it has a socket
        monkeypatch.setattr(Outflow, "position", lambda _: acknowledged)  # nothing since
        with pytest.raises(httpx.RemoteProtocolError, match="without a request"):
            await transport.handle_async_request(request(upstream.url))


async def test_surplus_that_trails_each_response_is_never_an_answer(transport: Transport) -> None:

    async def answer(wire: Wire) -> None:
        wire.writer.write(MINE)
        await asyncio.sleep(0)
        wire.writer.write(STOLEN)

    async with peer(answer) as upstream:
        for _ in range(200):
            try:
                response = await transport.handle_async_request(request(upstream.url))
                body = await response.aread()
            except httpx.RemoteProtocolError:
                continue
            assert body == b"mine"
            await asyncio.sleep(0.001)
