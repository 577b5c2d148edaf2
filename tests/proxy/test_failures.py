"""Behaviour C5: the proxy's own answers say whose fault it was, and what to do."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx
import pytest
from hyperframe.frame import DataFrame

from app import certificates
from app.certificates import Certificate
from app.exchange import Outcome
from app.http2 import Transport
from app.tls import tls_context
from simulator import Simulator, Step
from simulator.step import Fault
from tests.http2.peer import Call, peer
from tests.proxying import MESSAGE, Running, proxying, until

pytestmark = pytest.mark.simulated_clock


def _told(answer: httpx.Response) -> Mapping[str, object]:
    """Check an answer of the proxy's own; return what tells it apart."""
    document = answer.json()
    assert document["type"] == "error"
    assert document["error"]["message"]
    return {
        "status": answer.status_code,
        "type": document["error"]["type"],
        "reason": answer.headers["x-anthropic-proxy-error"],
    }


async def test_an_upstream_that_refuses_connections(certificate: Certificate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with (
        proxying(f"https://127.0.0.1:{port}", certificate) as proxy,
        proxy.client() as client,
    ):
        answer = await client.post("/v1/messages", json=MESSAGE)
    assert _told(answer) == {"status": 502, "type": "api_error", "reason": "connect_failed"}
    assert f"https://127.0.0.1:{port}" in answer.text
    assert proxy.exchanges[0].outcome is Outcome.UPSTREAM_ERROR


async def test_an_upstream_whose_name_does_not_resolve(certificate: Certificate) -> None:
    async with (
        proxying("https://upstream.invalid", certificate) as proxy,
        proxy.client() as client,
    ):
        answer = await client.post("/v1/messages", json=MESSAGE)
    assert _told(answer) == {"status": 502, "type": "api_error", "reason": "connect_failed"}


async def test_an_upstream_with_an_unknown_certificate_never_sees_the_key(
    upstream: Simulator, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = certificates.ensure(tmp_path_factory.mktemp("other"), ("localhost",))
    async with (
        proxying(upstream.url, certificate, upstream_ca_file=other.ca_file) as proxy,
        proxy.client() as client,
    ):
        answer = await client.post(
            "/v1/messages", json=MESSAGE, headers={"x-api-key": "fake-secret-key"}
        )
    assert _told(answer) == {"status": 502, "type": "api_error", "reason": "tls_failed"}
    assert "ANTHROPIC_PROXY_UPSTREAM_CA_FILE" in answer.text
    assert upstream.received == []


async def test_an_upstream_that_does_not_finish_connecting(certificate: Certificate) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        async with (
            proxying(
                f"https://127.0.0.1:{port}", certificate, upstream_connect_timeout=0.3
            ) as proxy,
            proxy.client() as client,
        ):
            answer = await client.post("/v1/messages", json=MESSAGE)
    assert _told(answer) == {
        "status": 504,
        "type": "timeout_error",
        "reason": "connect_timeout",
    }


async def test_an_upstream_that_never_answers(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(fault="silent"))
    async with (
        proxying(upstream.url, certificate, upstream_read_timeout=0.3) as proxy,
        proxy.client() as client,
    ):
        answer = await client.post("/v1/messages", json=MESSAGE)
    assert _told(answer) == {"status": 504, "type": "timeout_error", "reason": "read_timeout"}
    assert proxy.exchanges[0].outcome is Outcome.UPSTREAM_TIMEOUT


@pytest.mark.parametrize("fault", ["reset_before_headers", "close_before_headers"])
async def test_an_upstream_that_goes_away(
    proxy: Running, upstream: Simulator, fault: Fault
) -> None:
    upstream.script(Step(fault=fault))
    async with proxy.client() as client:
        answer = await client.post("/v1/messages", json=MESSAGE)
    assert _told(answer) == {"status": 502, "type": "api_error", "reason": "connection_lost"}


async def test_no_upstream_slot_in_time(certificate: Certificate, upstream: Simulator) -> None:
    upstream.script(Step(fault="silent"))
    settings: dict[str, Any] = {
        "upstream_max_streams_per_connection": 1,
        "upstream_max_connections": 1,
        "upstream_pool_timeout": 0.2,
    }
    async with (
        proxying(upstream.url, certificate, **settings) as proxy,
        proxy.client() as client,
    ):
        first = asyncio.create_task(client.post("/v1/messages", json=MESSAGE))
        await until(lambda: bool(upstream.received))
        answer = await client.post("/v1/messages", json=MESSAGE)
        assert answer.headers["retry-after"] == "1"
        assert _told(answer) == {
            "status": 529,
            "type": "overloaded_error",
            "reason": "pool_timeout",
        }
        await proxy.ended()
        first.cancel()
    assert proxy.exchanges[0].outcome is Outcome.PROXY_TIMEOUT


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("announced", [False, True])
async def test_a_body_over_the_cap(
    upstream: Simulator, certificate: Certificate, *, announced: bool, http2: bool
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100_000

    content: bytes | AsyncIterator[bytes] = b"x" * 2_000_000 if announced else chunks()
    async with (
        proxying(upstream.url, certificate, max_body_size=1_000_000) as proxy,
        proxy.client(http2=http2) as client,
    ):
        answer = await client.post("/v1/messages", content=content)
        assert _told(answer) == {
            "status": 413,
            "type": "request_too_large",
            "reason": "body_too_large",
        }
        again = await client.post("/v1/messages", json=MESSAGE)
    assert again.status_code == 200
    assert proxy.exchanges[0].outcome is Outcome.CLIENT_ERROR


@pytest.mark.parametrize("target", [b"/v1/messages#part", b"https://other.invalid/v1", b"*"])
async def test_a_target_that_is_no_path(proxy: Running, upstream: Simulator, target: bytes) -> None:
    async with proxy.client() as client:
        request = client.build_request("OPTIONS", "/")
        request.extensions["target"] = target
        answer = await client.send(request)
    assert _told(answer)["status"] == 400
    assert upstream.received == []


@pytest.mark.parametrize("method", ["TRACE", "CONNECT"])
async def test_methods_that_are_never_forwarded(
    proxy: Running, upstream: Simulator, method: str
) -> None:
    async with proxy.client() as client:
        answer = await client.request(method, "/v1/messages")
    assert _told(answer)["status"] == 405
    assert "POST" in answer.headers["allow"]
    assert upstream.received == []


async def test_the_access_token_is_asked_for_and_stripped(
    upstream: Simulator, certificate: Certificate
) -> None:
    async with (
        proxying(upstream.url, certificate, access_token="fake-token") as proxy,
        proxy.client() as client,
    ):
        for sent in ({}, {"x-anthropic-proxy-token": "wrong"}):
            answer = await client.post("/v1/messages", json=MESSAGE, headers=sent)
            assert _told(answer)["status"] == 401
        assert upstream.received == []
        answer = await client.post(
            "/v1/messages", json=MESSAGE, headers={"x-anthropic-proxy-token": "fake-token"}
        )
    assert answer.status_code == 200
    assert upstream.received[0].header(b"x-anthropic-proxy-token") is None


async def test_too_many_requests_at_once_are_refused(
    upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(fault="silent"))
    async with (
        proxying(upstream.url, certificate, max_active_requests=1) as proxy,
        proxy.client() as client,
    ):
        first = asyncio.create_task(client.post("/v1/messages", json=MESSAGE))
        await until(lambda: bool(upstream.received))
        answer = await client.post("/v1/messages", json=MESSAGE)
        await proxy.ended()
        first.cancel()
    assert _told(answer)["reason"] == "too_many_requests"
    assert proxy.exchanges[0].outcome is Outcome.PROXY_REJECTED


async def test_a_defect_of_the_proxy_is_reported_as_one(
    upstream: Simulator, certificate: Certificate
) -> None:
    class Broken(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            raise ZeroDivisionError(str(request.method))

    async with (
        proxying(upstream.url, certificate, transport=Broken()) as proxy,
        proxy.client() as client,
    ):
        answer = await client.post("/v1/messages", json=MESSAGE)
    assert _told(answer) == {"status": 500, "type": "api_error", "reason": "internal_error"}
    assert proxy.exchanges[0].outcome is Outcome.PROXY_ERROR


async def test_an_upstream_whose_framing_is_ambiguous(certificate: Certificate) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"
            b"5\r\nhello\r\n0\r\n\r\n"
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with (
        server,
        proxying(f"http://127.0.0.1:{port}", certificate) as proxy,
        proxy.client() as client,
    ):
        told = await client.get("/v1/models")
    assert _told(told) == {"status": 502, "type": "api_error", "reason": "malformed_response"}


def _no_status(call: Call) -> None:
    call.wire.head(call.id, [(b"x", b"1")], end=True)


def _header_of_a_connection(call: Call) -> None:
    call.head(fields=[(b"transfer-encoding", b"chunked")])


def _body_alone(call: Call) -> None:
    call.wire.send(DataFrame(call.id, b"hello"))


@pytest.mark.parametrize("malformed", [_no_status, _header_of_a_connection, _body_alone])
async def test_an_upstream_whose_response_is_malformed_in_http2(
    certificate: Certificate, malformed: Callable[[Call], None]
) -> None:
    async def answer(call: Call) -> None:
        malformed(call)

    async with (
        peer(tls_context(certificate, None), answer) as upstream,
        proxying(upstream.url, certificate) as proxy,
        proxy.client() as client,
    ):
        told = await client.get("/v1/models")
    assert _told(told) == {"status": 502, "type": "api_error", "reason": "malformed_response"}


async def test_a_header_that_cannot_be_sent_on_is_not_quoted(certificate: Certificate) -> None:
    async with (
        Simulator(http2=False) as upstream,
        proxying(upstream.url, certificate) as proxy,
        proxy.client(transport=Transport(ssl_context=proxy.trust())) as client,
    ):
        told = await client.get("/v1/models", headers={"x-api-key": "canary\x01key"})
    assert _told(told)["status"] == 400
    assert "canary" not in told.text


async def test_upstream_streams_are_limited_over_http1_too(
    certificate: Certificate,
) -> None:
    settings: dict[str, Any] = {
        "upstream_max_connections": 1,
        "upstream_max_streams_per_connection": 2,
        "upstream_pool_timeout": 0.2,
    }
    async with (
        Simulator(http2=False) as upstream,
        proxying(upstream.url, certificate, **settings) as proxy,
        proxy.client() as client,
    ):
        upstream.script(Step(fault="silent", times=6))
        asked = [asyncio.create_task(client.post("/v1/messages", json=MESSAGE)) for _ in range(6)]
        await until(lambda: sum(one.done() for one in asked) == 4)
        assert [one.result().status_code for one in asked if one.done()] == [529] * 4
        assert len(upstream.received) == 2
        for one in asked:
            one.cancel()


async def test_a_bad_content_length_over_http2_leaves_its_siblings_alone(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(delay=0.5))
    transport = Transport(ssl_context=proxy.trust())
    async with proxy.client(transport=transport) as client:
        sibling = asyncio.create_task(client.post("/v1/messages", json=MESSAGE))
        await until(lambda: bool(upstream.received))
        with pytest.raises(httpx.RemoteProtocolError):
            await client.post("/v1/messages", content=b"{}", headers={"content-length": "+2"})
        assert (await sibling).status_code == 200
