"""A scripted HTTP/2 peer: raw frames over TLS, told by each test what to do.

Nothing here is python-h2, so that a test can break every rule of RFC 9113 on purpose.
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from hpack import Decoder, Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME = 16_384
Fields = list[tuple[bytes, bytes]]


class Call:
    """A request as the peer sees it."""

    def __init__(self, wire: "Wire", stream_id: int, fields: Fields) -> None:
        self.wire = wire
        self.id = stream_id
        self.fields = fields
        self.body = bytearray()
        self.whole = asyncio.Event()
        self.reset = asyncio.Event()
        self.window = wire.initial_window
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


class Wire:
    """One accepted connection; records what comes and keeps to the windows when it sends."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.encoder = Encoder()
        self.decoder = Decoder()
        self.decoder.max_header_list_size = 2**20
        self.calls: dict[int, Call] = {}
        self.frames: list[Frame] = []
        self.resets: list[tuple[int, int, float]] = []
        self.initial_window = 65_535
        self.window = 65_535
        self.opened = asyncio.Condition()
        self.credits = True
        self.answers_pings = True
        self.ended = asyncio.Event()
        self.tasks: set[asyncio.Future[None]] = set()

    def send(self, *frames: Frame) -> None:
        if not self.writer.is_closing():
            self.writer.write(b"".join(frame.serialize() for frame in frames))

    def settings(self, values: dict[int, int]) -> None:
        self.send(SettingsFrame(0, settings=values))

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
        while True:
            cost = pad + 1 if pad else 0
            while rest and min(self.window, call.window) <= cost and not self.ended.is_set():
                async with self.opened:
                    await self.opened.wait()
            if self.ended.is_set():
                return
            size = max(0, min(len(rest), FRAME - cost, self.window - cost, call.window - cost))
            frame = DataFrame(call.id, bytes(rest[:size]))
            if pad:
                frame.flags.add("PADDED")
                frame.pad_length = pad
            rest = rest[size:]
            if end and not rest:
                frame.flags.add("END_STREAM")
            self.window -= size + cost
            call.window -= size + cost
            self.send(frame)
            await self.writer.drain()
            if not rest:
                return

    async def frame(self) -> Frame:
        head = await self.reader.readexactly(9)
        frame, length = Frame.parse_frame_header(memoryview(head))
        frame.parse_body(memoryview(await self.reader.readexactly(length)))
        return frame

    async def serve(self, answer: Answer) -> None:
        assert await self.reader.readexactly(len(PREFACE)) == PREFACE
        while True:
            await self.receive(await self.frame(), answer)

    async def receive(self, frame: Frame, answer: Answer) -> None:
        self.frames.append(frame)
        match frame:
            case SettingsFrame() if "ACK" not in frame.flags:
                await self.resize(frame.settings.get(SettingsFrame.INITIAL_WINDOW_SIZE, 65_535))
                self.send(SettingsFrame(0, flags=["ACK"]))
            case PingFrame() if "ACK" not in frame.flags and self.answers_pings:
                self.send(PingFrame(0, frame.opaque_data, flags=["ACK"]))
            case HeadersFrame():
                await self.begin(frame, answer)
            case DataFrame():
                self.collect(frame)
            case WindowUpdateFrame():
                await self.widen(frame)
            case RstStreamFrame():
                self.resets.append((frame.stream_id, frame.error_code, time.monotonic()))
                self.calls[frame.stream_id].reset.set()

    async def begin(self, frame: HeadersFrame, answer: Answer) -> None:
        block = frame.data
        last: Any = frame
        while "END_HEADERS" not in last.flags:
            last = await self.frame()
            block += last.data
        fields = [
            (bytes(name), bytes(value)) for name, value in self.decoder.decode(block, raw=True)
        ]
        call = self.calls[frame.stream_id] = Call(self, frame.stream_id, fields)
        if "END_STREAM" in frame.flags:
            call.whole.set()
        task = asyncio.ensure_future(answer(call))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def collect(self, frame: DataFrame) -> None:
        call = self.calls[frame.stream_id]
        call.body += frame.data
        if "END_STREAM" in frame.flags:
            call.whole.set()
        if self.credits and frame.flow_controlled_length:
            size = frame.flow_controlled_length
            self.send(WindowUpdateFrame(0, size))
            if not call.shut:
                self.send(WindowUpdateFrame(frame.stream_id, size))

    async def resize(self, size: int) -> None:
        async with self.opened:
            for call in self.calls.values():
                call.window += size - self.initial_window
            self.initial_window = size
            self.opened.notify_all()

    async def widen(self, frame: WindowUpdateFrame) -> None:
        async with self.opened:
            if not frame.stream_id:
                self.window += frame.window_increment
            elif frame.stream_id in self.calls:
                self.calls[frame.stream_id].window += frame.window_increment
            self.opened.notify_all()

    async def finish(self) -> None:
        self.ended.set()
        async with self.opened:
            self.opened.notify_all()
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.writer.close()


class Peer:
    """A server of wires."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.wires: list[Wire] = []

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    @property
    def wire(self) -> Wire:
        return self.wires[-1]

    @property
    def resets(self) -> list[tuple[int, int, float]]:
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

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        served.wires.append(wire)
        try:
            if greet is None:
                wire.settings(settings or {})
            else:
                await greet(wire)
            await wire.serve(answer)
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            await wire.finish()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context, ssl_shutdown_timeout=1)
    served = Peer(server.sockets[0].getsockname()[1])
    try:
        yield served
    finally:
        server.close()
        for wire in served.wires:
            wire.writer.close()
        await asyncio.sleep(0)
        for wire in served.wires:
            await asyncio.wait_for(wire.ended.wait(), 60)
        await server.wait_closed()


async def eventually(true: Callable[[], bool], *, within: float = 60.0) -> None:
    """Wait until something is true; fail if it never is."""
    async with asyncio.timeout(within):
        while not true():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.002)
