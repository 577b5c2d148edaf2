"""HTTP/2 connections (RFC 9113) on the h2 library.

Frames are flushed once per turn of the event loop, so that many streams share a write. GOAWAY
and cut frames are written by hand: h2 ends a connection with the first and never does the other.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings
from hyperframe.frame import DataFrame, GoAwayFrame

from .received import Received
from .wire import HEAD_LIMIT, Accept, Headers, Pipe, Stream, Wire

# What h2 raises for a stream that the client has reset in the same segment.
GONE = (ProtocolError, KeyError)
STREAM_WINDOW = 2**20  # bytes a client may send ahead on one stream
CONNECTION_WINDOW = 16 * 2**20  # and on all of a connection's
CREDIT = 2**18  # bytes taken before their credit is given back

# The library checks what it is sent and sends; the simulator records and misbehaves as told.
_CONFIG = H2Configuration(
    client_side=False,
    header_encoding=None,
    validate_inbound_headers=False,
    validate_outbound_headers=False,
    normalize_inbound_headers=False,
    normalize_outbound_headers=False,
)


class Http2(Wire):
    """A connection.

    State: ``_streams`` that have not ended, ``_uncredited`` bytes taken from the connection's
    window, ``_scheduled`` while a flush is due, ``_leaving`` after our own GOAWAY.
    """

    def __init__(self, pipe: Pipe, accept: Accept, max_concurrent_streams: int) -> None:
        self.pipe = pipe
        self.h2 = H2Connection(_CONFIG)
        self.h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: max_concurrent_streams,
                SettingCodes.INITIAL_WINDOW_SIZE: STREAM_WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: HEAD_LIMIT,
            },
        )
        self.h2.decoder.max_header_list_size = HEAD_LIMIT
        self._accept = accept
        self._loop = asyncio.get_running_loop()
        self._streams: dict[int, Http2Stream] = {}
        self._uncredited = 0
        self._scheduled = False
        self._leaving = False
        self._takes: dict[type[Event], Callable[[Any], None]] = {
            RequestReceived: self._request,
            DataReceived: self._data,
            StreamEnded: self._end,
            StreamReset: self._reset,
            WindowUpdated: self._window,
            RemoteSettingsChanged: self._wake,
            ConnectionTerminated: self._terminated,
        }
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(CONNECTION_WINDOW - 65535)
        self.flush()

    def receive(self, data: bytes) -> None:
        """Take frames; a connection error is answered as h2 does, with GOAWAY."""
        try:
            events = self.h2.receive_data(data)
        except ProtocolError:
            self.flush()
            self._close()
            return
        for event in events:
            if (take := self._takes.get(type(event))) is not None:
                take(event)
        self.schedule()

    def lost(self) -> None:
        """End what runs."""
        for stream in list(self._streams.values()):
            stream.gone("closed")
        self._streams.clear()

    def goaway(self, code: int = 0, last_stream_id: int | None = None) -> None:
        """Send GOAWAY by hand; h2 knows nothing of it and lets the streams finish."""
        self.flush()
        last = self.h2.highest_inbound_stream_id if last_stream_id is None else last_stream_id
        self.pipe.write(GoAwayFrame(0, last_stream_id=last, error_code=code).serialize())
        self._leaving = True
        self._close_if_left()

    def schedule(self) -> None:
        """Flush with this turn of the loop."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write the frames that h2 holds."""
        self._scheduled = False
        self.pipe.write(self.h2.data_to_send())

    def drop(self, stream_id: int) -> None:
        """Forget an ended stream."""
        if self._streams.pop(stream_id, None) is not None:
            self.schedule()
            self._close_if_left()

    def _close_if_left(self) -> None:
        if self._leaving and not self._streams:
            self.flush()
            self.pipe.transport.close()

    def _request(self, event: RequestReceived) -> None:
        stream_id = event.stream_id
        if self._leaving:
            with suppress(*GONE):
                self.h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        received = _received(event.headers, self.pipe.number, stream_id, self._loop.time())
        stream = self._streams[stream_id] = Http2Stream(self, received)
        self._accept(stream)

    def _data(self, event: DataReceived) -> None:
        size = event.flow_controlled_length
        self._uncredited += size
        if self._uncredited >= CREDIT:
            self.h2.increment_flow_control_window(self._uncredited)
            self._uncredited = 0
        if (stream := self._streams.get(event.stream_id)) is not None:
            stream.take(event.data, size, last=event.stream_ended is not None)

    def _end(self, event: StreamEnded) -> None:
        if (stream := self._streams.get(event.stream_id)) is not None:
            stream.body_ended()

    def _reset(self, event: StreamReset) -> None:
        if (stream := self._streams.get(event.stream_id)) is not None:
            stream.gone("reset", int(event.error_code))
            self.drop(event.stream_id)

    def _window(self, event: WindowUpdated) -> None:
        if event.stream_id == 0:
            self._wake(event)
        elif (stream := self._streams.get(event.stream_id)) is not None:
            stream.room.set()

    def _wake(self, _: Event) -> None:
        for stream in self._streams.values():
            stream.room.set()

    def _terminated(self, _: ConnectionTerminated) -> None:
        self._close()

    def _close(self) -> None:
        self.lost()
        self.pipe.transport.close()


