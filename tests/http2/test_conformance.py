"""RFC 9113 and RFC 7541, frame by frame, as a server that breaks their rules sees our client.

Each case of `tests.wire.conformance` is a connection of its own. The server takes two requests, a
sibling's on stream 1 and one with an unfinished body on stream 3; it begins the sibling's response,
sends the case on stream 3 and a PING, and ends the sibling's response once the PING is answered.
A stream error ends stream 3 and leaves the sibling alone. Left out: what only clients can break,
and fields of the connection, which are dropped on the way to the client (`app.wire.heads`).
"""

import asyncio
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import httpx
import pytest
from h2.errors import ErrorCodes

from app.http2 import Transport
from app.network.abort import abort
from app.wire.limits import PREFACE
from tests.http2.outgoing import request
from tests.http2.tls import Tls
from tests.proxying import DEADLINE
from tests.wire.conformance import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PROTOCOL,
    RST,
    SETTINGS,
    SIZE,
    Faults,
    Side,
    closed,
    encoded,
    fine,
    frame,
    resets,
    setting,
)

HEAD = [(b":status", b"200")]
SIDE = Side(HEAD, stream=3, idle=5, foreign=2)
OPEN = SIDE.message(end=False)
LAST = b"the last"
GREETING = frame(SETTINGS)

FINE = fine(SIDE) | {
    "http2/6.8 GOAWAY that lets streams finish": frame(
        GOAWAY, body=struct.pack(">LL", 2**31 - 1, 0)
    ),
    "http2/8.1 an interim response": SIDE.raw((b":status", b"103"), end=False) + OPEN,
}
CLOSED: Faults = closed(SIDE) | {
    "http2/3.4 no SETTINGS at first": (b"", {PROTOCOL}),
    "http2/3.4 HTTP/1.1": (b"", {PROTOCOL, SIZE}),
    "http2/5.1 idle: HEADERS": (
        frame(HEADERS, END_HEADERS, SIDE.idle, encoded(*HEAD)),
        {PROTOCOL},
    ),
    "http2/6.5.2 push of a server": (setting(2, 1), {PROTOCOL}),
}
RESETS: Faults = resets(SIDE) | {
    "http2/8.1 DATA in front of the head": (frame(DATA, 0, 3, b"body"), {PROTOCOL}),
    "http2/8.1 a final head that comes twice": (OPEN + OPEN, {PROTOCOL}),
    "http2/8.1 an interim response that ends": (SIDE.raw((b":status", b"103")), {PROTOCOL}),
    "http2/8.1 an interim response behind the end": (
        SIDE.message() + SIDE.raw((b":status", b"103"), end=False),
        {PROTOCOL},
    ),
    "http2/8.1.2.1 a request's pseudo-field": (SIDE.message((b":path", b"/")), {PROTOCOL}),
    "http2/8.1.2.4 no status": (SIDE.raw((b"x-a", b"1")), {PROTOCOL}),
    "http2/8.1.2.4 two": (SIDE.message(*HEAD), {PROTOCOL}),
    "http2/8.1.2.4 one that is no number": (SIDE.raw((b":status", b"abc")), {PROTOCOL}),
    "http2/8.1.2.6 a body that is shorter than its length": (
        SIDE.message((b"content-length", b"9"), end=False) + frame(DATA, END_STREAM, 3, b"test"),
        {PROTOCOL},
    ),
}
GREETINGS = {
    "http2/3.4 no SETTINGS at first": frame(PING, body=b"12345678"),
    "http2/3.4 HTTP/1.1": b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
}
# The response is whole before the fault.
WHOLE = {"http2/5.1 half-closed: CONTINUATION", "http2/6.10 CONTINUATION behind the end"}
# A connection error may stand for a stream error (§5.4.1): no server sends such a thing by mistake.
STRICTER = {"http2/6.3 PRIORITY of 4 octets"}


@dataclass
class Seen:
    """What the server read, and what became of the two requests."""

    pong: bool = False
    closed: bool = False
    goaways: list[int] = field(default_factory=list)
    resets: list[tuple[int, int]] = field(default_factory=list)
    sibling: object = None
    other: object = None


