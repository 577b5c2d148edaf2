"""Heads of HTTP/2 requests (behaviour E4): what is refused leaves its siblings alone."""

import asyncio
import json
from typing import Any

import pytest
from h2.errors import ErrorCodes

from app.certificates import Certificate
from tests.listener.h2client import Fields, connected
from tests.listener.serving import BROKEN, Receive, Send, Started, answer, echo, listening, stock

PATH = "/v1/ä/%2f?ü".encode()
HEAD: Fields = [
    (b":method", b"POST"),
    (b":scheme", b"https"),
    (b":authority", b"localhost"),
    (b":path", b"/"),
]


async def _path_of(scope: Any, _: Receive, send: Send) -> None:
    await answer(send, scope["raw_path"] + b"?" + scope["query_string"])


async def test_a_path_that_is_not_ascii_reaches_the_application(certificate: Certificate) -> None:
    async with (
        listening(_path_of, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        assert (await client.answer(client.request(path=PATH))).body == PATH


async def test_canary_stock_loses_the_connection_to_a_path_that_is_not_ascii(
    certificate: Certificate,
) -> None:
    async with (
        stock(_path_of, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        with pytest.raises((TimeoutError, AssertionError)):
            await asyncio.wait_for(client.answer(client.request(path=PATH)), BROKEN)


def _long_list(size: int) -> Fields:
    return [(b"x-%d" % n, b"v" * 1000) for n in range(size // 1000)]


async def test_a_header_list_that_is_too_long_is_refused_and_its_siblings_go_on(
    certificate: Certificate,
) -> None:
    async with (
        listening(echo, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        sibling = client.request(b"POST", end=False)
        assert (await client.answer(client.request(fields=_long_list(90_000)))).status == 200
        refused = await client.answer(client.request(fields=_long_list(300_000)))
        assert (refused.status, refused.ended) == (431, True)
        assert refused.header(b"x-anthropic-proxy-error") == b"malformed_request"
        await client.upload(sibling, b"fine")
        assert (await client.answer(sibling)).body == b"fine"


async def test_canary_stock_loses_the_connection_to_90_kb_of_headers(
    certificate: Certificate,
) -> None:
    async with (
        stock(echo, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        with pytest.raises((TimeoutError, AssertionError)):
            await asyncio.wait_for(client.answer(client.request(fields=_long_list(90_000))), BROKEN)


MALFORMED: dict[str, Fields] = {
    "upper case": [*HEAD, (b"X-Upper", b"1")],
    "no name": [*HEAD, (b"", b"1")],
    "blank in a name": [*HEAD, (b"x y", b"1")],
    "CR": [*HEAD, (b"x-odd", b"a\rb")],
    "LF": [*HEAD, (b"x-odd", b"a\nb: c")],
    "NUL": [*HEAD, (b"x-odd", b"a\0b")],
    "blanks around a value": [*HEAD, (b"x-odd", b" a")],
    "connection": [*HEAD, (b"connection", b"close")],
    "transfer-encoding": [*HEAD, (b"transfer-encoding", b"chunked")],
    "upgrade": [*HEAD, (b"upgrade", b"websocket")],
    "te": [*HEAD, (b"te", b"gzip")],
    "another host": [*HEAD, (b"host", b"other.invalid")],
    "no method": HEAD[1:],
    "odd method": [(b":method", "GÉT".encode()), *HEAD[1:]],
    "no path": HEAD[:3],
    "empty path": [*HEAD[:3], (b":path", b"")],
    "no authority": [*HEAD[:2], *HEAD[3:]],
    "a pseudo-field twice": [*HEAD, (b":path", b"/other")],
    "a late pseudo-field": [*HEAD[:3], (b"x-a", b"1"), HEAD[3]],
    "an unknown pseudo-field": [*HEAD, (b":odd", b"1")],
    "a body that does not come": [*HEAD, (b"content-length", b"5")],
}


@pytest.mark.parametrize("fields", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_malformed_request_is_refused_and_its_siblings_go_on(
    certificate: Certificate, fields: Fields
) -> None:
    started = Started()
    async with (
        listening(started, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        refused = await client.answer(client.begin(fields))
        assert (refused.status, refused.ended) == (400, True)
        assert json.loads(refused.body)["error"]["type"] == "invalid_request_error"
        assert refused.header(b"x-anthropic-proxy-error") == b"malformed_request"
        assert (await client.answer(client.request(path=b"/other"))).body == b"ok"
    assert started.requests == 0


@pytest.mark.parametrize("length", [b"3", b"5"])
@pytest.mark.parametrize("trailers", [False, True])
async def test_a_body_that_belies_its_length_is_reset_and_its_siblings_go_on(
    certificate: Certificate, length: bytes, *, trailers: bool
) -> None:
    async with (
        listening(echo, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        stream_id = client.request(b"POST", fields=[(b"content-length", length)], end=False)
        await client.upload(stream_id, b"four", end=not trailers)
        if trailers:
            client.h2.send_headers(stream_id, [(b"x-trailer", b"1")], end_stream=True)
            client.flush()
        belied = await client.answer(stream_id)
        assert (belied.status, belied.reset_code) == (None, ErrorCodes.PROTOCOL_ERROR)
        assert (await client.answer(client.request())).ended


async def test_connect_is_an_ordinary_request_for_the_application(
    certificate: Certificate,
) -> None:
    async def application(scope: Any, _: Receive, send: Send) -> None:
        await answer(send, f"{scope['type']} {scope['method']}".encode())

    async with (
        listening(application, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        connect = client.begin([(b":method", b"CONNECT"), (b":authority", b"other.invalid:443")])
        assert (await client.answer(connect)).body == b"http CONNECT"
