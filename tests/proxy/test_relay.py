"""The tap reads each chunk, whatever becomes of it on its way to the client."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.anthropic.usage import Usage
from app.errors import ResponseCut
from app.exchange import Exchange, Failure, Outcome
from app.proxy.headers import Headers
from app.proxy.relay import Outbound, Send, relay
from app.proxy.trace import Trace
from app.proxy.upstream import Answer
from app.scrubber.answer import Plan
from app.scrubber.placeholders import Hidden
from tests.scrubber.recognizers import EVERYTHING

START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"claude-sonnet-4-5",'
    b'"usage":{"input_tokens":5,"output_tokens":1}}}\n\n'
)
GROWN = (
    b'event: message_delta\ndata: {"type":"message_delta","delta":{},'
    b'"usage":{"output_tokens":40}}\n\n'
)
EVENTS: Headers = [(b"content-type", b"text/event-stream")]
GZIPPED: Headers = [*EVENTS, (b"content-encoding", b"gzip")]
HIDDEN = {"<GITHUB_TOKEN_1>": Hidden("github_token", "fake")}


class Chunks(httpx.AsyncByteStream):
    """An answer's body."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks
        self.closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk

    async def aclose(self) -> None:
        self.closed = True


def _trace() -> Trace:
    return Trace("POST", b"/v1/messages", [], clock=lambda: 0.0, wall=lambda: 1e9)


async def _relay(trace: Trace, send: Send, headers: Headers, body: Chunks) -> None:
    await relay(Answer(httpx.Response(200, headers=headers, stream=body)), Outbound(send), trace)


async def _cut(*chunks: bytes) -> Exchange:
    """Relay a damaged compressed answer that is to be restored; return the record."""

    async def send(message: dict[str, Any]) -> None:
        pass

    trace, body = _trace(), Chunks(*chunks)
    trace.plan = Plan(HIDDEN, EVERYTHING)
    with pytest.raises(ResponseCut):
        await _relay(trace, send, GZIPPED, body)
    assert body.closed
    return trace.finish(0)


async def test_the_chunk_that_a_client_left_without_reading_is_counted() -> None:
    stuck = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if GROWN in message.get("body", b""):
            stuck.set()
            await asyncio.Event().wait()

    trace, body = _trace(), Chunks(START, GROWN)
    journey = asyncio.create_task(_relay(trace, send, EVENTS, body))
    async with asyncio.timeout(20):
        await stuck.wait()
    trace.cancel = journey.cancel
    trace.end(Outcome.CLIENT_ABORT)
    await asyncio.gather(journey, return_exceptions=True)

    exchange = trace.finish(0)
    assert exchange.outcome is Outcome.CLIENT_ABORT
    assert exchange.usage == Usage(input=5, output=40)
    assert body.closed


async def test_a_compressed_answer_that_cannot_be_restored_was_cut_by_upstream() -> None:
    exchange = await _cut(gzip.compress(START), b"garbage" * 9)

    assert exchange.outcome is Outcome.UPSTREAM_ABORT
    assert exchange.failure == Failure("upstream", "api_error", "cut")


async def test_a_chunk_that_cannot_be_restored_is_tapped_as_far_as_it_can_be_read() -> None:
    exchange = await _cut(gzip.compress(START) + b"garbage" * 9)

    assert exchange.usage is not None
    assert exchange.usage.input == 5
