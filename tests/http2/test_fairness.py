"""Many uploads at once, on links as they are: everyone gets on, nobody waits for a stranger."""

import asyncio

import pytest
from hyperframe.frame import WindowUpdateFrame

from app.http2 import Transport
from tests.http2.outgoing import MakeTransport, request
from tests.http2.peer import Call, Wire, eventually, peer, polite
from tests.http2.tls import Tls
from tests.relay import linked, relaying

KB = 1024
WIDE = {4: 8 * KB * KB}  # SETTINGS_INITIAL_WINDOW_SIZE


async def send(transport: Transport, url: str, size: int, write: float = 30.0) -> bytes:
    sent = request(url, body=b"x" * size, write=write, read=30.0)
    return await (await transport.handle_async_request(sent)).aread()


async def test_a_small_body_is_through_before_the_large_ones_beside_it(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(max_connections=1)
    async with peer(tls.server("h2"), polite) as upstream, relaying(upstream.port, delay=0.02) as r:
        large = [asyncio.ensure_future(send(transport, r.url, 400 * KB)) for _ in range(8)]
        await eventually(lambda: len(upstream.calls) == 8)
        for _ in range(3):
            assert await send(transport, r.url, 200) == b"ok"
            assert not any(upload.done() for upload in large)
        assert await asyncio.gather(*large) == [b"ok"] * 8
        assert len(upstream.wires) == 1


async def test_uploads_that_share_a_window_get_on_alike(
    make_transport: MakeTransport, tls: Tls
) -> None:
    async with peer(tls.server("h2"), polite) as upstream, relaying(upstream.port, delay=0.01) as r:
        transport = make_transport(max_connections=1)
        await send(transport, r.url, 1)
        uploads = [asyncio.ensure_future(send(transport, r.url, 256 * KB)) for _ in range(6)]
        await asyncio.wait(uploads, return_when=asyncio.FIRST_COMPLETED)
        assert min(len(call.body) for call in upstream.calls[1:]) > 128 * KB
        await asyncio.gather(*uploads)


@pytest.mark.parametrize("settings", [{}, WIDE])
@pytest.mark.simulated_clock
async def test_the_write_timeout_measures_the_link_and_not_a_long_queue(
    make_transport: MakeTransport, tls: Tls, settings: dict[int, int]
) -> None:
    transport = make_transport(max_connections=2)
    async with (
        peer(tls.server("h2"), polite, settings=settings) as upstream,
        linked(upstream.port, rate=400_000) as url,
    ):
        uploads = (send(transport, url, 100 * KB, write=1.0) for _ in range(10))
        assert await asyncio.gather(*uploads) == [b"ok"] * 10


async def test_uploads_that_wait_for_a_window_get_more_connections(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(max_connections=4)
    async with peer(tls.server("h2"), polite) as upstream, relaying(upstream.port, delay=0.02) as r:
        uploads = (send(transport, r.url, 512 * KB) for _ in range(6))
        assert await asyncio.gather(*uploads) == [b"ok"] * 6
        assert sorted(len(wire.calls) for wire in upstream.wires) == [1, 1, 2, 2]


async def test_small_requests_and_wide_windows_need_one_connection(
    make_transport: MakeTransport, tls: Tls
) -> None:
    async def generous(wire: Wire) -> None:
        wire.settings(WIDE)
        wire.send(WindowUpdateFrame(0, WIDE[4]))

    for greet, size in ((None, 200), (generous, 300 * KB)):
        transport = make_transport()
        async with peer(tls.server("h2"), polite, greet=greet) as upstream:
            await asyncio.gather(*(send(transport, upstream.url, size) for _ in range(20)))
            assert len(upstream.wires) == 1


async def test_an_upload_takes_the_connection_there_is_when_no_other_can_be_made(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport()
    async with peer(tls.server("h2"), polite) as upstream, relaying(upstream.port, delay=0.02) as r:
        await send(transport, r.url, 1)
        first = asyncio.ensure_future(send(transport, r.url, 512 * KB))
        await eventually(lambda: len(upstream.calls) == 2)
        await r.set("shut")
        assert await asyncio.wait_for(send(transport, r.url, 512 * KB), 60) == b"ok"
        assert await first == b"ok"
        assert len(upstream.wires) == 1


async def test_one_stream_whose_window_stays_shut_ends_alone(
    make_transport: MakeTransport, tls: Tls
) -> None:
    async def answer(call: Call) -> None:
        if call.path == b"/shut":
            call.shut = True
        await polite(call)

    transport = make_transport(max_connections=1)
    async with peer(tls.server("h2"), answer) as upstream:
        stuck = asyncio.ensure_future(
            transport.handle_async_request(
                request(upstream.url, b"/shut", body=b"x" * 200 * KB, write=0.2, read=0.5)
            )
        )
        await eventually(lambda: bool(upstream.calls))
        while not stuck.done():
            assert await send(transport, upstream.url, 100 * KB) == b"ok"
        with pytest.raises(Exception, match="no data accepted"):
            await stuck
