"""No client can lock out, hold up or confuse another (behaviour G1, E2)."""

import asyncio
import json
from contextlib import AsyncExitStack

import httpx
import pytest

from app.certificates import Certificate
from app.exchange import Outcome
from simulator import Simulator
from tests.cases import every_case
from tests.listener import h1client, h2client
from tests.proxying import DEADLINE, MESSAGE, Running, proxying, until

POST = b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{"
CONNECTIONS, STREAMS = 16, 126


async def _message(running: Running) -> int:
    async with running.client() as client:
        return (await client.post("/v1/messages", json=MESSAGE)).status_code


@pytest.mark.slow
async def test_unfinished_requests_of_one_client_keep_nobody_out(
    proxy: Running,
) -> None:
    async with AsyncExitStack() as opened:
        for _ in range(CONNECTIONS):
            client = await opened.enter_async_context(
                h2client.connected(proxy.at.port, proxy.trust())
            )
            for _ in range(STREAMS):
                client.request(b"POST", b"/v1/messages", end=False)
            await client.round_trip()
        for _ in range(5):
            assert await _message(proxy) == 200
    await until(lambda: proxy.application.admission.active == 0)


@pytest.mark.parametrize("http2", [True, False])
async def test_a_silent_body_is_refused(
    upstream: Simulator, certificate: Certificate, http2: bool
) -> None:
    async with proxying(upstream.url, certificate, body_timeout=0.2) as running:
        if http2:
            async with h2client.connected(running.at.port, running.trust()) as client:
                stream = client.request(b"POST", b"/v1/messages", end=False)
                answer = await client.answer(stream)
                status, body = answer.status, bytes(answer.body)
                reason = answer.header(b"x-anthropic-proxy-error")
                assert reason == b"body_timeout"
        else:
            async with h1client.connected(running.at.port, running.trust()) as wire:
                wire.writer.write(POST)
                read = await wire.answer()
                status, body = read.status, bytes(read.body)
        assert status == 408
        assert json.loads(body)["error"]["type"] == "timeout_error"
        assert (await running.ended()).outcome is Outcome.CLIENT_ERROR
        assert await _message(running) == 200


@pytest.mark.parametrize("http2", [True, False])
async def test_a_client_that_takes_nothing_is_cut(
    upstream: Simulator, certificate: Certificate, http2: bool
) -> None:
    async with proxying(upstream.url, certificate, write_idle=0.3) as running:
        target = b"/_simulator/echo"
        body = b"y" * (16 * 2**20)
        if http2:
            async with h2client.connected(
                running.at.port, running.trust(), credits_=False
            ) as client:
                stream = client.request(b"POST", target, end=False)
                await client.upload(stream, body)
                assert (await client.answer(stream)).reset_code is not None
                ended = await running.ended()
        else:
            async with h1client.connected(running.at.port, running.trust()) as wire:
                wire.writer.write(
                    b"POST %b HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n"
                    % (target, len(body))
                )
                wire.writer.write(body)
                await wire.writer.drain()
                ended = await running.ended()
        assert ended.outcome is Outcome.CLIENT_ABORT


async def test_http_on_the_https_port_is_told_so(proxy: Running) -> None:
    url = f"http://127.0.0.1:{proxy.at.port}"
    async with httpx.AsyncClient() as client:
        for send in (client.get(url), client.post(url + "/v1/messages", content=b"x" * 300_000)):
            answer = await send
            assert answer.status_code == 400
            assert answer.headers["x-anthropic-proxy-error"] == "plain_http"
            assert "https://" in answer.json()["error"]["message"]


async def test_an_api_request_on_the_pages_port_is_sent_to_the_right_one(proxy: Running) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.post(proxy.pages_url + "/v1/messages", json=MESSAGE)
    assert answer.status_code == 421
    assert f"https://127.0.0.1:{proxy.at.port}" in answer.json()["error"]["message"]


async def test_a_client_whose_egress_proxy_are_the_pages_is_told_so(proxy: Running) -> None:
    port = httpx.URL(proxy.pages_url).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    target = b"api.anthropic.com:443"
    writer.write(b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n\r\n" % (target, target))
    async with asyncio.timeout(DEADLINE):
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.readuntil(b"}}")
    writer.close()
    assert head.startswith(b"HTTP/1.1 421 ")
    assert b"HTTPS_PROXY name the port of ANTHROPIC_PROXY_FORWARD_PORT" in body


async def test_a_body_may_wait_for_a_100_over_http2(proxy: Running) -> None:
    async with h2client.connected(proxy.at.port, proxy.trust()) as client:
        fields = [(b"expect", b"100-continue"), (b"content-type", b"application/json")]
        stream = client.request(b"POST", b"/v1/messages", fields, end=False)
        await client.until(lambda: client.informed > 0)
        await client.upload(stream, json.dumps(MESSAGE).encode())
        assert (await client.answer(stream)).status == 200


async def test_a_body_may_wait_for_a_100_over_http1(proxy: Running) -> None:
    body = json.dumps(MESSAGE).encode()
    head = b"host: a\r\nexpect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(body)
    async with h1client.connected(proxy.at.port, proxy.trust()) as wire:
        for _ in range(2):
            wire.send(b"POST /v1/messages HTTP/1.1\r\n" + head)
            assert (await wire.answer(bodiless=True)).status == 100
            wire.send(body)
            assert (await wire.answer()).status == 200


HEAD_REFUSED = {  # method, target, length, and the status, which the head alone decides
    "method": (b"TRACE", b"/v1/messages", 5, 405),
    "access token": (b"POST", b"/v1/messages", 5, 401),
    "length": (b"POST", b"/v1/messages", 2_000, 413),
    "target": (b"POST", b"/v1/messages#part", 5, 400),
}


@pytest.mark.parametrize("refused", HEAD_REFUSED)
@pytest.mark.parametrize("draining", [False, True])
async def test_no_100_comes_before_a_refusal_that_the_head_decides(
    upstream: Simulator, certificate: Certificate, refused: str, draining: bool
) -> None:
    method, target, length, status = HEAD_REFUSED[refused]
    fields = [(b"expect", b"100-continue"), (b"content-length", b"%d" % length)]
    if refused != "access token":
        fields.append((b"x-anthropic-proxy-token", b"token"))
    async with proxying(
        upstream.url, certificate, max_body_size=1_000, access_token="token"
    ) as proxy:
        if draining:
            proxy.application.admission.refuse()
            status = 503
        async with h1client.connected(proxy.at.port, proxy.trust()) as wire:
            lines = b"".join(b"%b: %b\r\n" % field for field in [(b"host", b"a"), *fields])
            wire.send(b"%b %b HTTP/1.1\r\n%b\r\n" % (method, target, lines))
            answer = await wire.answer()
            assert (answer.status, answer.headers["connection"]) == (status, "close")
        async with h2client.connected(proxy.at.port, proxy.trust()) as client:
            stream = client.request(method, target, fields, end=False)
            assert (await client.answer(stream)).status == status
            assert client.informed == 0


@pytest.mark.parametrize("before", [b"\r\n", b"\r\n\r\n\r\n"])
async def test_empty_lines_in_front_of_a_request_are_ignored(proxy: Running, before: bytes) -> None:
    request = b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"
    async with h1client.connected(proxy.at.port, proxy.trust()) as wire:
        wire.writer.write(before + request + before + request)
        assert [(await wire.answer()).status for _ in range(2)] == [200, 200]


@every_case(
    "host", ["", "a b", "user@localhost", "a/b", "a?b", "a#b", "a:b", "[::1", "a\\b", "http://a"]
)
async def test_an_odd_host_is_refused(proxy: Running, host: str) -> None:
    async with h1client.connected(proxy.at.port, proxy.trust()) as wire:
        wire.writer.write(b"GET / HTTP/1.1\r\nhost: %b\r\n\r\n" % host.encode())
        assert (await wire.answer()).status == 400
    async with h2client.connected(proxy.at.port, proxy.trust()) as client:
        stream = client.begin(
            [
                (b":method", b"GET"),
                (b":scheme", b"https"),
                (b":authority", host.encode()),
                (b":path", b"/"),
            ]
        )
        assert (await client.answer(stream)).status == 400
    assert not proxy.exchanges


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8443", "[::1]:1", "a.example", "xn--a:"])
async def test_an_ordinary_host_is_served(proxy: Running, host: str) -> None:
    async with h1client.connected(proxy.at.port, proxy.trust()) as wire:
        wire.writer.write(b"GET /v1/models HTTP/1.1\r\nhost: %b\r\n\r\n" % host.encode())
        assert (await wire.answer()).status == 200
