"""A scripted HTTP/2 peer: raw frames over TLS, told by each test what to do.

Nothing here is python-h2, so that a test can break every rule of RFC 9113 on purpose.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    RstStreamFrame,
)

from tests import raw_http2
from tests.raw_http2 import ACK, PING, Fields, credit

FRAME = 16_384
END = 5.0  # seconds for a connection of the peer to end, at the end of a test


class Call(raw_http2.Stream):
    """A request as the peer sees it."""

    def __init__(self, wire: "Wire", stream_id: int, fields: Fields) -> None:
        super().__init__(stream_id, wire.initial_window)
        self.wire = wire
        self.fields = fields
        self.body = bytearray()
        self.whole = asyncio.Event()
        self.reset = asyncio.Event()
        self.shut = False  # give this stream no credit

    @property
    def path(self) -> bytes:
        return dict(self.fields)[b":path"]

    def head(self, status: int = 200, fields: Fields | None = None, *, end: bool = False) -> None:
        self.wire.head(self.id, [(b":status", b"%d" % status), *(fields or [])], end=end)

    async def data(self, payload: bytes, *, end: bool = False, pad: int = 0) -> None:
        await self.wire.data(self, payload, end=end, pad=pad)

    async def respond(self, body: bytes = b"ok", status: int = 200) -> None:
        self.head(status)
        await self.data(body, end=True)


Answer = Callable[[Call], Awaitable[None]]
Greet = Callable[["Wire"], Awaitable[None]]


class Wire(raw_http2.Connection[Call]):
    """One accepted connection; records what comes and keeps to the windows when it sends."""

    def __init__(self, answer: Answer, greet: Greet, wires: list["Wire"]) -> None:
        super().__init__()
        self.decoder.max_header_list_size = 2**20
        self.encoder = Encoder()
        self.frames: list[tuple[int, bytes]] = []  # type and payload
        self.resets: list[tuple[int, int]] = []
        self.credits = True
        self.answers_pings = True
        self.ended = asyncio.Event()
        self.tasks: set[asyncio.Future[None]] = set()
        self._answer = answer
        self._greet = greet
        self._wires = wires  # those that TLS let in
        self._early: bytearray | None = bytearray()  # what comes while it greets

    @property
    def calls(self) -> dict[int, Call]:
        return self.streams

    def send(self, *frames: Frame) -> None:
        self.write(b"".join(frame.serialize() for frame in frames))

    def settings(self, values: dict[int, int]) -> None:
        self.write(raw_http2.settings(values))

    def goaway(self, last: int, code: int = 0) -> None:
        self.send(GoAwayFrame(0, last_stream_id=last, error_code=code))

    def reset(self, stream_id: int, code: int) -> None:
        self.send(RstStreamFrame(stream_id, error_code=code))

    def head(self, stream_id: int, fields: Fields, *, end: bool = False) -> None:
        block = self.encoder.encode(fields, huffman=False)  # hpack takes long for long ones
        blocks = [block[at : at + FRAME] for at in range(0, len(block), FRAME)]
        frames: list[Any] = [HeadersFrame(stream_id, blocks[0])]
        frames += [ContinuationFrame(stream_id, part) for part in blocks[1:]]
        frames[-1].flags.add("END_HEADERS")
        if end:
            frames[0].flags.add("END_STREAM")
        self.send(*frames)

    async def data(self, call: Call, payload: bytes, *, end: bool, pad: int) -> None:
        rest = memoryview(payload)
        cost = pad + 1 if pad else 0
        while True:
            await self.room(call, cost + 1 if rest else 0)
            size = min(len(rest), FRAME - cost, self.window - cost, call.window - cost)
            frame = DataFrame(call.id, bytes(rest[: max(0, size)]))
            rest = rest[len(frame.data) :]
            if pad:
                frame.flags.add("PADDED")
                frame.pad_length = pad
            if end and not rest:
                frame.flags.add("END_STREAM")
            self.window -= len(frame.data) + cost
            call.window -= len(frame.data) + cost
            self.send(frame)
            if not rest:
                return

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._wires.append(self)
        self._run(self._begin())

    def connection_lost(self, _exc: Exception | None) -> None:
        self.ended.set()
        for task in self.tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        if self._early is None:
            super().data_received(data)
        else:
            self._early += data

    def take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        self.frames.append((kind, payload))
        if kind != PING or flags & ACK or self.answers_pings:
            super().take(kind, flags, stream_id, payload)

    def begin(self, stream_id: int, fields: Fields) -> Call:
        call = Call(self, stream_id, fields)
        self._run(self._answer(call))
        return call

    def body(self, stream: Call | None, payload: bytes, size: int) -> None:
        assert stream is not None
        stream.body += payload
        if self.credits and size:
            self.write(credit(0, size))
            if not stream.shut:
                self.write(credit(stream.id, size))

    def whole(self, stream: Call) -> None:
        stream.whole.set()

    def gone(self, stream: Call, code: int) -> None:
        self.resets.append((stream.id, code))
        stream.reset.set()

    async def _begin(self) -> None:
        await self._greet(self)
        early, self._early = self._early, None
        super().data_received(bytes(early or b""))

    def _run(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


class Peer:
    """A server of wires."""

    def __init__(self) -> None:
        self.port = 0
        self.wires: list[Wire] = []

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def wire(self) -> Wire:
        return self.wires[-1]

    @property
    def resets(self) -> list[tuple[int, int]]:
        return [reset for wire in self.wires for reset in wire.resets]

    @property
    def calls(self) -> list[Call]:
        return [call for wire in self.wires for call in wire.calls.values()]


async def polite(call: Call) -> None:
    """Answer a request once it is here."""
    await call.whole.wait()
    await call.respond()


@asynccontextmanager
async def peer(
    context: ssl.SSLContext,
    answer: Answer = polite,
    *,
    settings: dict[int, int] | None = None,
    greet: Callable[[Wire], Awaitable[None]] | None = None,
) -> AsyncIterator[Peer]:
    """Serve on loopback; ``greet`` speaks first, instead of SETTINGS."""

    async def settle(wire: Wire) -> None:
        wire.settings(settings or {})

    loop = asyncio.get_running_loop()
    served = Peer()
    server = await loop.create_server(
        lambda: Wire(answer, greet or settle, served.wires),
        "127.0.0.1",
        0,
        ssl=context,
        ssl_shutdown_timeout=1,
    )
    served.port = server.sockets[0].getsockname()[1]
    try:
        yield served
    finally:
        server.close()
        for wire in served.wires:
            wire.transport.close()
        for wire in served.wires:
            with suppress(TimeoutError):  # asyncio's TLS loses an end at times
                await asyncio.wait_for(wire.ended.wait(), END)
            await asyncio.gather(*wire.tasks, return_exceptions=True)
        await server.wait_closed()


async def eventually(true: Callable[[], bool], *, within: float = 60.0) -> None:
    """Wait until something is true; fail if it never is."""
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)
