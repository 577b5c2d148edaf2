"""The tap reads each chunk, whatever becomes of it on its way to the client."""

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.anthropic.intake import Intake
from app.anthropic.tap import Tap
from app.anthropic.usage import Usage
from app.errors import UpstreamCut, UpstreamSilent
from app.exchange import Progress
from app.proxy.backlog import Backlog
from app.proxy.outbound import Outbound, Send
from app.proxy.relay import relay
from app.proxy.restoring import Restoring
from app.proxy.scan_pool import ScanPool
from app.proxy.stopwatch import Stopwatch
from app.proxy.upstream.response import UpstreamResponse
from app.scrubber.detect import rules
from app.scrubber.detect.recognize import Recognizer
from app.scrubber.placeholders import Hidden
from app.scrubber.restore.restorer import Restorer
from app.scrubber.restore.table import Plan
from app.wire.headers import Headers, text
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

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


async def _discard(_: dict[str, Any]) -> None:
    pass


async def _relay(
    tap: Tap,
    headers: Headers,
    *chunks: bytes,
    send: Send = _discard,
    restoring: Restoring | None = None,
) -> None:
    """Relay a response of ``chunks``."""
    watch = Stopwatch(lambda: 0.0, Progress("messages"))
    response = UpstreamResponse(httpx.Response(200, headers=headers, stream=Chunks(*chunks)))
    await relay(response, restoring, Outbound(send, watch), tap, watch, Backlog(), bool)


def _restoring(intake: Intake, plan: Plan) -> Restoring:
    return Restoring(Restorer(plan, intake), intake, ScanPool(lambda: 0.0))


async def test_the_chunk_that_a_client_left_without_reading_is_counted() -> None:
    stuck = asyncio.Event()

    async def send(message: dict[str, Any]) -> None:
        if GROWN in message.get("body", b""):
            stuck.set()
            await asyncio.Event().wait()

    tap = Tap(Intake("text/event-stream", None))
    relaying = asyncio.create_task(_relay(tap, EVENTS, START, GROWN, send=send))
    async with asyncio.timeout(60):
        await stuck.wait()
    relaying.cancel()
    await asyncio.gather(relaying, return_exceptions=True)

    assert tap.finish().usage == Usage(input=5, output=40)


async def _cut(*chunks: bytes) -> Tap:
    """Relay a damaged compressed response that is to be restored; return what has read it."""
    intake = Intake("text/event-stream", "gzip")
    tap, restoring = Tap(intake), _restoring(intake, Plan(HIDDEN, EVERYTHING))
    with pytest.raises(UpstreamCut) as caught:
        await _relay(tap, GZIPPED, *chunks, restoring=restoring)
    assert not isinstance(caught.value, UpstreamSilent)
    return tap


async def test_a_compressed_answer_that_cannot_be_restored_was_cut_by_upstream() -> None:
    await _cut(gzip.compress(START), b"garbage" * 9)


async def test_a_chunk_that_cannot_be_restored_is_tapped_as_far_as_it_can_be_read() -> None:
    tap = await _cut(gzip.compress(START) + b"garbage" * 9)

    usage = tap.finish().usage
    assert usage is not None
    assert usage.input == 5


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

    watched = Watched()
    intake = Intake(text(headers, b"content-type"), text(headers, b"content-encoding"))
    restoring = _restoring(intake, Plan(HELD, watched))
    await _relay(Tap(intake), headers, *chunks, send=send, restoring=restoring)
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
