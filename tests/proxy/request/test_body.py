"""The body on its way: laws over every chunking, with a client scripted message by message."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BodyTooLarge
from app.proxy.request.body import Body
from app.proxy.request.inbound import BUFFER, Inbound, check_length

CHUNKS = st.lists(st.binary(max_size=20), max_size=12)


class Client:
    """Sends ``chunks``, then stays until it is told to leave. ``asked`` counts receives."""

    def __init__(self, chunks: list[bytes], *, ends: bool = True) -> None:
        self.asked = 0
        self.left = asyncio.Event()
        self._chunks = chunks
        self._ends = ends

    async def receive(self) -> dict[str, Any]:
        place, self.asked = self.asked, self.asked + 1
        if place < len(self._chunks):
            last = self._ends and place == len(self._chunks) - 1
            return {"type": "http.request", "body": self._chunks[place], "more_body": not last}
        if place == 0 and self._ends:
            return {"type": "http.request"}
        await self.left.wait()
        return {"type": "http.disconnect"}


@asynccontextmanager
async def receiving(client: Client, limit: int = 2**40) -> AsyncIterator[Inbound]:
    """Watch a client for as long as the test takes."""
    inbound = Inbound(client.receive, limit)
    watcher = asyncio.ensure_future(inbound.watch())
    try:
        async with asyncio.timeout(60):
            yield inbound
    finally:
        watcher.cancel()
        with suppress(asyncio.CancelledError):
            await watcher


async def _drain(stream: httpx.AsyncByteStream) -> bytes:
    return b"".join([chunk async for chunk in stream])


@given(CHUNKS)
async def test_what_is_read_is_what_was_sent(chunks: list[bytes]) -> None:
    async with receiving(Client(chunks)) as inbound:
        read = b""
        while chunk := await inbound.read():
            read += chunk
        assert read == b"".join(chunks)
        assert inbound.received == len(read)
        assert inbound.exhausted
        assert await inbound.read() == b""


@given(CHUNKS, st.integers(0, 100))
async def test_a_body_over_the_limit_is_refused_and_one_within_it_is_not(
    chunks: list[bytes], limit: int
) -> None:
    async def read_all(inbound: Inbound) -> None:
        while await inbound.read():
            pass

    async with receiving(Client(chunks), limit) as inbound:
        if len(b"".join(chunks)) <= limit:
            await read_all(inbound)
        else:
            with pytest.raises(BodyTooLarge, match=f"{limit} bytes"):
                await read_all(inbound)


async def test_the_client_is_held_back_while_its_chunks_lie_unread() -> None:
    client = Client([b"x" * BUFFER, b"y", b"z"])
    async with receiving(client) as inbound:
        await asyncio.sleep(0)
        for _ in range(10):
            await asyncio.sleep(0)
        assert client.asked == 1
        assert await inbound.read() == b"x" * BUFFER
        assert await inbound.read() == b"yz"


async def test_leaving_is_noticed_with_the_whole_body_unread() -> None:
    client = Client([b"x" * (BUFFER + 1)])
    inbound = Inbound(client.receive, 2**40)
    client.left.set()
    async with asyncio.timeout(60):
        await inbound.watch()
    assert inbound.complete
    assert not inbound.exhausted


async def test_leaving_in_the_middle_of_an_upload_leaves_the_body_incomplete() -> None:
    client = Client([b"some"], ends=False)
    inbound = Inbound(client.receive, 2**40)
    client.left.set()
    async with asyncio.timeout(60):
        await inbound.watch()
    assert await inbound.read() == b"some"
    assert not inbound.complete
    assert Body(inbound, 100).held is None


@given(CHUNKS, st.integers(0, 100))
async def test_a_body_is_held_whole_or_not_at_all(chunks: list[bytes], limit: int) -> None:
    sent = b"".join(chunks)
    async with receiving(Client(chunks)) as inbound:
        held = await Body(inbound, 2**20).hold(limit)
    assert held == (sent if len(sent) <= limit else None)


@given(CHUNKS, st.integers(0, 100), st.integers(0, 100))
async def test_whatever_is_held_first_the_whole_body_is_sent(
    chunks: list[bytes], held: int, replay: int
) -> None:
    async with receiving(Client(chunks)) as inbound:
        body = Body(inbound, replay)
        await body.hold(held)
        assert await _drain(body.stream()) == b"".join(chunks)


@given(CHUNKS, st.integers(0, 100), st.integers(0, 100), st.integers(0, 3))
async def test_a_body_that_can_be_sent_again_is_the_same_each_time(
    chunks: list[bytes], held: int, replay: int, taken: int
) -> None:
    """However much of the first attempt upstream has read when it refuses."""
    sent = b"".join(chunks)
    async with receiving(Client(chunks)) as inbound:
        body = Body(inbound, replay)
        await body.hold(held)
        attempt = aiter(body.stream())
        for _ in range(taken):
            await anext(attempt, None)
        again = await body.replayable()
        if len(sent) <= replay:
            assert again
        if again:
            assert body.held == sent
            assert await _drain(body.stream()) == sent
            assert await _drain(body.stream()) == sent


async def test_a_body_over_the_replay_limit_goes_through_once_and_is_not_kept() -> None:
    chunks = [b"x" * BUFFER, b"y" * BUFFER]  # large enough to be read one by one
    async with receiving(Client(chunks)) as inbound:
        body = Body(inbound, BUFFER + 1)
        await body.hold(10)
        assert await _drain(body.stream()) == b"".join(chunks)
        assert await body.replayable() is False
        assert body.held is None


async def test_a_body_that_is_all_here_is_sent_as_one() -> None:
    async with receiving(Client([b"a", b"b"])) as inbound:
        body = Body(inbound, 100)
        assert await body.hold(100) == b"ab"
        assert isinstance(body.stream(), httpx.ByteStream)


async def test_a_replaced_body_is_what_is_sent() -> None:
    async with receiving(Client([b"secret"])) as inbound:
        body = Body(inbound, 100)
        await body.hold(100)
        body.replace(b"<PLACEHOLDER_1>")
        assert body.held == b"<PLACEHOLDER_1>"
        assert await body.replayable()
        assert await _drain(body.stream()) == b"<PLACEHOLDER_1>"


@pytest.mark.parametrize(
    ("announced", "refused"),
    [
        (None, False),
        (b"0", False),
        (b"100", False),
        (b"101", True),
        (b"9" * 5000, True),
        (b"-1", False),  # malformed ones are the listener's to refuse
        (b"1e9", False),
    ],
)
def test_a_body_announced_too_large_is_refused_before_it_is_read(
    announced: bytes | None, *, refused: bool
) -> None:
    headers = [] if announced is None else [(b"content-length", announced)]
    if refused:
        with pytest.raises(BodyTooLarge, match="ANTHROPIC_PROXY_MAX_BODY_SIZE"):
            check_length(headers, 100)
    else:
        check_length(headers, 100)