class Http2Stream(Stream):
    """A stream. State: ``room`` is set when the client may have opened a window."""

    def __init__(self, wire: Http2, received: Received) -> None:
        super().__init__(received)
        self.room = asyncio.Event()
        self._wire = wire
        self._h2 = wire.h2
        self._id = received.stream_id
        self._uncredited = 0

    def take(self, data: bytes, size: int, *, last: bool) -> None:
        """Keep a piece of the request's body and give credit for more."""
        self.received.add_body(data)
        if last or not self.reading:
            return
        self._uncredited += size
        if self._uncredited >= CREDIT:
            with suppress(*GONE):
                self._h2.increment_flow_control_window(self._uncredited, self._id)
            self._uncredited = 0

    def start(self, status: int, headers: Headers) -> None:
        """Send HEADERS."""
        self._h2.send_headers(self._id, [(b":status", b"%d" % status), *headers])
        self._wire.schedule()

    async def send(self, data: bytes) -> None:
        """Send DATA within the windows; the rest waits."""
        rest = memoryview(data)
        while rest:
            await self._wire.pipe.writable.wait()
            size = min(
                self._h2.local_flow_control_window(self._id), self._h2.max_outbound_frame_size
            )
            if size <= 0:
                self.room.clear()
                await self.room.wait()
                continue
            piece = bytes(rest[:size])
            self._h2.send_data(self._id, piece)
            self.received.add_sent(piece)
            self._wire.schedule()
            rest = rest[size:]

    def end(self) -> None:
        """Send END_STREAM; ask for no more of a body that nobody reads (RFC 9113 §8.1)."""
        self._h2.end_stream(self._id)
        self.finish("complete")
        if not self.received.body_complete:
            self._h2.reset_stream(self._id, ErrorCodes.NO_ERROR)
        self._wire.drop(self._id)

    def reset(self, code: int) -> None:
        """Send RST_STREAM."""
        self._h2.reset_stream(self._id, code)
        self.finish("fault")
        self._wire.drop(self._id)

    def close(self) -> None:
        """Close the connection, and its other streams with it."""
        self.finish("fault")
        self._wire.flush()
        self._wire.pipe.transport.close()

    def cut(self) -> None:
        """Write the first half of a DATA frame."""
        self._wire.flush()
        frame = DataFrame(self._id, data=b": the rest of this frame never comes\n\n").serialize()
        self._wire.pipe.write(frame[: len(frame) // 2])
        self.close()

    def goaway(self, code: int) -> None:
        """Send GOAWAY; this stream is still answered."""
        self._wire.goaway(code)


def _received(fields: Headers, connection: int, stream_id: int, now: float) -> Received:
    pseudo = dict(pair for pair in fields if pair[0].startswith(b":"))
    headers = [(bytes(name), bytes(value)) for name, value in fields if not name.startswith(b":")]
    host = next((value for name, value in headers if name == b"host"), b"")
    return Received(
        method=pseudo.get(b":method", b"").decode("latin-1"),
        target=bytes(pseudo.get(b":path", b"")),
        authority=bytes(pseudo.get(b":authority", host)),
        headers=headers,
        http_version="2",
        connection=connection,
        stream_id=stream_id,
        started_at=now,
    )
