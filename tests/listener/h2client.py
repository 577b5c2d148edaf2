"""An HTTP/2 client that does what it is told, rules of RFC 9113 or not."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    InformationalResponseReceived,
    PingAckReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
)
from h2.settings import SettingCodes, Settings
from hyperframe.frame import Frame, GoAwayFrame

from app.network.abort import abort
from tests.proxying import DEADLINE

Fields = list[tuple[bytes, bytes]]


@dataclass
class Answer:
    """Everything received on one stream."""

    status: int | None = None
    fields: Fields = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    ended: bool = False
    reset_code: int | None = None

    @property
    def over(self) -> bool:
        return self.ended or self.reset_code is not None

    def header(self, name: bytes) -> bytes | None:
        return dict(self.fields).get(name)


class _Connection(H2Connection):
    """python-h2, which reports GOAWAY and goes on."""

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        event = ConnectionTerminated()
        event.error_code, event.last_stream_id = frame.error_code, frame.last_stream_id
        return [], [event]


class Client:
    """One connection. ``credits`` False leaves what comes without flow-control credit."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, credits_: bool
    ) -> None:
        self.answers: dict[int, Answer] = {}
        self.goaways: list[ConnectionTerminated] = []
        self.closed = False
        self.pongs = 0
        self.informed = 0  # interim responses
        self.credits = credits_
        self.writer = writer
        self._reader = reader
        self.h2 = _Connection(
            H2Configuration(
                client_side=True,
                header_encoding=None,
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
                validate_inbound_headers=False,
            )
        )

    def start(self, window: int | None) -> None:
        if window is not None:
            self.h2.local_settings = Settings(
                client=True, initial_values={SettingCodes.INITIAL_WINDOW_SIZE: window}
            )
        self.h2.initiate_connection()
        self.flush()

    def flush(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def send(self, *frames: Frame) -> None:
        self.flush()
        self.writer.write(b"".join(frame.serialize() for frame in frames))

    def request(
        self,
        method: bytes = b"GET",
        path: bytes = b"/",
        fields: Fields | None = None,
        *,
        end: bool = True,
    ) -> int:
        pseudo = [
            (b":method", method),
            (b":scheme", b"https"),
            (b":authority", b"localhost"),
            (b":path", path),
        ]
        return self.begin(pseudo + (fields or []), end=end)

    def begin(self, fields: Fields, *, end: bool = True) -> int:
        """Open a stream with exactly these fields."""
        stream_id = self.h2.get_next_available_stream_id()
        self.answers[stream_id] = Answer()
        self.h2.send_headers(stream_id, fields, end_stream=end)
        self.flush()
        return stream_id

    async def upload(self, stream_id: int, body: bytes, *, end: bool = True) -> None:
        """Send a body as the windows allow."""
        rest = memoryview(body)
        while rest:
            await self.until(lambda: self.h2.local_flow_control_window(stream_id) > 0)
            size = min(
                self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size
            )
            self.h2.send_data(stream_id, bytes(rest[:size]))
            rest = rest[size:]
            self.flush()
        if end:
            self.h2.end_stream(stream_id)
            self.flush()

    def reset(self, stream_id: int, code: int = ErrorCodes.CANCEL) -> None:
        self.h2.reset_stream(stream_id, code)
        self.flush()

    def credit(self, size: int, stream_id: int) -> None:
        self.h2.increment_flow_control_window(size, stream_id or None)
        self.flush()

    async def round_trip(self) -> None:
        """Wait for a round trip: then everything sent before has been handled."""
        pings = self.pongs + 1
        self.h2.ping(b"%08d" % pings)
        self.flush()
        await self.until(lambda: self.pongs == pings)

    async def answer(self, stream_id: int) -> Answer:
        """Wait until the stream is over."""
        answer = self.answers[stream_id]
        await self.until(lambda: answer.over)
        return answer

    async def until(self, condition: Callable[[], bool]) -> None:
        """Receive until ``condition`` holds."""
        async with asyncio.timeout(DEADLINE):
            while not condition():
                assert not self.closed, "the server closed the connection"
                await self.receive()

    async def receive(self) -> None:
        """Take what comes next."""
        self._handle(await self._reader.read(65_536))

    def _handle(self, data: bytes) -> None:
        self.closed = not data
        for event in self.h2.receive_data(data):
            self._take(event)
        self.flush()

    def _take(self, event: Any) -> None:
        if isinstance(event, ConnectionTerminated):
            self.goaways.append(event)
        self.pongs += isinstance(event, PingAckReceived)
        self.informed += isinstance(event, InformationalResponseReceived)
        answer = self.answers.get(getattr(event, "stream_id", None) or 0)
        match event:
            case ResponseReceived() if answer is not None:
                answer.fields = event.headers
                answer.status = int(dict(event.headers)[b":status"])
            case DataReceived() if answer is not None:
                answer.body += event.data
                if self.credits and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            case StreamEnded() if answer is not None:
                answer.ended = True
            case StreamReset() if answer is not None:
                answer.reset_code = event.error_code


@asynccontextmanager
async def connected(
    port: int, context: ssl.SSLContext, *, window: int | None = None, credits_: bool = True
) -> AsyncIterator[Client]:
    """Connect; ``window`` is every stream's initial one."""
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, ssl_shutdown_timeout=0.2
    )
    client = Client(reader, writer, credits_=credits_)
    client.start(window)
    try:
        yield client
    finally:
        abort(writer.transport)
