"""Each time-out alone: its own error, its own request, nobody else's."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from app.http2 import Transport
from tests.http2.outgoing import request
from tests.http2.peer import Call, eventually, peer, polite
from tests.http2.tls import Tls

pytestmark = pytest.mark.simulated_clock

MB = 2**20


async def answer(call: Call) -> None:
    if call.path == b"/chatty":
        call.head()
        while not call.reset.is_set():
            await call.data(b"word ")
            await asyncio.sleep(0.01)
    elif call.path == b"/pause":
        call.head()
        await call.data(b"begun")
    elif call.path == b"/ok":
        await polite(call)


async def test_read_is_the_silence_of_one_stream_while_its_siblings_chat(
    transport: Transport, tls: Tls
) -> None:
    async with peer(tls.server("h2"), answer) as upstream:
        chatty = await transport.handle_async_request(request(upstream.url, b"/chatty"))
        words = chatty.stream.__aiter__()  # type: ignore[union-attr] # it is asynchronous
        silent = [
            asyncio.ensure_future(
                transport.handle_async_request(request(upstream.url, b"/silent", read=limit))
            )
            for limit in (0.1, 60.0)
        ]
        with pytest.raises(httpx.ReadTimeout):
            await silent[0]
        assert not silent[1].done()
        silent[1].cancel()
        paused = await transport.handle_async_request(request(upstream.url, b"/pause", read=1.0))
        with pytest.raises(httpx.ReadTimeout):
            await paused.aread()
        await eventually(lambda: len(upstream.resets) == 3)
        for _ in range(10):
            assert await anext(words)
        await chatty.aclose()
        assert len(upstream.wires) == 1


async def test_read_counts_from_the_end_of_the_upload(transport: Transport, tls: Tls) -> None:
    class Slow(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            for _ in range(5):
                yield b"part"
                await asyncio.sleep(0.3)

    async with peer(tls.server("h2"), answer) as upstream:
        sent = request(upstream.url, b"/ok", body=Slow(), read=1.0)
        response = await transport.handle_async_request(sent)
        assert await response.aread() == b"ok"


async def test_a_reader_that_takes_its_time_has_no_timeout(transport: Transport, tls: Tls) -> None:
    async with peer(tls.server("h2"), answer) as upstream:
        response = await transport.handle_async_request(request(upstream.url, b"/ok", read=1.0))
        await asyncio.sleep(1.2)
        assert await response.aread() == b"ok"


async def test_write_is_a_window_that_does_not_open(transport: Transport, tls: Tls) -> None:
    async def stingy(call: Call) -> None:
        call.wire.credits = False
        await answer(call)

    async with peer(tls.server("h2"), stingy) as upstream:
        chatty = await transport.handle_async_request(request(upstream.url, b"/chatty"))
        with pytest.raises(httpx.WriteTimeout):
            await transport.handle_async_request(
                request(upstream.url, b"/silent", body=b"x" * MB, write=0.1, read=0.01)
            )
        await eventually(lambda: len(upstream.resets) == 1)
        words = chatty.stream.__aiter__()  # type: ignore[union-attr] # it is asynchronous
        assert await anext(words)
        await chatty.aclose()


async def test_connect_bounds_the_handshake_of_each_requester(
    transport: Transport,
) -> None:
    accepted: list[asyncio.StreamWriter] = []

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)  # TLS never begins

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
    tasks = [
        asyncio.ensure_future(transport.handle_async_request(request(url, connect=limit)))
        for limit in (0.3, 60.0)
    ]
    with pytest.raises(httpx.ConnectTimeout):
        await tasks[0]
    assert not tasks[1].done()
    tasks[1].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]
    assert len(accepted) == 1
    for writer in accepted:
        writer.close()
        await writer.wait_closed()
    server.close()
    await server.wait_closed()
