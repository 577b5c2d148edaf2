"""The server's side of HTTP/2 by hand: frames are bytes, and no rule is enforced.

It costs little, which benchmarks need, and it lets a test break every rule of RFC 9113.
"""

import asyncio
import struct
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from hpack import Decoder

DATA, HEADERS, RESET, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
MAX_STREAMS, INITIAL_WINDOW = 3, 4  # settings (RFC 9113 §6.5.2)
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEAD = struct.Struct(">IBI")  # length and type, flags, stream
WINDOW = 65_535  # until SETTINGS say otherwise

Fields = list[tuple[bytes, bytes]]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Serialize a frame (RFC 9113 §4.1)."""
    return HEAD.pack(len(payload) << 8 | kind, flags, stream) + payload


def settings(values: dict[int, int]) -> bytes:
    """Serialize a SETTINGS frame."""
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *one) for one in values.items()))


def credit(stream: int, size: int) -> bytes:
    """Serialize a WINDOW_UPDATE frame."""
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


class Stream:
    """One request. State: ``window``, the bytes that may be sent."""

    def __init__(self, stream_id: int, window: int) -> None:
        self.id = stream_id
        self.window = window


S = TypeVar("S", bound=Stream)


class Connection(asyncio.Protocol, Generic[S]):
    """One connection; subclasses say what becomes of its streams.

    State: ``window`` of the connection and ``initial_window`` of a stream; ``streams`` that began;
    ``opened``, set whenever there may be room to send; the bytes and the header block not yet
    whole.
    """

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.window = self.initial_window = WINDOW
        self.streams: dict[int, S] = {}
        self.opened = asyncio.Event()
        self.decoder = Decoder()
        self._buffer = bytearray()
        self._preface = len(PREFACE)
        self._block = b""
        self._last = False  # whether the header block in work ends its stream
        self._writable = True

    def begin(self, stream_id: int, fields: Fields) -> S:
        """Return the stream of a request whose header fields have come."""
        raise NotImplementedError

    def body(self, stream: S | None, payload: bytes, size: int) -> None:
        """Take a piece of a body, which used ``size`` bytes of the windows."""

    def whole(self, stream: S) -> None:
        """Take note that a request has come whole."""

    def gone(self, stream: S, code: int) -> None:
        """Take note that the client has reset a stream."""

    def write(self, data: bytes) -> None:
        """Write, unless the connection is closing."""
        if not self.transport.is_closing():
            self.transport.write(data)

    async def room(self, stream: S, size: int) -> None:
        """Wait for the windows of stream and connection, and for the transport."""
        while not self._writable or min(self.window, stream.window) < size:
            self.opened.clear()
            await self.opened.wait()

    def connection_made(self, transport: Any) -> None:
        """Remember what to write to."""
        self.transport = transport

    def pause_writing(self) -> None:
        """Wait for a client that reads slowly."""
        self._writable = False

    def resume_writing(self) -> None:
        """Go on."""
        self._writable = True
        self.opened.set()

    def data_received(self, data: bytes) -> None:
        """Take the frames that are whole."""
        self._buffer += data
        if self._preface:
            if len(self._buffer) < self._preface:
                return
            del self._buffer[: self._preface]
            self._preface = 0
        for kind, flags, stream_id, payload in self._frames():
            self.take(kind, flags, stream_id, payload)

    def take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """Take a frame."""
        if kind == DATA:
            content = _content(kind, flags, payload)
            self.body(self.streams.get(stream_id), content, len(payload))
            self._ended(flags & END_STREAM, stream_id)
        elif kind in (HEADERS, CONTINUATION):
            self._head(kind, flags, stream_id, payload)
        elif kind == WINDOW_UPDATE:
            self._widen(stream_id, *struct.unpack(">I", payload))
        elif kind == SETTINGS and not flags & ACK:
            self._settle(dict(struct.iter_unpack(">HI", payload)))
        elif kind == PING and not flags & ACK:
            self.write(frame(PING, ACK, 0, payload))
        elif kind == RESET and (stream := self.streams.get(stream_id)) is not None:
            self.gone(stream, *struct.unpack(">I", payload))

    def _frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        start, buffer = 0, self._buffer
        while len(buffer) - start >= HEAD.size:
            word, flags, stream_id = HEAD.unpack_from(buffer, start)
            end = start + HEAD.size + (word >> 8)
            if len(buffer) < end:
                break
            payload = bytes(buffer[start + HEAD.size : end])
            start = end
            yield word & 0xFF, flags, stream_id, payload
        del buffer[:start]

    def _head(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == HEADERS:
            self._block, self._last = b"", bool(flags & END_STREAM)
            payload = _content(kind, flags, payload)
        self._block += payload
        if flags & END_HEADERS:
            fields = self.decoder.decode(self._block, raw=True)
            self.streams[stream_id] = self.begin(
                stream_id, [(bytes(name), bytes(value)) for name, value in fields]
            )
            self._ended(self._last, stream_id)

    def _ended(self, last: int, stream_id: int) -> None:
        if last and (stream := self.streams.get(stream_id)) is not None:
            self.whole(stream)

    def _settle(self, values: dict[int, int]) -> None:
        if INITIAL_WINDOW in values:
            change = values[INITIAL_WINDOW] - self.initial_window
            self.initial_window += change
            for stream in self.streams.values():
                stream.window += change
            self.opened.set()
        self.write(frame(SETTINGS, ACK, 0))

    def _widen(self, stream_id: int, size: int) -> None:
        if not stream_id:
            self.window += size
        elif stream_id in self.streams:
            self.streams[stream_id].window += size
        self.opened.set()


def _content(kind: int, flags: int, payload: bytes) -> bytes:
    """Return a payload without padding and priority (RFC 9113 §6.1, §6.2)."""
    start, end = 0, len(payload)
    if flags & PADDED:
        start, end = 1, end - payload[0]
    if kind == HEADERS and flags & PRIORITY:
        start += 5
    return payload[start:end]
