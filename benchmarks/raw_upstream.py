"""An upstream that costs little itself: hand-made frames, in a process of its own.

    python -m benchmarks.raw_upstream CERTIFICATE KEY

Speaks HTTP/2 and, to who asks for no HTTP/2, HTTP/1.1 (`benchmarks.raw_http1`). What it answers
stands in `benchmarks.raw_work`. Prints its port; ends when its standard input does.
"""

import asyncio
import ssl
import struct
import sys
import zlib
from typing import Any

from hpack import Decoder

from benchmarks import raw_http1
from benchmarks.raw_work import JSON, answer

DATA, HEADERS, RESET, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW, MAX_STREAMS = 4, 3
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
STATUS_200 = b"\x88"  # RFC 7541, appendix A
CONTENT_TYPE = b"\x0f\x10"  # never indexed (§6.2.3)
WINDOW, CONNECTION_WINDOW = 2**20, 2**24  # credit is given back by halves, as nginx and Go do


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Serialize a frame (RFC 9113 §4.1)."""
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


def _credit(stream: int, size: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))


class Http2Exchange:
    """One stream. State: its window, what came of its body, what credit it is due."""

    def __init__(self, connection: "Connection", stream: int, path: bytes, window: int) -> None:
        self.connection, self.stream, self.path, self.window = connection, stream, path, window
        self.size = self.checksum = self.due = 0
        self.task: asyncio.Task[None] | None = None

    def begin(self, kind: bytes, size: int | None) -> None:
        """Send the header fields."""
        block = STATUS_200
        if size is None or kind != JSON:
            block += CONTENT_TYPE + bytes([len(kind)]) + kind
        self.connection.write(frame(HEADERS, END_HEADERS, self.stream, block))

    def send(self, pieces: list[bytes], *, end: bool = False) -> None:
        """Send a DATA frame for each piece."""
        last = len(pieces) - 1
        size = sum(map(len, pieces))
        self.connection.window -= size
        self.window -= size
        self.connection.write(
            b"".join(
                frame(DATA, END_STREAM if end and number == last else 0, self.stream, piece)
                for number, piece in enumerate(pieces)
            )
        )
        if end:
            self.connection.streams.pop(self.stream, None)

    async def room(self, size: int) -> None:
        """Wait for the windows of stream and connection."""
        while min(self.connection.window, self.window) < size:
            self.connection.opened.clear()
            await self.connection.opened.wait()


class Connection(asyncio.Protocol):
    """One connection. State: the windows, the bytes not yet parsed, the open streams."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        self.buffer = bytearray()
        self.preface = len(PREFACE)
        self.initial = self.window = 65_535
        self.due = 0
        self.streams: dict[int, Http2Exchange] = {}
        self.opened = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        """Send SETTINGS at once, and a large window."""
        self.write = transport.write
        settings = struct.pack(">HIHI", MAX_STREAMS, 100, INITIAL_WINDOW, WINDOW)
        self.write(frame(SETTINGS, 0, 0, settings) + _credit(0, CONNECTION_WINDOW))

    def connection_lost(self, _exc: Exception | None) -> None:
        """Stop sending."""
        for stream in self.streams.values():
            if stream.task is not None:
                stream.task.cancel()

    def data_received(self, data: bytes) -> None:
        """Cut what came into frames."""
        self.buffer += data
        if self.preface:
            if len(self.buffer) < self.preface:
                return
            del self.buffer[: self.preface]
            self.preface = 0
        start = 0
        while len(self.buffer) - start >= 9:
            word, flags, stream = struct.unpack_from(">IBI", self.buffer, start)
            size = word >> 8
            if len(self.buffer) - start - 9 < size:
                break
            payload = bytes(self.buffer[start + 9 : start + 9 + size])
            start += 9 + size
            self._take(word & 0xFF, flags, stream, payload)
        del self.buffer[:start]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == DATA:
            self._body(stream, payload)
        elif kind == HEADERS:
            fields = dict(self.decoder.decode(payload, raw=True))
            path = fields.get(b"x-work", fields[b":path"])
            self.streams[stream] = Http2Exchange(self, stream, path, self.initial)
        elif kind == SETTINGS and not flags & ACK:
            self._settle(payload)
        elif kind == PING and not flags & ACK:
            self.write(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            self._widen(stream, *struct.unpack(">I", payload))
        elif kind == RESET:
            self._reset(stream)
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self._answer(stream)

    def _body(self, stream: int, payload: bytes) -> None:
        self.due += len(payload)
        if self.due > CONNECTION_WINDOW // 2:
            self.write(_credit(0, self.due))
            self.due = 0
        if (exchange := self.streams.get(stream)) is None:
            return
        exchange.size += len(payload)
        exchange.checksum = zlib.crc32(payload, exchange.checksum)
        exchange.due += len(payload)
        if exchange.due > WINDOW // 2:
            self.write(_credit(stream, exchange.due))
            exchange.due = 0

    def _reset(self, stream: int) -> None:
        exchange = self.streams.pop(stream, None)
        if exchange is not None and exchange.task is not None:
            exchange.task.cancel()

    def _settle(self, payload: bytes) -> None:
        settings = dict(struct.iter_unpack(">HI", payload))
        self.initial = settings.get(INITIAL_WINDOW, self.initial)
        self.write(frame(SETTINGS, ACK, 0))

    def _widen(self, stream: int, size: int) -> None:
        if not stream:
            self.window += size
        elif stream in self.streams:
            self.streams[stream].window += size
        self.opened.set()

    def _answer(self, stream: int) -> None:
        exchange = self.streams[stream]
        exchange.task = answer(exchange, exchange.path, exchange.size, exchange.checksum)


class Either(asyncio.Protocol):
    """A new connection, until TLS says which protocol it speaks."""

    def connection_made(self, transport: Any) -> None:
        """Hand over to the protocol that was agreed on."""
        http2 = transport.get_extra_info("ssl_object").selected_alpn_protocol() == "h2"
        protocol = Connection() if http2 else raw_http1.Connection()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


async def main(certificate: str, key: str) -> None:
    """Serve until the standard input ends; prints the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2", "http/1.1"])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Either, "127.0.0.1", 0, ssl=context, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(sys.argv[1], sys.argv[2]))
