"""A client of the simulator that sees frames, on a plain connection."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import msgspec
from h2.events import DataReceived, Event
from hyperframe.frame import Frame

from simulator import Simulator
from tests.listener.h2client import Client

LIMIT = 60.0  # seconds a test waits for what it expects
F = TypeVar("F", bound=Frame)
E = TypeVar("E", bound=Event)


class Peer(Client):
    """A client that keeps what came: ``events`` that nobody expected yet, and all ``raw`` bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        super().__init__(reader, writer, credits_=False)
        self.events: list[Event] = []
        self.raw = b""
        self.start(None)

    def message(self, **step: object) -> int:
        """Send a streamed Messages request, with its own step if one is named."""
        body = b'{"model": "claude-haiku-4-5", "stream": true, "messages": []}'
        stream = self.head(**step)
        self.h2.send_data(stream, body, end_stream=True)
        self.flush()
        return stream

    def head(self, **step: object) -> int:
        """Send the head of a request and leave its body open."""
        fields = [(b":method", b"POST"), (b":scheme", b"http"), (b":path", b"/v1/messages")]
        fields.append((b":authority", b"simulator"))
        if step:
            fields.append((b"x-simulate", msgspec.json.encode(step)))
        return self.begin(fields, end=False)

    async def expect(self, kind: type[E], stream: int | None = None) -> E:
        """Return the next such event, of a stream if given, that came or comes."""
        async with asyncio.timeout(LIMIT):
            while True:
                for at, event in enumerate(self.events):
                    if isinstance(event, kind) and stream in (None, getattr(event, "stream_id", 0)):
                        del self.events[at]
                        return event
                assert not self.closed, f"closed without {kind.__name__}"
                await self.read()

    async def read(self) -> None:
        """Take what comes next; no credit is given back."""
        try:
            async with asyncio.timeout(LIMIT):
                await self.receive()
        except ConnectionResetError:
            self._handle(b"")

    def _handle(self, data: bytes) -> None:
        self.raw += data
        super()._handle(data)

    def _take(self, event: Event) -> None:
        self.events.append(event)
        super()._take(event)

    async def until_closed(self) -> None:
        while not self.closed:
            await self.read()

    def taken(self, stream: int) -> bytes:
        """The bytes of DATA that came on a stream and were not asked for by `expect`."""
        return b"".join(
            event.data
            for event in self.events
            if isinstance(event, DataReceived) and event.stream_id == stream and event.data
        )

    def frames(self, kind: type[F]) -> list[F]:
        """Every such frame that has come whole, also those h2 would not look at any more."""
        found, raw = [], memoryview(self.raw)
        while len(raw) >= 9 and len(raw) >= 9 + (size := int.from_bytes(raw[:3])):
            frame, _ = Frame.parse_frame_header(raw[:9])
            frame.parse_body(raw[9 : 9 + size])
            if isinstance(frame, kind):
                found.append(frame)
            raw = raw[9 + size :]
        return found

    async def aclose(self) -> None:
        self.writer.close()
        with suppress(ConnectionError):
            await self.writer.wait_closed()


@asynccontextmanager
async def connected(simulator: Simulator) -> AsyncIterator[Peer]:
    """Connect a `Peer`."""
    peer = Peer(*await asyncio.open_connection("127.0.0.1", simulator.port))
    try:
        yield peer
    finally:
        await peer.aclose()
