"""Behaviour C4: a client that leaves ends its request upstream at once."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.certificates import Certificate
from app.exchange import Outcome
from app.http2 import Transport
from app.network.abort import abort
from simulator import Simulator, Step
from simulator.step import Fault
from tests.proxying import MESSAGE, STREAM, Running, proxying, simulated, tokens, until
from tests.thorough import scaled

ABORTED = scaled(300, 50)
PHASES = {
    "upload": Step(),
    "before headers": Step(fault="silent"),
    "mid-stream": Step(fault="stall"),
    "backoff": Step(status=529),
}


async def _leave(client: httpx.AsyncClient, upstream: Simulator, phase: str) -> None:
    """Begin a request, and leave once it has reached ``phase``."""

    async def slow_body() -> AsyncIterator[bytes]:
        yield b"x" * 300_000
        await asyncio.sleep(60)

    content = {"content": slow_body()} if phase == "upload" else {"json": STREAM}
    request = asyncio.create_task(client.post("/v1/messages", **content))
    started = len(upstream.received)
    await until(lambda: len(upstream.received) > started - 1 and bool(upstream.received))
    received = upstream.received[-1]
    if phase == "upload":
        await until(lambda: len(received.body) > 100_000)
    if phase == "mid-stream":
        await until(lambda: b"content_block_start" in received.sent)
    if phase == "backoff":
        await until(lambda: received.ended == "complete")
    await asyncio.sleep(0.05)
    request.cancel()
    await asyncio.gather(request, return_exceptions=True)


@pytest.mark.parametrize("http2", [False, True])
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("upstream_http2", [True, False])
async def test_a_client_that_leaves_ends_the_request_upstream(
    certificate: Certificate, phase: str, *, http2: bool, upstream_http2: bool
) -> None:
    settings: dict[str, Any] = {"retry_base_delay": 30.0, "retry_after_cap": 30.0}
    async with (
        simulated(certificate, http2=upstream_http2) as upstream,
        proxying(upstream.url, certificate, **settings) as proxy,
    ):
        upstream.script(PHASES[phase])
        # Not httpx's own HTTP/2: it does not reset what it gives up.
        transport = Transport(ssl_context=proxy.trust()) if http2 else None
        async with proxy.client(transport=transport) as client:
            await _leave(client, upstream, phase)
            exchange = await proxy.ended()
            assert exchange.outcome is Outcome.CLIENT_ABORT
            assert len(upstream.received) == 1
            received = upstream.received[0]
            if phase != "backoff":
                await until(lambda: received.ended is not None)
                assert received.ended == ("reset" if upstream_http2 else "closed")
                assert tokens(exchange.usage) == tokens(received.usage)
            answer = await client.post("/v1/messages", json=MESSAGE)
            assert answer.status_code == 200


async def test_after_many_aborted_requests_over_http1_the_next_works(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(fault="stall", times=ABORTED))
    async with proxy.client() as client:
        for aborted in range(0, ABORTED, 50):
            requests = [
                asyncio.create_task(client.post("/v1/messages", json=STREAM)) for _ in range(50)
            ]
            await until(lambda: len(upstream.received) == aborted + 50)  # noqa: B023 - waited for here
            for request in requests:
                request.cancel()
            await asyncio.gather(*requests, return_exceptions=True)
            await proxy.ended(aborted + 50)
        answer = await client.post("/v1/messages", json=MESSAGE)
    assert answer.status_code == 200


async def test_one_reset_stream_leaves_its_siblings_alone(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(fault="reset"), Step(deltas=("a",) * 5, gap=0.05, times=9))
    async with proxy.client() as client:
        answers = await asyncio.gather(
            *(client.post("/v1/messages", json=STREAM) for _ in range(10)),
            return_exceptions=True,
        )
    failed = [answer for answer in answers if isinstance(answer, Exception)]
    assert len(failed) == 1
    whole = [answer for answer in answers if isinstance(answer, httpx.Response)]
    assert all(answer.text.endswith('"message_stop"}\n\n') for answer in whole)


@pytest.mark.parametrize("http2", [False, True])
async def test_a_client_that_leaves_a_held_up_upload_is_noticed(
    proxy: Running, upstream: Simulator, *, http2: bool
) -> None:
    upstream.script(Step(read_body=False))
    async with _uploading(proxy, b"x" * 4_000_000, http2=http2) as leave:
        await upstream.wait_for(lambda s: bool(s.received) and len(s.received[0].body) > 0)
        await leave()
        exchange = await proxy.ended()
    assert exchange.outcome is Outcome.CLIENT_ABORT
    await until(lambda: upstream.received[0].ended == "reset")


@asynccontextmanager
async def _uploading(
    proxy: Running, body: bytes, *, http2: bool
) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Begin an upload; yield what ends it in the middle, by a reset of its stream or connection."""
    if http2:
        async with proxy.client(transport=Transport(ssl_context=proxy.trust())) as client:
            request = asyncio.create_task(client.post("/v1/messages", content=body))

            async def leave() -> None:
                request.cancel()
                await asyncio.gather(request, return_exceptions=True)

            yield leave
        return
    _, writer = await asyncio.open_connection("127.0.0.1", proxy.at.port, ssl=proxy.trust())
    writer.write(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body))
    writer.write(body)

    async def reset_connection() -> None:
        reset = struct.pack("ii", 1, 0)  # an orderly end would stay behind what nobody reads
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        abort(writer.transport)

    yield reset_connection


@pytest.mark.parametrize("behind", [b"\r\n", b"GET /v1/models HTTP/1.1\r\nhost: x\r\n\r\n"])
@pytest.mark.parametrize("fault", ["silent", "stall"])
async def test_bytes_behind_a_request_do_not_hide_that_its_client_left(
    proxy: Running, upstream: Simulator, fault: Fault, behind: bytes
) -> None:
    upstream.script(Step(fault=fault))
    _, writer = await asyncio.open_connection(
        "127.0.0.1", proxy.at.port, ssl=proxy.trust(), server_hostname="localhost"
    )
    body = b'{"stream":true}'
    head = b"POST /v1/messages HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    writer.write(head + body + behind)
    await upstream.wait_for(lambda s: bool(s.received) and s.received[0].body_complete)
    await asyncio.sleep(0.1)
    abort(writer.transport)
    exchange = await proxy.ended()
    assert exchange.outcome is Outcome.CLIENT_ABORT
    await until(lambda: upstream.received[0].ended == "reset")
