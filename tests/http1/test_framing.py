"""Where a response ends, and responses that leave it open (RFC 9112 §6, §7)."""

import asyncio
import socket
from itertools import pairwise
from typing import Any

import httpx
import pytest
import uvloop

from app.http1.session import End, Head, Interim, Session
from app.http2 import ProxyEnvironment, Transport
from app.network.errors import Lost, MalformedResponse
from app.network.reception import INTERIMS
from tests.http1.peer import OK, Wire, peer
from tests.http2.outgoing import request
from tests.http2.tls import Tls

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"
MALFORMED = {
    "length and chunks": CHUNKED[:-2] + b"Content-Length: 2\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
    "two lengths in one field": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nabc",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "chunked twice": CHUNKED[:-2] + b"Transfer-Encoding: chunked\r\n\r\n",
    "a chunk without a size": CHUNKED + b"zz\r\n",
    "a negative chunk": CHUNKED + b"-1\r\n",
    "a chunk longer than said": CHUNKED + b"2\r\nabc\r\n0\r\n\r\n",
    "no status line": b"hello\r\n\r\n",
    "a protocol that was not asked for": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "a blank before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "a NUL": b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
    "endless interim responses": INTERIM * (INTERIMS // 2) + INTERIM + OK,
    "an endless head": b"HTTP/1.1 200 OK\r\nX: " + b"x" * (1024 * 1024 + 1),
}
WHOLE = {
    "a length": (b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody", True),
    "a length twice": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\ncontent-length: 4\r\n\r\nbody",
        True,
    ),
    "chunks": (CHUNKED + b"1\r\nb\r\n3;name=value\r\nody\r\n0\r\n\r\n", True),
    "trailers": (CHUNKED + b"4\r\nbody\r\n0\r\nX-Trailer: 1\r\n\r\n", True),
    "interim responses": (
        INTERIM + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody",
        True,
    ),
    "a close": (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbody", False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 4\r\n\r\nbody", False),
    "a large head": (
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\nContent-Length: 4\r\n\r\nbody",
        True,
    ),
}

# What came of a body before the end of the connection, and whether TLS ended it.
CUT_TLS = {
    "in order": (b"all of it", True),
    "in order behind much": (b"x" * 2**20, True),
    "cut": (b"some of it", False),
    "cut behind nothing": (b"", False),
    "cut behind much": (b"x" * 2**20, False),
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_a_malformed_response_fails_and_its_connection_is_closed(
    transport: Transport, name: str
) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(OK if b"/good" in wire.heads[-1] else MALFORMED[name])

    async with peer(answer) as upstream:
        good = await transport.handle_async_request(request(upstream.url, b"/good"))
        await good.aread()
        with pytest.raises(MalformedResponse):
            await (await transport.handle_async_request(request(upstream.url, b"/bad"))).aread()
        await asyncio.wait_for(upstream.wires[0].ended.wait(), 60)
        good = await transport.handle_async_request(request(upstream.url, b"/good"))
        assert await good.aread() == b"ok"


@pytest.mark.parametrize("name", WHOLE)
async def test_a_response_ends_where_it_says(transport: Transport, name: str) -> None:
    data, reusable = WHOLE[name]

    async def answer(wire: Wire) -> None:
        await wire.send(data)

    async with peer(answer) as upstream:
        for _ in range(2):
            response = await transport.handle_async_request(request(upstream.url))
            assert (response.status_code, await response.aread()) == (200, b"body")
        assert len(upstream.wires) == (1 if reusable else 2)


@pytest.mark.parametrize(
    "cut", [OK[:9], OK[:-1], CHUNKED, CHUNKED + b"4\r\nbod", CHUNKED + b"0\r\n"]
)
async def test_a_response_that_is_cut_fails(transport: Transport, cut: bytes) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(cut)
        wire.writer.close()

    async with peer(answer) as upstream:
        with pytest.raises(Lost):
            await (await transport.handle_async_request(request(upstream.url))).aread()


async def test_a_body_without_a_length_ends_with_the_connection(transport: Transport) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        wire.writer.close()

    async with peer(answer) as upstream:
        response = await transport.handle_async_request(request(upstream.url))
        assert await response.aread() == b"all of it"


def end_below_tls(writer: asyncio.StreamWriter) -> None:
    """End TCP without close_notify."""
    descriptor = writer.get_extra_info("socket").fileno()
    with socket.fromfd(descriptor, socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("name", CUT_TLS)
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_body_without_a_length_is_cut_unless_tls_ends_in_order(
    tls: Tls, loop: Any, name: str
) -> None:
    body, in_order = CUT_TLS[name]

    async def answer(wire: Wire) -> None:
        await wire.send(b"HTTP/1.1 200 OK\r\n\r\n" + body)
        if not in_order:
            end_below_tls(wire.writer)
            await wire.reader.read()
        wire.writer.close()

    async def main() -> None:
        transport = Transport(ssl_context=tls.client(), proxies=ProxyEnvironment({}), http2=False)
        async with peer(answer, tls.server("http/1.1")) as upstream:
            response = await transport.handle_async_request(request(upstream.url))
            if in_order:
                assert await response.aread() == body
            else:
                with pytest.raises(httpx.TransportError):
                    await response.aread()
            await transport.aclose()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


@pytest.mark.parametrize("name", WHOLE)
def test_a_response_reads_the_same_however_it_is_cut_into_segments(name: str) -> None:
    data, _ = WHOLE[name]
    data = data.replace(b"x" * 200_000, b"x")
    for cut in range(1, len(data)):
        session = Session()
        session.begin(b"POST")
        events = [e for a, b in pairwise((0, cut, len(data))) for e in session.receive(data[a:b])]
        body = b"".join(bytes(e) for e in events if isinstance(e, bytes | bytearray))
        rest = [type(e) for e in events if not isinstance(e, bytes | bytearray | Interim)]
        assert (body, rest) == (b"body", [Head, End])


async def test_field_names_and_values_come_as_they_are(transport: Transport) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(
            b"HTTP/1.1 200 OK\r\nX-Two: a\r\nx-TWO: \xc3\xa9\r\nContent-Length: 0\r\n\r\n"
        )

    async with peer(answer) as upstream:
        response = await transport.handle_async_request(request(upstream.url))
        assert response.headers.raw[:2] == [(b"X-Two", b"a"), (b"x-TWO", b"\xc3\xa9")]


async def test_a_malformed_responses_bytes_are_not_quoted_by_default(transport: Transport) -> None:
    async def answer(wire: Wire) -> None:
        await wire.send(b"canary\r\n\r\n")

    async with peer(answer) as upstream:
        with pytest.raises(httpx.RemoteProtocolError) as raised:
            await transport.handle_async_request(request(upstream.url))
    assert "canary" not in str(raised.value)
