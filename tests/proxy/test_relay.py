"""The tap reads each chunk, whatever becomes of it on its way to the client."""

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.anthropic.usage import Usage
from app.errors import ResponseCut
from app.exchange import Exchange, Failure, Outcome
from app.proxy.relay import Outbound, Send, relay
from app.proxy.scan_pool import ScanPool
from app.proxy.trace import Trace
from app.proxy.upstream import Answer
from app.scrubber import rules
from app.scrubber.answer import Plan
from app.scrubber.placeholders import Hidden
from app.scrubber.recognize import Recognizer
from app.wire.headers import Headers
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


TOKEN = "ghp_" + "fake" * 9
HELD = {"<GITHUB_TOKEN_1>": Hidden("github_token", TOKEN)}


class Watched(Recognizer):
    """The built-in detectors, and the threads that asked them."""

    def __init__(self) -> None:
        super().__init__(rules.load(file=None))
        self.threads: list[bool] = []

    def found(self, *arguments: Any, **options: Any) -> list[bool]:
        self.threads.append(threading.current_thread() is threading.main_thread())
        return super().found(*arguments, **options)


def _event(text: str) -> bytes:
    delta = {"type": "text_delta", "text": text}
    event = {"type": "content_block_delta", "index": 0, "delta": delta}
    return b"data: " + json.dumps(event).encode() + b"\n\n"


async def _restored(headers: Headers, *chunks: bytes) -> tuple[bytes, list[bool]]:
    """Return what a client gets, and of each restored piece whether the event loop did it."""
    sent: list[bytes] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message.get("body", b""))

    trace, watched = _trace(), Watched()
    trace.plan = Plan(HELD, watched)
    answer = Answer(httpx.Response(200, headers=headers, stream=Chunks(*chunks)))
    await relay(answer, Outbound(send), trace, ScanPool(lambda: 0.0))
    return b"".join(sent), watched.threads


async def test_large_and_small_pieces_are_restored_in_order() -> None:
    shown = [_event(f"{size} <GITHUB_TOKEN_1> . " + "x" * size) for size in (1, 9000, 2, 5000, 3)]
    sent, on_loop = await _restored(EVENTS, *shown)

    assert sent == b"".join(shown).replace(b"<GITHUB_TOKEN_1>", TOKEN.encode())
    assert on_loop == [True, False, True, False, True]


@pytest.mark.parametrize(
    ("headers", "chunks"),
    [
        (EVENTS, [_event("<GITHUB_TOKEN_1> . " * 1000)]),
        (EVENTS, [bytes([octet]) for octet in _event("<GITHUB_TOKEN_1> . " * 200)]),
        (GZIPPED, [gzip.compress(_event("<GITHUB_TOKEN_1> . " * 1000))]),
        (
            [(b"content-type", b"application/json")],
            [b'{"completion": "', *[b"<GITHUB_TOKEN_1> . "] * 1000, b'"}'],
        ),
    ],
    ids=["one chunk", "single bytes", "compressed", "json"],
)
async def test_much_text_is_never_restored_on_the_event_loop(
    headers: Headers, chunks: list[bytes]
) -> None:
    sent, on_loop = await _restored(headers, *chunks)

    assert sent.count(TOKEN.encode()) >= 200
    assert on_loop
    assert not any(on_loop)
