"""Framing of HTTP/1.1 (behaviour E4): what can be read in two ways is refused, once, at once."""

import asyncio
from typing import Any

import pytest

from app.certificates import Certificate
from app.exchange import Outcome
from simulator import Simulator
from tests.cases import every_case
from tests.listener.h1client import connected
from tests.listener.serving import echo, listening, stock
from tests.proxying import Running

HEAD = b"POST /v1/messages HTTP/1.1\r\nHost: localhost\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"

AMBIGUOUS = {
    "CL and TE": HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "TE and CL": HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a list of lengths": HEAD + b"Content-Length: 5, 6\r\n\r\nhello",
    "a signed length": HEAD + b"Content-Length: +5\r\n\r\nhello",
    "a hexadecimal length": HEAD + b"Content-Length: 0x5\r\n\r\nhello",
    "bare LF": HEAD.replace(b"\r\n", b"\n") + b"\n",
    "bare LF in a field line": HEAD + b"X-A: 1\nX-B: 2\r\n\r\n",
    "bare LF after the head": HEAD + b"X-A: 1\r\n\n",
    "LF first": b"\n" + HEAD + b"\r\n",
    "bare CR": HEAD + b"X-A: 1\rX-B: 2\r\n\r\n",
    "NUL": HEAD + b"X-A: a\0b\r\n\r\n",
    "folded": HEAD + b"X-A: 1\r\n 2\r\n\r\n",
    "folded with a tab": HEAD + b"X-A: 1\r\n\t2\r\n\r\n",
    "blank before the colon": HEAD + b"Content-Length : 5\r\n\r\nhello",
    "no colon": HEAD + b"Content-Length\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": HEAD + b"Host: other.invalid\r\n\r\n",
    "chunked in HTTP/1.0": HEAD.replace(b"1.1", b"1.0")
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk's size that is none": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a chunk that is too long": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    "a chunk's line ends in LF": HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\nab\n0\n\n",
    "CR in a chunk's extension": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n2;a\rb\r\nab\r\n0\r\n\r\n",
    "NUL in the last chunk's": HEAD + b"Transfer-Encoding: chunked\r\n\r\n0;a\0b\r\n\r\n",
    "not HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/0.9": b"GET /\r\n\r\n",
    "a target with blanks": b"GET /a b HTTP/1.1\r\nHost: localhost\r\n\r\n",
}
OTHERWISE_REFUSED = {
    "unknown coding": (501, HEAD + b"Transfer-Encoding: cow\r\n\r\n"),
    "chunked twice": (501, HEAD + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    "two codings": (
        501,
        HEAD + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
    "HTTP/9.9": (505, b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n"),
    "HTTP/2 without ALPN": (505, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"),
    "a long head": (431, HEAD + b"X-A: " + b"a" * 200_000 + b"\r\n\r\n"),
    "an endless head": (431, HEAD + b"X-A: 1\r\n" * 30_000),
}
REFUSED = {name: (400, sent) for name, sent in AMBIGUOUS.items()} | OTHERWISE_REFUSED


@pytest.mark.parametrize("plain", [False, True], ids=["TLS", "plain"])
@every_case("status, sent", REFUSED)
async def test_a_request_that_is_ambiguous_is_refused_and_the_connection_closed(
    proxy: Running, upstream: Simulator, status: int, sent: bytes, *, plain: bool
) -> None:
    port = proxy.at.dashboard_port if plain else proxy.at.port
    async with connected(port, None if plain else proxy.trust()) as wire:
        wire.send(sent)
        if status != 431:
            wire.send(SMUGGLED)
        answer = await wire.answer()
        assert await wire.rest() == b""
    assert answer.status == status
    assert answer.headers["x-anthropic-proxy-error"] == "malformed_request"
    assert answer.headers["connection"] == "close"
    assert answer.document["type"] == "error"
    assert answer.document["error"]["type"] == "invalid_request_error"
    assert not [received for received in upstream.received if received.body_complete]
    assert b"/smuggled" not in {received.target for received in upstream.received}


async def test_the_answer_to_an_ambiguous_head_request_has_no_body(proxy: Running) -> None:
    async with connected(proxy.at.port, proxy.trust()) as wire:
        wire.send(b"HEAD" + AMBIGUOUS["CL and TE"].removeprefix(b"POST"))
        assert (await wire.answer(bodiless=True)).status == 400
        assert await wire.rest() == b""


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"Content-Length: 12\r\n\r\nbare\nlf\r\n\r\n\n",
        HEAD
        + b"Transfer-Encoding: chunked\r\n\r\n5\r\n\n\r\n\r\n\r\n7\r\n\n\n\n\n\n\n\n\r\n0\r\n\r\n",
    ],
    ids=["length", "chunks"],
)
async def test_a_body_may_hold_any_line_ends_wherever_the_network_cuts_it(
    certificate: Certificate, sent: bytes
) -> None:
    async with (
        listening(echo, certificate) as served,
        connected(served.port, served.trust()) as wire,
    ):
        for cut in range(1, len(sent), 3):
            wire.send(sent[:cut])
            await asyncio.sleep(0.001)
            wire.send(sent[cut:])
            assert len((await wire.answer()).body) == 12


async def test_empty_lines_may_precede_a_request_wherever_the_network_cuts_them(
    certificate: Certificate,
) -> None:
    request = b"\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nhi"
    async with (
        listening(echo, certificate) as served,
        connected(served.port, served.trust()) as wire,
    ):
        for cut in (1, 2, 3, 4):
            wire.send(request[:cut])
            await asyncio.sleep(0.001)
            wire.send(request[cut:])
            assert (await wire.answer()).body == b"hi"
        wire.send(b"\r")
        await asyncio.sleep(0.001)
        wire.send(request)
        assert (await wire.answer()).status == 400


GATEWAY_REFUSED = {
    "absolute-form": (
        b"GET https://api.anthropic.com/v1/models HTTP/1.1\r\n",
        400,
        "bad_target",
    ),
    "authority-form": (b"GET api.anthropic.com:443 HTTP/1.1\r\n", 400, "bad_target"),
    "a fragment": (b"GET /v1/models#a HTTP/1.1\r\n", 400, "bad_target"),
    "an asterisk": (b"OPTIONS * HTTP/1.1\r\n", 400, "bad_target"),
    "CONNECT": (b"CONNECT api.anthropic.com:443 HTTP/1.1\r\n", 405, "method_refused"),
    "TRACE": (b"TRACE /v1/models HTTP/1.1\r\n", 405, "method_refused"),
    "websocket": (
        (
            b"GET /v1/models HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nConnection: upgrade\r\n"
        ),
        400,
        "websocket_refused",
    ),
}


@every_case("sent, status, reason", GATEWAY_REFUSED)
async def test_what_is_not_for_a_gateway_is_refused(
    proxy: Running, upstream: Simulator, sent: bytes, status: int, reason: str
) -> None:
    before, ended = len(upstream.received), len(proxy.exchanges)
    async with connected(proxy.at.port, proxy.trust()) as wire:
        wire.send(sent + b"Host: localhost\r\n\r\n")
        answer = await wire.answer()
        assert (answer.status, answer.headers["x-anthropic-proxy-error"]) == (status, reason)
        assert answer.document["error"]["message"]
        wire.send(b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert (await wire.answer()).status == 200
    assert [received.target for received in upstream.received[before:]] == [b"/v1/models"]
    await proxy.ended(ended + 2)
    assert proxy.exchanges[ended].outcome is Outcome.CLIENT_ERROR


@pytest.mark.parametrize("plain", [False, True], ids=["TLS", "plain"])
async def test_an_upgrade_to_h2c_is_passed_over(proxy: Running, *, plain: bool) -> None:
    port = proxy.at.dashboard_port if plain else proxy.at.port
    async with connected(port, None if plain else proxy.trust()) as wire:
        wire.send(
            b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
        )
        answer = await wire.answer()
    assert (answer.status, answer.document) == (200, {"status": "ok"})


STOCK_ACCEPTS: dict[str, bytes] = {
    "CL and TE": AMBIGUOUS["CL and TE"],
    "bare LF": AMBIGUOUS["bare LF"],
    "folded": AMBIGUOUS["folded"],
    "chunked in HTTP/1.0": AMBIGUOUS["chunked in HTTP/1.0"],
    "CR in a chunk's extension": AMBIGUOUS["CR in a chunk's extension"],
    "HTTP/9.9": OTHERWISE_REFUSED["HTTP/9.9"][1],
}


@pytest.mark.parametrize("sent", STOCK_ACCEPTS.values(), ids=STOCK_ACCEPTS.keys())
async def test_canary_stock_accepts_what_is_ambiguous(
    certificate: Certificate, sent: bytes
) -> None:
    async with stock(echo, certificate) as served, connected(served.port, served.trust()) as wire:
        wire.send(sent)
        assert (await wire.answer()).status == 200


async def test_canary_stock_takes_an_empty_line_for_another_protocol(
    certificate: Certificate,
) -> None:
    async with (
        stock(echo, certificate) as served,
        connected(served.port, served.trust()) as wire,
    ):
        wire.send(b"\r")
        assert (await wire.answer(bodiless=True)).status == 400


async def test_canary_stock_upgrades_to_h2c_on_tls(certificate: Certificate) -> None:
    async with stock(echo, certificate) as served, connected(served.port, served.trust()) as wire:
        wire.send(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
            b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n"
        )
        assert (await wire.answer(bodiless=True)).status == 101


async def test_canary_stock_hands_websockets_to_the_application(certificate: Certificate) -> None:
    types = []

    async def application(scope: Any, receive: Any, send: Any) -> None:
        types.append(scope["type"])
        await receive()
        await send({"type": "websocket.close", "code": 1000})

    async with (
        stock(application, certificate) as served,
        connected(served.port, served.trust()) as wire,
    ):
        wire.send(GATEWAY_REFUSED["websocket"][0] + b"Host: localhost\r\n\r\n")
        assert (await wire.answer()).status == 403
    assert types == ["websocket"]
