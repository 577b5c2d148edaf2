"""Bodies on their way up: windows, early answers, bodies that fail."""

import asyncio
import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest
from h2.errors import ErrorCodes

from app.http2 import Transport
from tests.http2.outgoing import request
from tests.http2.peer import Call, eventually, peer
from tests.http2.tls import Tls

MB = 2**20


class Chunks(httpx.AsyncByteStream):
    """A body that comes bit by bit, and may fail."""

    def __init__(self, chunk: bytes, times: int, error: Exception | None = None) -> None:
        self.chunk = chunk
        self.times = times
        self.error = error
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for _ in range(self.times):
            self.taken += 1
            yield self.chunk
            await asyncio.sleep(0)
        if self.error is not None:
            raise self.error


async def digest(call: Call) -> None:
    await call.whole.wait()
    await call.respond(hashlib.sha256(call.body).hexdigest().encode())


@pytest.mark.parametrize("size", [0, 1, 16_384, 65_535, 65_536, 3 * MB])
async def test_a_body_arrives_whole_whatever_its_size_and_shape(
    transport: Transport, tls: Tls, size: int
) -> None:
    body = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
    expected = hashlib.sha256(body).hexdigest().encode()
    async with peer(tls.server("h2"), digest) as upstream:
        known = await transport.handle_async_request(request(upstream.url, body=body))
        assert await known.aread() == expected
        streamed = request(upstream.url, body=Chunks(body, 1))
        response = await transport.handle_async_request(streamed)
        assert await response.aread() == expected
    assert transport.stats.resets_sent == 0


@pytest.mark.parametrize("polite", [True, False])
async def test_an_early_answer_is_seen_and_ends_the_upload(
    transport: Transport, tls: Tls, polite: bool
) -> None:
    async def answer(call: Call) -> None:
        call.wire.credits = False
        await call.respond(b"too large", status=413)
        if polite:
            call.wire.reset(call.id, ErrorCodes.NO_ERROR)  # RFC 9113 §8.1

    body = Chunks(b"x" * 64 * 1024, 320)
    async with peer(tls.server("h2"), answer) as upstream:
        response = await transport.handle_async_request(request(upstream.url, body=body))
        assert response.status_code == 413
        assert await response.aread() == b"too large"
        assert body.taken < 10
        assert len(upstream.resets) <= 1
        await eventually(lambda: transport.stats.streams_open == 0)


async def test_a_body_that_fails_resets_its_stream_and_its_error_reaches_the_caller(
    transport: Transport, tls: Tls
) -> None:
    async def answer(call: Call) -> None:
        if call.path == b"/headers":
            call.head()

    async with peer(tls.server("h2"), answer) as upstream:
        body = Chunks(b"part", 3, LookupError("the client sent too much"))
        with pytest.raises(LookupError, match="too much"):
            await transport.handle_async_request(request(upstream.url, body=body))
        await eventually(lambda: len(upstream.resets) == 1)
        assert upstream.resets[0][1] == ErrorCodes.CANCEL
        assert not upstream.calls[0].whole.is_set()


async def test_a_response_may_come_while_its_request_is_still_being_sent(
    transport: Transport, tls: Tls
) -> None:
    go_on = asyncio.Event()

    class Dialogue(httpx.AsyncByteStream):
        async def __aiter__(self) -> AsyncIterator[bytes]:
            yield b"question"
            await go_on.wait()
            yield b", another"

    async def answer(call: Call) -> None:
        call.head()
        await call.data(b"answer;")
        await call.whole.wait()
        await call.data(bytes(call.body), end=True)

    async with peer(tls.server("h2"), answer) as upstream:
        response = await transport.handle_async_request(request(upstream.url, body=Dialogue()))
        chunks = response.stream.__aiter__()  # type: ignore[union-attr] # it is asynchronous
        assert await anext(chunks) == b"answer;"
        go_on.set()
        assert await anext(chunks) == b"question, another"
        await response.aclose()


async def test_many_uploads_share_the_windows_and_none_is_mixed_up(
    transport: Transport, tls: Tls
) -> None:
    async with peer(tls.server("h2"), digest) as upstream:
        bodies = [bytes([number]) * (200_000 + number) for number in range(30)]
        responses = await asyncio.gather(
            *(transport.handle_async_request(request(upstream.url, body=body)) for body in bodies)
        )
        received = [await response.aread() for response in responses]
        assert received == [hashlib.sha256(body).hexdigest().encode() for body in bodies]
