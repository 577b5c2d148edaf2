"""The way to the origin: TLS, ALPN, HTTP/1.1, proxies; and what their failures say."""

import asyncio
import base64
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.http2 import ProxyEnvironment, Transport
from app.network.connect import connect
from app.network.dial import resolve
from app.wire.origin import Origin
from tests.http2.outgoing import MakeTransport, request
from tests.http2.peer import peer
from tests.http2.tls import Tls, self_signed

Received = list[bytes]


class Parts(httpx.AsyncByteStream):
    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"


@asynccontextmanager
async def http1(context: ssl.SSLContext | None) -> AsyncIterator[tuple[str, Received]]:
    """Serve HTTP/1.1; yields its URL, and the heads and bodies it receives."""
    received: Received = []
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                received.append(head)
                if b"chunked" in head:
                    received.append(await reader.readuntil(b"0\r\n\r\n"))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    scheme = "http" if context is None else "https"
    try:
        yield f"{scheme}://localhost:{server.sockets[0].getsockname()[1]}", received
    finally:
        server.close()
        for writer in writers:
            writer.close()
        await server.wait_closed()


@asynccontextmanager
async def forward_proxy(answer: bytes) -> AsyncIterator[tuple[int, Received]]:
    """A CONNECT proxy that answers so; yields its port and the requests it receives."""
    received: Received = []
    running: set[asyncio.Task[None] | None] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
        except OSError:
            pass
        finally:
            writer.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(asyncio.current_task())
        received.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        if b" 200 " in answer:
            host, port = received[-1].split()[1].decode().split(":")
            inner = await asyncio.open_connection(host, int(port))
            await asyncio.gather(pump(reader, inner[1]), pump(inner[0], writer))
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], received
    finally:
        server.close()
        await asyncio.wait_for(asyncio.gather(*(task for task in running if task)), 60)
        await server.wait_closed()


def via(url: str, no: str = "") -> ProxyEnvironment:
    return ProxyEnvironment({"https": url, "no": no} if no else {"https": url})


async def test_an_origin_that_negotiates_http1_gets_it_and_is_remembered(
    transport: Transport, tls: Tls
) -> None:
    async with http1(tls.server("http/1.1")) as (url, received):
        for body in (b"", Parts()):
            response = await transport.handle_async_request(request(url, b"/a%2F?", body=body))
            assert await response.aread() == b"ok"
            assert response.extensions["http_version"] == b"HTTP/1.1"
        assert received[0].startswith(b"POST /a%2F? HTTP/1.1\r\n")
        assert b"transfer-encoding" not in received[0].lower()
        assert received[2] == b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"
    assert transport.stats.connections_opened == transport.stats.reused == 1


async def test_an_origin_without_alpn_gets_http1(transport: Transport, tls: Tls) -> None:
    async with http1(tls.server()) as (url, _):
        response = await transport.handle_async_request(request(url))
        assert await response.aread() == b"ok"


async def test_plain_http_is_http1(transport: Transport) -> None:
    async with http1(None) as (url, received):
        response = await transport.handle_async_request(request(url, b"//double", method="get"))
        assert await response.aread() == b"ok"
        assert received[0].startswith(b"get //double HTTP/1.1\r\n")


async def test_http2_can_be_switched_off(make_transport: MakeTransport, tls: Tls) -> None:
    async with http1(tls.server("h2", "http/1.1")) as (url, _):
        response = await make_transport(http2=False).handle_async_request(request(url))
        assert await response.aread() == b"ok"
        assert response.extensions["http_version"] == b"HTTP/1.1"


