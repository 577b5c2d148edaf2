"""An HTTP/2 upstream that costs little itself: hand-made frames, in a process of its own.

The path says what it does: ``/post`` answers a body with 2 KB, ``/sink`` takes a large one,
``/paced?N`` sends N events 20 ms apart, ``/unpaced?N`` as fast as the windows allow, ``/quick``
answers at once, ``/open`` sends header fields and nothing more. A field ``x-work`` replaces
the path, so that a proxy takes the request for a message.
"""

import asyncio
import ssl
import struct
import sys
from typing import Any

from hpack import Decoder

DATA, HEADERS, RESET, SETTINGS, PING, WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
INITIAL_WINDOW, MAX_STREAMS = 4, 3
PREFACE = 24
EVENT = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{}}\n\n'
GAP = 0.02  # seconds between paced events
STATUS_200 = b"\x88"  # RFC 7541, appendix A
EVENT_STREAM = b"\x0f\x10\x11text/event-stream"  # content-type, never indexed (§6.2.3)


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Serialize a frame (RFC 9113 §4.1)."""
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream) + payload


class Upstream(asyncio.Protocol):
    """One connection. State: the windows, the bytes not yet parsed, the running tasks."""

    def __init__(self) -> None:
        self.decoder = Decoder()
        self.buffer = bytearray()
        self.preface = PREFACE
        self.initial = self.window = 65_535
        self.windows: dict[int, int] = {}
        self.paths: dict[int, bytes] = {}
        self.opened = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        """Send SETTINGS at once, and a large window."""
        self.write = transport.write
        large = struct.pack(">HIHI", MAX_STREAMS, 100, INITIAL_WINDOW, 2**20)
        self.write(frame(SETTINGS, 0, 0, large) + self._credit(0, 2**24))

    def connection_lost(self, _exc: Exception | None) -> None:
        """Stop sending."""
        for task in self.tasks:
            task.cancel()

    def data_received(self, data: bytes) -> None:
        """Cut what came into frames."""
        self.buffer += data
        if self.preface:
            if len(self.buffer) < PREFACE:
                return
            del self.buffer[:PREFACE]
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
        if kind == DATA and payload:
            self.write(self._credit(0, len(payload)) + self._credit(stream, len(payload)))
        elif kind == HEADERS:
            fields = dict(self.decoder.decode(payload, raw=True))
            self.paths[stream] = fields.get(b"x-work", fields[b":path"])
            self.windows[stream] = self.initial
        elif kind == SETTINGS and not flags & ACK:
            self._settle(payload)
        elif kind == PING and not flags & ACK:
            self.write(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            self._widen(stream, *struct.unpack(">I", payload))
        elif kind == RESET:
            self.windows.pop(stream, None)
        if kind in (DATA, HEADERS) and flags & END_STREAM:
            self._answer(stream, self.paths[stream])

    def _settle(self, payload: bytes) -> None:
        settings = dict(struct.iter_unpack(">HI", payload))
        self.initial = settings.get(INITIAL_WINDOW, self.initial)
        self.write(frame(SETTINGS, ACK, 0))

    def _credit(self, stream: int, size: int) -> bytes:
        return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", size))

    def _widen(self, stream: int, size: int) -> None:
        if not stream:
            self.window += size
        elif stream in self.windows:
            self.windows[stream] += size
        self.opened.set()

    def _answer(self, stream: int, path: bytes) -> None:
        head = frame(HEADERS, END_HEADERS, stream, STATUS_200)
        name, _, count = path.partition(b"?")
        if name in (b"/post", b"/sink", b"/quick"):
            size = 2_048 if name == b"/post" else 2
            self.windows.pop(stream)
            self.write(head + frame(DATA, END_STREAM, stream, b"x" * size))
            return
        if name != b"/open":
            head = frame(HEADERS, END_HEADERS, stream, STATUS_200 + EVENT_STREAM)
        self.write(head)
        if name != b"/open":
            stream_events = self._paced if name == b"/paced" else self._unpaced
            task = asyncio.ensure_future(stream_events(stream, int(count)))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def _paced(self, stream: int, count: int) -> None:
        event = frame(DATA, 0, stream, EVENT)
        for _ in range(count):
            await self._room(stream, len(EVENT))
            self.write(event)
            await asyncio.sleep(GAP)
        self.write(frame(DATA, END_STREAM, stream))

    async def _unpaced(self, stream: int, count: int) -> None:
        event = frame(DATA, 0, stream, EVENT)
        while count:
            await self._room(stream, 10 * len(EVENT))
            batch = min(10, count)
            self.write(event * batch)
            count -= batch
            await asyncio.sleep(0)
        self.write(frame(DATA, END_STREAM, stream))

    async def _room(self, stream: int, size: int) -> None:
        while min(self.window, self.windows[stream]) < size:
            self.opened.clear()
            await self.opened.wait()
        self.window -= size
        self.windows[stream] -= size


async def main(certificate: str, key: str) -> None:
    """Serve until the standard input ends; prints the port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    context.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Upstream, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main(sys.argv[1], sys.argv[2]))
