"""Links as they are: dead addresses, sleep, slow uplinks, peers that say nothing."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
import uvloop
from hyperframe.frame import WindowUpdateFrame

from app.http2 import ProxyEnvironment, Transport
from app.network.dial import dial
from tests.http2.outgoing import MakeTransport, request
from tests.http2.peer import Call, Wire, eventually, peer, polite
from tests.http2.tls import Tls
from tests.raw_http2 import PING
from tests.relay import linked, relaying

WIDE = 8 * 2**20


async def generous(wire: Wire) -> None:
    """Greet with windows in which whole bodies fit."""
    wire.settings({4: WIDE})
    wire.send(WindowUpdateFrame(0, WIDE))


async def get(transport: Transport, url: str, body: bytes = b"", **limits: Any) -> bytes:
    response = await transport.handle_async_request(request(url, body=body, **limits))
    return await response.aread()


@contextmanager
def dead_address() -> Iterator[tuple[str, int]]:
    """An address that answers no SYN: its backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()
        for filler in fillers:
            filler.close()


def resolving(*addresses: tuple[str, int]) -> Callable[[str, int], Awaitable[Sequence[Any]]]:
    async def resolve(_host: str, _port: int) -> Sequence[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in addresses]

    return resolve


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
async def test_a_dead_address_costs_a_moment_and_not_the_request(
    tls: Tls, run: Callable[[Any], bytes]
) -> None:
    with dead_address() as dead:
        async with peer(tls.server("h2")) as upstream:

            async def fetch() -> bytes:
                transport = Transport(
                    ssl_context=tls.client(),
                    proxies=ProxyEnvironment({}),
                    resolver=resolving(dead, dead, ("127.0.0.1", upstream.port)),
                )
                try:
                    return await get(transport, "https://localhost:1", connect=20.0)
                finally:
                    await transport.aclose()

            assert await asyncio.to_thread(run, fetch()) == b"ok"


async def test_a_proxy_with_a_dead_address_is_reached_by_its_other(
    make_transport: MakeTransport,
) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 403 Reached\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    with dead_address() as dead:
        transport = make_transport(
            proxies=ProxyEnvironment({"https": "http://proxy.test:1"}),
            resolver=resolving(dead, server.sockets[0].getsockname()),
        )
        with pytest.raises(httpx.ProxyError, match="403 Reached"):
            await get(transport, "https://localhost:1", connect=20.0)
    server.close()
    await server.wait_closed()


async def test_a_host_without_an_address_is_a_connect_error(make_transport: MakeTransport) -> None:
    transport = make_transport(resolver=resolving())
    with pytest.raises(httpx.ConnectError, match="no address"):
        await get(transport, "https://localhost:1")


async def test_the_kernel_is_told_to_notice_dead_peers() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    made = await dial("x", 1, resolving(server.sockets[0].getsockname()))
    assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
    made.close()
    server.close()
    await server.wait_closed()


async def test_after_a_sleep_idle_connections_are_not_trusted(
    make_transport: MakeTransport, tls: Tls
) -> None:
    slept = 0.0
    transport = make_transport(wall=lambda: asyncio.get_running_loop().time() + slept)
    async with peer(tls.server("h2")) as upstream:
        assert await get(transport, upstream.url) == b"ok"
        assert await get(transport, upstream.url) == b"ok"
        assert len(upstream.wires) == 1
        upstream.wire.answers_pings = False
        slept = 3_600.0
        assert await get(transport, upstream.url) == b"ok"
        assert [len(wire.calls) for wire in upstream.wires] == [2, 1]


async def test_after_a_sleep_a_stream_goes_on_and_its_connection_is_tried_first(
    make_transport: MakeTransport, tls: Tls
) -> None:
    slept, go_on = 0.0, asyncio.Event()

    async def answer(call: Call) -> None:
        call.head()
        if call.path == b"/long":
            await go_on.wait()
        await call.data(b"ok", end=True)

    transport = make_transport(wall=lambda: asyncio.get_running_loop().time() + slept)
    async with peer(tls.server("h2"), answer) as upstream:
        long = await transport.handle_async_request(request(upstream.url, b"/long"))
        slept = -60.0
        assert await get(transport, upstream.url) == b"ok"
        assert len(upstream.wires) == 1
        upstream.wire.answers_pings = False
        slept = 3_600.0
        assert await get(transport, upstream.url) == b"ok"
        assert len(upstream.wires) == 2
        go_on.set()
        assert await long.aread() == b"ok"