async def test_an_unknown_ca_is_named_and_nothing_is_sent(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(ssl_context=ssl.create_default_context())
    async with peer(tls.server("h2")) as upstream:
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
            await transport.handle_async_request(request(upstream.url))
        assert upstream.calls == []


async def test_a_certificate_for_another_name_is_refused(
    make_transport: MakeTransport, tmp_path: Path
) -> None:
    other = self_signed(tmp_path, "other.invalid")
    transport = make_transport(ssl_context=other.client())
    async with peer(other.server("h2")) as upstream:
        with pytest.raises(httpx.ConnectError, match="Hostname mismatch"):
            await transport.handle_async_request(request(upstream.url))
        assert upstream.calls == []


async def test_a_closed_port_and_an_unknown_name_are_connect_errors(transport: Transport) -> None:
    for url in ("https://localhost:1", "https://nowhere.invalid"):
        with pytest.raises(httpx.ConnectError):
            await transport.handle_async_request(request(url))


async def test_a_crash_while_connecting_reaches_everyone_who_waits(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(*_: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("app.network.connect._direct", crash)
    results = await asyncio.gather(
        *(transport.handle_async_request(request("https://localhost:1")) for _ in range(5)),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [httpx.ConnectError] * 5
    assert len({id(result) for result in results}) == 5
    assert transport.stats.waiting == 0


async def test_a_proxy_is_asked_with_its_credentials(
    make_transport: MakeTransport, tls: Tls
) -> None:
    async with (
        peer(tls.server("h2")) as upstream,
        forward_proxy(b"HTTP/1.1 200 Connection established\r\n\r\n") as (port, received),
    ):
        transport = make_transport(proxies=via(f"http://user:fake%20word@localhost:{port}"))
        secret = [(b"x-api-key", b"fake")]
        response = await transport.handle_async_request(request(upstream.url, headers=secret))
        assert await response.aread() == b"ok"
        assert response.extensions["http_version"] == b"HTTP/2"
        authority = upstream.url.removeprefix("https://").encode()
        credentials = base64.b64encode(b"user:fake word")
        assert received == [
            b"CONNECT %b HTTP/1.1\r\nHost: %b\r\n" % (authority, authority)
            + b"Proxy-Authorization: Basic %b\r\n\r\n" % credentials
        ]
        await transport.aclose()


async def test_a_proxy_that_refuses_is_quoted(make_transport: MakeTransport) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    async with forward_proxy(refusal) as (port, _):
        transport = make_transport(proxies=via(f"localhost:{port}"))
        with pytest.raises(httpx.ProxyError, match="407 Proxy Authentication Required"):
            await transport.handle_async_request(request("https://localhost:1"))


async def test_an_http1_origin_is_reached_through_the_proxy_too(
    make_transport: MakeTransport, tls: Tls
) -> None:
    async with (
        http1(tls.server("http/1.1")) as (url, _),
        forward_proxy(b"HTTP/1.1 200 OK\r\n\r\n") as (port, received),
    ):
        transport = make_transport(proxies=via(f"http://localhost:{port}"))
        response = await transport.handle_async_request(request(url))
        assert await response.aread() == b"ok"
        assert len(received) == 2  # to learn what it speaks, then to speak it
        await transport.aclose()


@pytest.mark.parametrize(
    ("variables", "proxied"),
    [
        ({}, None),
        ({"https": "http://proxy.example:3128"}, "http://proxy.example:3128"),
        ({"all": "proxy.example"}, "http://proxy.example"),
        ({"http": "http://proxy.example"}, None),
        ({"https": "http://proxy.example", "no": "other.example,.api.example"}, None),
        ({"https": "http://proxy.example", "no": "api.example:443"}, None),
        ({"https": "http://proxy.example", "no": "*"}, None),
        ({"https": "http://proxy.example", "no": "pi.example"}, "http://proxy.example"),
    ],
)
def test_the_environment_says_which_proxy(variables: dict[str, str], proxied: str | None) -> None:
    proxy = ProxyEnvironment(variables).proxy_for(Origin("https", "api.example", 443))
    assert (None if proxy is None else str(proxy.url)) == proxied


@pytest.mark.parametrize(
    "url", ["socks5://proxy.example", "http://bad:port", "ftp://proxy.example"]
)
def test_a_proxy_that_can_not_be_used_says_so(url: str) -> None:
    with pytest.raises(httpx.ProxyError):
        via(url).proxy_for(Origin("https", "api.example", 443))


async def test_a_connect_that_is_cancelled_as_it_succeeds_leaves_other_sockets_alone(
    tls: Tls,
) -> None:
    """Its descriptor is not given to another socket while a transport still owns it."""
    loop = asyncio.get_running_loop()

    class Cancelling(asyncio.Protocol):
        draining = False

        def connection_made(self, _transport: asyncio.BaseTransport) -> None:
            connecting.cancel()

    async with http1(None) as (url, _), peer(tls.server("h2")) as upstream:
        origin = Origin.of(httpx.URL(upstream.url))
        way = connect(origin, None, tls.client(), Cancelling, resolve, spoken="h2")
        connecting = asyncio.create_task(way)
        with pytest.raises(asyncio.CancelledError):
            await connecting
        with socket.socket() as other:
            other.setblocking(False)
            await loop.sock_connect(other, ("127.0.0.1", httpx.URL(url).port))
            await loop.sock_sendall(other, b"GET / HTTP/1.1\r\n\r\n")
            assert await loop.sock_recv(other, 100)
