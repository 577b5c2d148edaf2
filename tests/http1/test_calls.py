"""Cancelling, losing, waiting and many at a time."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest
import uvloop

from app.http1.call import Call
from app.http2 import ProxyEnvironment, Transport
from app.network.response import ResponseBody
from tests.http1.peer import OK, Wire, peer, polite
from tests.http2.outgoing import MakeTransport, request
from tests.http2.peer import eventually
from tests.http2.tls import Tls
from tests.thorough import scaled

SILENT = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"


class Endless(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65_536
            await asyncio.sleep(0)


class Raising(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"some"
        raise RuntimeError("the client left")


async def fetch(transport: Transport, sent: httpx.Request) -> bytes:
    return await (await transport.handle_async_request(sent)).aread()


async def mute(wire: Wire) -> None:
    if b"/mute" in wire.heads[-1]:
        await wire.reader.read()
    elif b"/begun" in wire.heads[-1]:
        await wire.send(SILENT)
        await wire.reader.read()
    elif b"/upload" in wire.heads[-1]:
        await asyncio.sleep(60)
    else:
        await polite(wire)


@pytest.mark.parametrize("where", ["/mute", "/begun", "/upload"])
async def test_a_cancelled_request_closes_its_connection_and_no_other(
    transport: Transport, where: str
) -> None:
    async with peer(mute) as upstream:
        body = Endless() if where == "/upload" else b""
        cancelled = [
            asyncio.create_task(fetch(transport, request(upstream.url, where.encode(), body=body)))
            for _ in range(5)
        ]
        await eventually(lambda: sum(len(wire.heads) for wire in upstream.wires) == 5)
        begun = await transport.handle_async_request(request(upstream.url, b"/begun"))
        for task in cancelled:
            task.cancel()
        await asyncio.gather(*cancelled, return_exceptions=True)
        assert transport.stats.streams_open == 1
        if where != "/upload":  # that peer does not read
            await asyncio.gather(
                *(asyncio.wait_for(w.ended.wait(), 60) for w in upstream.wires[:5])
            )
        assert await fetch(transport, request(upstream.url, b"/ok")) == b"ok"
        await begun.aclose()
        assert transport.stats.streams_open == 0


async def test_leaving_a_body_unread_closes_the_connection(transport: Transport) -> None:
    async with peer(mute) as upstream:
        response = await transport.handle_async_request(request(upstream.url, b"/begun"))
        assert isinstance(response.stream, httpx.AsyncByteStream)
        async for chunk in response.stream:
            assert chunk == b"first"
            break
        await response.aclose()
        await asyncio.wait_for(upstream.wires[0].ended.wait(), 60)


async def test_a_cancelled_wait_for_a_slot_or_a_connection_takes_none(
    make_transport: MakeTransport,
) -> None:
    transport = make_transport(max_connections=1, max_streams_per_connection=1)
    async with peer(mute) as upstream:
        first = await transport.handle_async_request(request(upstream.url, b"/begun"))
        waiting = [asyncio.create_task(fetch(transport, request(upstream.url))) for _ in range(3)]
        await eventually(lambda: transport.stats.waiting == 3)
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        assert transport.stats.waiting == 2
        await first.aclose()
        assert await asyncio.gather(*waiting[1:]) == [b"ok", b"ok"]


async def test_a_full_pool_makes_requests_wait_and_says_how_long(
    make_transport: MakeTransport,
) -> None:
    transport = make_transport(max_connections=1, max_streams_per_connection=2)
    async with peer(mute) as upstream:
        held = [
            await transport.handle_async_request(request(upstream.url, b"/begun")) for _ in range(2)
        ]
        with pytest.raises(httpx.PoolTimeout):
            await transport.handle_async_request(request(upstream.url, pool=0.05))
        late = asyncio.create_task(transport.handle_async_request(request(upstream.url)))
        await eventually(lambda: transport.stats.waiting == 1)
        await asyncio.sleep(0.05)
        await held[0].aclose()
        assert (await late).extensions["slot_wait"] >= 0.05
        await (await late).aread()
        await held[1].aclose()


async def test_a_closed_transport_serves_nobody_any_more(make_transport: MakeTransport) -> None:
    transport = make_transport(max_connections=1, max_streams_per_connection=1)
    async with peer(mute) as upstream:
        begun = await transport.handle_async_request(request(upstream.url, b"/begun"))
        waiting = asyncio.create_task(fetch(transport, request(upstream.url)))
        await eventually(lambda: transport.stats.waiting == 1)
        await transport.aclose()
        with pytest.raises(httpx.ConnectError):
            await waiting
        with pytest.raises(httpx.ReadError):
            await begun.aread()
        assert len(upstream.wires) == 1


@pytest.mark.parametrize(("count", "secure"), [(60, True), (500, False)])
async def test_many_streams_run_at_a_time(
    transport: Transport, tls: Tls, count: int, secure: bool
) -> None:
    """All of them are open before the first one ends."""
    everyone = asyncio.Event()
    running = 0

    async def answer(wire: Wire) -> None:
        nonlocal running
        running += 1
        if running == count:
            everyone.set()
        await everyone.wait()
        await wire.send(OK)

    context = tls.server("http/1.1") if secure else None
    async with peer(answer, context) as upstream:
        bodies = await asyncio.gather(
            *(fetch(transport, request(upstream.url, connect=60.0)) for _ in range(count))
        )
        assert bodies == [b"ok"] * count
        assert transport.stats.connections_opened == count
        await asyncio.sleep(0)
        await eventually(lambda: transport.stats.connections_open == 10)  # kept for the next ones


async def test_a_slot_that_comes_free_takes_its_connection_along(
    make_transport: MakeTransport,
) -> None:
    transport = make_transport(
        max_connections=1, max_streams_per_connection=8, max_keepalive_connections=0
    )
    async with peer() as upstream:
        await asyncio.gather(*(fetch(transport, request(upstream.url)) for _ in range(64)))
        assert len(upstream.wires) == 8


async def test_a_connection_that_the_peer_has_closed_is_not_used(transport: Transport) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(OK)
        wire.writer.close()

    async with peer(answer) as upstream:
        for _ in range(20):
            assert await fetch(transport, request(upstream.url)) == b"ok"
            await upstream.wires[-1].ended.wait()


async def test_after_sleep_a_new_connection_is_made(make_transport: MakeTransport) -> None:
    now = 1000.0
    transport = make_transport(wall=lambda: now)
    async with peer() as upstream:
        await fetch(transport, request(upstream.url))
        now += 600
        await fetch(transport, request(upstream.url))
        now -= 600
        await fetch(transport, request(upstream.url))
        assert len(upstream.wires) == 3


async def test_a_connection_is_not_used_beyond_its_age(make_transport: MakeTransport) -> None:
    transport = make_transport(max_connection_age=0.0)
    async with peer() as upstream:
        for _ in range(3):
            await fetch(transport, request(upstream.url))
        assert len(upstream.wires) == 3


@pytest.mark.simulated_clock
async def test_the_read_timeout_counts_silence_and_one_stream_only(transport: Transport) -> None:
    async def answer(wire: Wire) -> None:
        await wire.body()
        if b"/mute" in wire.heads[-1]:
            await wire.reader.read()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
        for _ in range(6):
            await asyncio.sleep(0.1)
            await wire.send(b"x")

    async with peer(answer) as upstream:
        chatty = asyncio.create_task(fetch(transport, request(upstream.url, b"/chatty", read=0.5)))
        with pytest.raises(httpx.ReadTimeout):
            await transport.handle_async_request(request(upstream.url, b"/mute", read=0.2))
        assert await chatty == b"xxxxxx"


@pytest.mark.simulated_clock
async def test_the_write_timeout_counts_time_without_progress(transport: Transport) -> None:
    async def answer(_: Wire) -> None:
        await asyncio.sleep(60)

    async with peer(answer) as upstream:
        with pytest.raises(httpx.WriteTimeout):
            await transport.handle_async_request(request(upstream.url, body=Endless(), write=0.4))


@pytest.mark.simulated_clock
async def test_the_connect_timeout_covers_tls(transport: Transport) -> None:
    async with peer(mute) as upstream:  # it waits for a line end in what is TLS to us
        url = upstream.url.replace("http:", "https:")
        with pytest.raises(httpx.ConnectTimeout):
            await transport.handle_async_request(request(url, connect=0.3))


async def test_a_large_body_arrives_as_it_left(make_transport: MakeTransport, tls: Tls) -> None:
    transport = make_transport(http2=False)
    digests = []

    async def answer(wire: Wire) -> None:
        digests.append(hashlib.sha256(await wire.body()).hexdigest())
        await wire.send(OK)

    body = bytes(range(256)) * 32_768
    length = [(b"content-length", b"%d" % len(body))]
    async with peer(answer, tls.server()) as upstream:
        await fetch(transport, request(upstream.url, body=body, headers=length))
        await fetch(transport, request(upstream.url, body=body))  # in chunks
        assert len(upstream.wires) == 1
    assert digests == [hashlib.sha256(body).hexdigest()] * 2


async def test_an_early_response_ends_the_upload(transport: Transport) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await asyncio.sleep(60)

    async with peer(answer) as upstream:
        response = await transport.handle_async_request(request(upstream.url, body=Endless()))
        assert (response.status_code, await response.aread()) == (413, b"no")
        assert transport.stats.connections_open - transport.stats.streams_open <= 1
        await eventually(lambda: transport.stats.connections_open == 0)


async def test_a_body_that_fails_closes_the_connection(transport: Transport) -> None:
    async with peer() as upstream:
        with pytest.raises(RuntimeError, match="the client left"):
            await transport.handle_async_request(request(upstream.url, body=Raising()))
        await asyncio.wait_for(upstream.wires[0].ended.wait(), 60)


@pytest.mark.parametrize("length", [b"3", b"5", b"+4", b"4, 4", b""])
async def test_a_body_that_belies_its_length_is_not_sent_as_another(
    transport: Transport, length: bytes
) -> None:
    async with peer() as upstream:
        sent = request(upstream.url, body=b"four", headers=[(b"content-length", length)])
        with pytest.raises(httpx.LocalProtocolError):
            await transport.handle_async_request(sent)
        assert await fetch(transport, request(upstream.url)) == b"ok"


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_reader_that_stops_makes_the_peer_wait(tls: Tls, loop: object, secure: bool) -> None:
    total, chunk = scaled(64, 32) * 2**20, b"x" * 2**20

    async def main() -> None:
        sent = 0

        async def answer(wire: Wire) -> None:
            nonlocal sent
            if b"/sibling" in wire.heads[-1]:
                await wire.send(OK)
                return
            await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % total)
            for _ in range(total // len(chunk)):
                await wire.send(chunk)
                sent += len(chunk)

        transport = Transport(ssl_context=tls.client(), proxies=ProxyEnvironment({}))
        async with peer(answer, tls.server() if secure else None) as upstream:
            stalled = await transport.handle_async_request(request(upstream.url))
            assert isinstance(stalled.stream, ResponseBody)
            call = stalled.stream._stream
            assert isinstance(call, Call)
            before = -1
            while before != sent:
                before = sent
                await asyncio.sleep(0.3)
            assert call.unread < 512 * 1024
            assert sent < total / 2  # the kernel's buffers hold some of it
            assert await fetch(transport, request(upstream.url, b"/sibling")) == b"ok"
            assert len(await stalled.aread()) == total
            await transport.aclose()

    with asyncio.Runner(loop_factory=loop) as runner:  # type: ignore[arg-type] # either's factory
        runner.run(main())
