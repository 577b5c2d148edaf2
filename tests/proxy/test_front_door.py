"""No client can lock out, hold up or confuse another (behaviour G1, E2)."""

import json
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from app.certificates import Certificate
from app.exchange import Outcome
from simulator import Simulator
from tests.cases import every_case
from tests.listener import h1client, h2client
from tests.proxying import MESSAGE, Running, proxying, until

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


async def test_a_body_may_wait_for_a_100_over_http2(proxy: Running) -> None:
    informed: list[Any] = []
    async with h2client.connected(proxy.at.port, proxy.trust()) as client:
        taking = client._take

        def take(event: Any) -> None:
            informed.append(type(event).__name__)
            taking(event)

        client._take = take  # type: ignore[method-assign]
        fields = [(b"expect", b"100-continue"), (b"content-type", b"application/json")]
        stream = client.request(b"POST", b"/v1/messages", fields, end=False)
        await client.until(lambda: "InformationalResponseReceived" in informed)
        await client.upload(stream, json.dumps(MESSAGE).encode())
        assert (await client.answer(stream)).status == 200


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