class Unfinished(httpx.AsyncByteStream):
    """A body whose rest does not come."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"begun"
        await asyncio.Event().wait()


class Server:
    """The peer of one case. State: ``seen``, ``begun`` counts requests."""

    def __init__(self, greeting: bytes, case: bytes) -> None:
        self.seen = Seen()
        self._greeting = greeting
        self._case = case
        self._begun = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            assert await reader.readexactly(len(PREFACE)) == PREFACE
            writer.write(self._greeting)
            while True:
                high, low, kind, flags, stream = struct.unpack(
                    ">HBBBL", await reader.readexactly(9)
                )
                body = await reader.readexactly((high << 8) + low)
                self._take(writer, kind, flags, stream, body)
        except (asyncio.IncompleteReadError, ConnectionError):
            self.seen.closed = True
        finally:
            abort(writer.transport)

    def _take(
        self, writer: asyncio.StreamWriter, kind: int, flags: int, stream: int, body: bytes
    ) -> None:
        if kind == PING and not flags & ACK:
            writer.write(frame(PING, ACK, 0, body))
        elif kind == HEADERS:
            self._begun += 1
            if self._begun == 2:
                sibling = frame(HEADERS, END_HEADERS, 1, encoded(*HEAD))
                writer.write(sibling + self._case + frame(PING, body=LAST))
        elif kind == PING and body == LAST:
            self.seen.pong = True
            writer.write(frame(DATA, END_STREAM, 1, b"fine"))
        elif kind == GOAWAY:
            self.seen.goaways.append(int.from_bytes(body[4:8], "big"))
        elif kind == RST:
            self.seen.resets.append((stream, int.from_bytes(body, "big")))


async def _fetch(transport: Transport, sent: httpx.Request) -> bytes:
    response = await transport.handle_async_request(sent)
    return await response.aread()


async def _met(
    transport: Transport, tls: Tls, case: bytes, greeting: bytes = GREETING, *, both: bool = True
) -> Seen:
    """Return what a case led to, once the sibling has ended, or ``both`` requests have."""
    server = Server(greeting, case)
    running = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls.server("h2"))
    url = f"https://localhost:{running.sockets[0].getsockname()[1]}"
    sibling = asyncio.create_task(_fetch(transport, request(url)))
    other = asyncio.create_task(_fetch(transport, request(url, body=Unfinished())))
    try:
        async with asyncio.timeout(DEADLINE):
            await asyncio.wait({sibling, other} if both else {sibling})
    finally:
        other.cancel()
        server.seen.sibling, server.seen.other = await asyncio.gather(
            sibling, other, return_exceptions=True
        )
        await transport.aclose()
        running.close()
    return server.seen


@pytest.mark.parametrize("case", FINE)
async def test_what_the_rules_allow_is_accepted(transport: Transport, tls: Tls, case: str) -> None:
    seen = await _met(transport, tls, FINE[case], both=False)
    assert (seen.pong, seen.sibling) == (True, b"fine")
    assert set(seen.goaways) <= {ErrorCodes.NO_ERROR}
    assert set(seen.resets) <= {(3, ErrorCodes.CANCEL)}


@pytest.mark.parametrize("case", CLOSED)
async def test_a_connection_error_ends_the_connection(
    transport: Transport, tls: Tls, case: str
) -> None:
    sent, codes = CLOSED[case]
    seen = await _met(transport, tls, sent, GREETINGS.get(case, GREETING))
    assert not seen.pong
    assert isinstance(seen.sibling, httpx.RemoteProtocolError)
    assert seen.other == b"" if case in WHOLE else isinstance(seen.other, httpx.RemoteProtocolError)
    assert seen.goaways
    assert set(seen.goaways) <= codes


@pytest.mark.parametrize("case", RESETS)
async def test_a_stream_error_ends_its_stream_only(
    transport: Transport, tls: Tls, case: str
) -> None:
    sent, codes = RESETS[case]
    seen = await _met(transport, tls, sent)
    if case in STRICTER:
        assert seen.goaways
        assert set(seen.goaways) <= codes
        return
    assert (seen.pong, seen.sibling) == (True, b"fine")
    assert not seen.goaways or set(seen.goaways) == {ErrorCodes.NO_ERROR}
    assert {code for _, code in seen.resets} & codes
    assert {stream for stream, _ in seen.resets} == {3}
    whole = sent.startswith(SIDE.message())  # the fault came behind a whole response
    assert whole or isinstance(seen.other, httpx.RemoteProtocolError)