async def test_many_dead_idle_connections_cost_one_probe_together(
    make_transport: MakeTransport, tls: Tls, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()

    async def answer(call: Call) -> None:
        await gate.wait()
        await polite(call)

    transport = make_transport(max_streams_per_connection=1, max_connections=4)
    async with peer(tls.server("h2"), answer) as upstream:
        first = [asyncio.ensure_future(get(transport, upstream.url)) for _ in range(4)]
        await eventually(lambda: len(upstream.calls) == 4)
        gate.set()
        assert await asyncio.gather(*first) == [b"ok"] * 4
        for wire in upstream.wires:
            wire.answers_pings = False
        pings = [sum(kind == PING for kind, _ in w.frames) for w in upstream.wires]
        monkeypatch.setattr("app.http2.liveness.FRESH", 0.0)
        later = asyncio.ensure_future(get(transport, upstream.url))
        await eventually(
            lambda: all(
                sum(kind == PING for kind, _ in wire.frames) > before
                for wire, before in zip(upstream.wires, pings, strict=False)
            )
        )
        monkeypatch.undo()
        assert await later == b"ok"
        assert [len(wire.calls) for wire in upstream.wires] == [1, 1, 1, 1, 1]


@pytest.mark.simulated_clock
async def test_a_slow_upload_is_life_though_the_peer_says_nothing(
    make_transport: MakeTransport, tls: Tls
) -> None:
    async def mute(call: Call) -> None:
        call.wire.credits = False
        await polite(call)

    transport = make_transport(ping_interval=0.2, ping_timeout=1.0)
    async with (
        peer(tls.server("h2"), mute, greet=generous) as upstream,
        linked(upstream.port, rate=200_000) as url,
    ):
        assert await get(transport, url, b"x" * 700_000, read=20.0) == b"ok"
        assert len(upstream.wires) == 1


async def test_a_link_that_freezes_in_an_upload_is_a_write_timeout(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport()
    async with (
        peer(tls.server("h2"), greet=generous) as upstream,
        relaying(upstream.port, rate=400_000) as r,
    ):
        sending = asyncio.ensure_future(get(transport, r.url, b"x" * WIDE, write=0.5))
        await eventually(lambda: bool(upstream.calls) and len(upstream.calls[0].body) > 50_000)
        await r.set("freeze")
        with pytest.raises(httpx.WriteTimeout):
            await sending


@pytest.mark.simulated_clock
async def test_a_mute_upstream_is_upstreams_doing_and_takes_one_timeout(
    make_transport: MakeTransport, tls: Tls
) -> None:
    async def say_nothing(wire: Wire) -> None:
        await wire.ended.wait()

    transport = make_transport(ping_timeout=0.5)
    async with peer(tls.server("h2"), greet=say_nothing) as upstream:
        calls = (get(transport, upstream.url, pool=0.8, read=0.8) for _ in range(4))
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert not any(isinstance(error, httpx.PoolTimeout) for error in errors)
        assert all(isinstance(error, httpx.TransportError) for error in errors)
        assert len(upstream.wires) <= 2


@pytest.mark.parametrize("http2", [True, False])
async def test_a_proxy_that_is_down_is_named_without_its_password(
    make_transport: MakeTransport, http2: bool
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        host, port = closed.getsockname()
    proxies = ProxyEnvironment({"https": f"http://user:fake-word@{host}:{port}"})
    transport = make_transport(proxies=proxies, http2=http2)
    with pytest.raises(httpx.ProxyError, match=f"{host}:{port}") as caught:
        await get(transport, "https://localhost:1")
    assert "fake-word" not in str(caught.value)


async def test_a_connection_is_replaced_at_its_age_and_its_streams_finish(
    make_transport: MakeTransport, tls: Tls
) -> None:
    go_on = asyncio.Event()

    async def answer(call: Call) -> None:
        call.head()
        if call.path == b"/long":
            await go_on.wait()
        await call.data(b"ok", end=True)

    transport = make_transport(max_connection_age=0.3)
    async with peer(tls.server("h2"), answer) as upstream:
        long = await transport.handle_async_request(request(upstream.url, b"/long"))
        while len(upstream.wires) == 1:
            assert await get(transport, upstream.url) == b"ok"
        assert not upstream.wires[0].ended.is_set()
        go_on.set()
        assert await long.aread() == b"ok"
        await eventually(upstream.wires[0].ended.is_set)
