"""Clients that mean harm, in a process of their own: floods, silent bodies, stopped readers.

    python -m benchmarks.attackers KIND PORT CA_FILE SECONDS [RATE]

Bounded by SECONDS, to loopback only; prints the bytes sent and the connections used. A flooder that
is thrown out connects again. RATE is in bytes a second.
"""

import asyncio
import socket
import ssl
import struct
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from hpack import Encoder

from tests.raw_http2 import PREFACE, SETTINGS, frame

OPENING = PREFACE + frame(SETTINGS, 0, 0)
PIECE = 64 * 1024  # bytes written at a time
RESET = struct.pack("ii", 1, 0)  # of SO_LINGER: unsent bytes are dropped
SILENT = 20  # requests or readers at a time
HEAD = [(b":method", b"POST"), (b":scheme", b"https"), (b":authority", b"localhost")]
BLOCK = Encoder().encode([*HEAD, (b":path", b"/v1/messages")])


@dataclass
class Sent:
    """What an attacker has done so far."""

    bytes: int = 0
    connections: int = 0


def _opened(stream: int, flags: int = 0x4) -> bytes:
    return frame(0x1, flags, stream, BLOCK)


def _resets(code: bytes, kind: int) -> Callable[[int], bytes]:
    def piece(number: int) -> bytes:
        first = 3 + 2 * 400 * number
        return b"".join(
            _opened(stream, 0x5) + frame(kind, 0, stream, code)
            for stream in range(first, first + 800, 2)
        )

    return piece


def _repeated(one: bytes) -> Callable[[int], bytes]:
    whole = one * (PIECE // len(one))
    return lambda _: whole


# What a flood opens with, and its pieces, by number.
FLOODS: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "ping": (b"", _repeated(frame(0x6, 0, 0, b"12345678"))),
    "settings": (b"", _repeated(frame(0x4, 0, 0))),
    "priority": (b"", _repeated(frame(0x2, 0, 1, b"\0\0\0\0\1"))),
    "window_update": (b"", _repeated(frame(0x8, 0, 0, b"\0\0\0\1"))),
    "empty_data": (_opened(1), _repeated(frame(0x0, 0, 1))),
    "byte_data": (_opened(1), _repeated(frame(0x0, 0, 1, b"x"))),
    "unknown": (b"", _repeated(frame(0x77, 0, 0))),
    "rapid_reset": (b"", _resets(b"\0\0\0\x08", 0x3)),
    "made_reset": (b"", _resets(b"\x7f\xff\xff\xff", 0x8)),
}


class Attacker:
    """One kind of harm to one port."""

    def __init__(self, port: int, trust: ssl.SSLContext, rate: float = 2.5e6) -> None:
        self.sent = Sent()
        self._port = port
        self._trust = trust
        self._rate = rate

    async def run(self, kind: str, seconds: float) -> Sent:
        """Do harm for so long."""
        harm: Callable[[], Awaitable[None]] = {
            "silent_bodies": self._silent,
            "stopped_readers": self._stopped,
        }.get(kind) or (lambda: self._flood(kind))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    with suppress(OSError, asyncio.IncompleteReadError):
                        await harm()
                    await asyncio.sleep(0.01)
        return self.sent

    async def _connect(self, protocol: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._trust.set_alpn_protocols([protocol])
        self.sent.connections += 1
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._trust, ssl_shutdown_timeout=0.2
        )
        # Its end is a reset: tiny frames that the kernel still delivered would be read for minutes.
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        return reader, writer

    async def _flood(self, kind: str) -> None:
        opening, piece = FLOODS[kind]
        _, writer = await self._connect("h2")
        try:
            writer.write(OPENING + opening)
            number, due = 0, time.monotonic()
            while not writer.is_closing():
                data = piece(number)
                number += 1
                writer.write(data)
                await writer.drain()
                self.sent.bytes += len(data)
                due += len(data) / self._rate
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        finally:
            writer.transport.abort()

    async def _silent(self) -> None:
        """Begin requests and never send their bodies."""
        reader, writer = await self._connect("h2")
        try:
            writer.write(OPENING + b"".join(_opened(2 * n + 1) for n in range(SILENT)))
            while await reader.read(PIECE):
                pass
        finally:
            writer.transport.abort()

    async def _stopped(self) -> None:
        """Ask for a long answer and never read it."""
        _, writer = await self._connect("http/1.1")
        try:
            body = b'{"model":"claude-sonnet-4-5","messages":[],"stream":true,"max_tokens":9}'
            writer.write(
                b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\nx-simulate: "
                b'{"words": 100000}\r\ncontent-length: %d\r\n\r\n' % len(body) + body
            )
            writer.transport.pause_reading()  # type: ignore[attr-defined]
            await asyncio.sleep(3)
        finally:
            writer.transport.abort()


async def main(kind: str, port: str, ca_file: str, seconds: str, rate: str = "2.5e6") -> None:
    """Run one attacker; print what it did."""
    attacker = Attacker(int(port), ssl.create_default_context(cafile=ca_file), float(rate))
    sent = await attacker.run(kind, float(seconds))
    print(sent.bytes, sent.connections)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
