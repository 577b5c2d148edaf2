"""An upstream that costs little itself: hand-made frames, in a process of its own.

    python -m benchmarks.raw_upstream CERTIFICATE KEY

Speaks HTTP/2 and, to who asks for no HTTP/2, HTTP/1.1 (`benchmarks.raw_http1`). What it answers
stands in `benchmarks.raw_work`. Prints its port; ends when its standard input does.
"""

import asyncio
import ssl
import sys
import zlib
from typing import Any

from hpack import Decoder

from benchmarks import raw_http1
from benchmarks.raw_work import FIELDS, answer, request_id
from tests import raw_http2
from tests.raw_http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW,
    MAX_STREAMS,
    Fields,
    credit,
    frame,
)

STATUS_200 = b"\x88"  # RFC 7541, appendix A
CONTENT_TYPE = b"\x0f\x10"  # without indexing (§6.2.2), as what follows


def _literal(first: int, name: bytes, value: bytes) -> bytes:
    """Return a field with a new name, uncompressed (§6.2); both are shorter than 127 bytes."""
    return bytes([first, len(name)]) + name + bytes([len(value)]) + value


# A connection's first answer adds the fields to the peer's table, the others name their places.
ADDED = b"".join(_literal(0x40, *field) for field in FIELDS)
INDEXED = bytes(0x80 | 62 + place for place in reversed(range(len(FIELDS))))
BLOCKS = 256  # that are remembered at a time
WINDOW, CONNECTION_WINDOW = 2**20, 2**24  # credit is given back by halves, as nginx and Go do


class RepeatDecoder(Decoder):
    """A decoder that remembers the blocks which left its table as it was: they come again.

    To decode each one again would take this upstream longer than to read a request of HTTP/1.1, and
    whoever speaks HTTP/2 to it would seem slower. State beside hpack's: the fields of ``_known``
    blocks, until the table changes (RFC 7541 §2.3.2).
    """

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[bytes, Any] = {}

    def decode(self, data: bytes, raw: bool = False) -> Any:
        """Return the fields of a block."""
        known = self._known.get(data)
        if known is not None:
            return known
        before = self._table()
        fields = super().decode(data, raw)
        if self._table() != before or len(self._known) == BLOCKS:
            self._known.clear()
        else:
            self._known[data] = fields
        return fields

    def _table(self) -> tuple[int, int, int]:
        """Return what differs once an entry has been added, which always comes first, or lost."""
        entries = self.header_table.dynamic_entries
        return self.header_table.maxsize, len(entries), id(entries[0]) if entries else 0


class Http2Exchange(raw_http2.Stream):
    """One stream. State beside its window: what came of its body, what credit it is due."""

    def __init__(self, connection: "Connection", stream_id: int, path: bytes) -> None:
        super().__init__(stream_id, connection.initial_window)
        self.path = path
        self.size = self.checksum = self.due = 0
        self.task: asyncio.Task[None] | None = None
        self._connection = connection

    def begin(self, kind: bytes, _size: int | None, /) -> None:
        """Send the header fields."""
        block = STATUS_200 + CONTENT_TYPE + bytes([len(kind)]) + kind
        block += self._connection.fields() + _literal(0x00, b"request-id", request_id())
        self._connection.write(frame(HEADERS, END_HEADERS, self.id, block))

    def send(self, pieces: list[bytes], *, end: bool = False) -> None:
        """Send a DATA frame for each piece."""
        last = len(pieces) - 1
        size = sum(map(len, pieces))
        self._connection.window -= size
        self.window -= size
        self._connection.write(
            b"".join(
                frame(DATA, END_STREAM if end and number == last else 0, self.id, piece)
                for number, piece in enumerate(pieces)
            )
        )
        if end:
            self._connection.streams.pop(self.id, None)

    async def room(self, size: int) -> None:
        """Wait until so many bytes may be sent."""
        await self._connection.room(self, size)


class Connection(raw_http2.Connection[Http2Exchange]):
    """One connection. State: the credit that is ``_due``, and what the peer's table lacks."""

    def __init__(self) -> None:
        super().__init__()
        self.decoder = RepeatDecoder()
        self._due = 0
        self._fields = ADDED

    def fields(self) -> bytes:
        """Return the fields that all answers have."""
        fields, self._fields = self._fields, INDEXED
        return fields

    def connection_made(self, transport: Any) -> None:
        """Send SETTINGS at once, and a large window."""
        super().connection_made(transport)
        self.write(
            raw_http2.settings({MAX_STREAMS: 100, INITIAL_WINDOW: WINDOW})
            + credit(0, CONNECTION_WINDOW)
        )

    def connection_lost(self, _exc: Exception | None) -> None:
        """Stop sending."""
        for stream in self.streams.values():
            if stream.task is not None:
                stream.task.cancel()

    def begin(self, stream_id: int, fields: Fields) -> Http2Exchange:
        """Note what is asked for."""
        named = dict(fields)
        return Http2Exchange(self, stream_id, named.get(b"x-work", named[b":path"]))

    def body(self, stream: Http2Exchange | None, payload: bytes, size: int) -> None:
        """Count and check a piece, and give credit for it by halves."""
        self._due += size
        if self._due > CONNECTION_WINDOW // 2:
            self.write(credit(0, self._due))
            self._due = 0
        if stream is None:
            return
        stream.size += len(payload)
        stream.checksum = zlib.crc32(payload, stream.checksum)
        stream.due += size
        if stream.due > WINDOW // 2:
            self.write(credit(stream.id, stream.due))
            stream.due = 0

    def whole(self, stream: Http2Exchange) -> None:
        """Answer."""
        stream.task = answer(stream, stream.path, stream.size, stream.checksum)

    def gone(self, stream: Http2Exchange, _code: int) -> None:
        """Stop answering."""
        del self.streams[stream.id]
        if stream.task is not None:
            stream.task.cancel()


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
