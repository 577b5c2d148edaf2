"""RFC 9113 and RFC 7541, frame by frame, as a client that breaks their rules sees our server.

Each case is a connection of its own to one server. It sends raw bytes behind an ordinary preface,
then a PING, and reads until the connection's fate is known. The outcomes, as RFC 9113 §5.4 names
them:

``fine``    the rule allows it: the PING is answered.
``closed``  a connection error: GOAWAY with one of the codes, or the connection is closed.
``reset``   a stream error: RST_STREAM with one of the codes, or a 400; a server may always treat
            it as a connection error (§5.4.2).
"""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from h2.errors import ErrorCodes
from hpack import Encoder

from app.certificates import Certificate
from tests.listener.serving import Served, echo, listening
from tests.proxying import DEADLINE

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
NO, PROTOCOL, FLOW, STREAM_CLOSED, SIZE, COMPRESSION = (
    ErrorCodes.NO_ERROR,
    ErrorCodes.PROTOCOL_ERROR,
    ErrorCodes.FLOW_CONTROL_ERROR,
    ErrorCodes.STREAM_CLOSED,
    ErrorCodes.FRAME_SIZE_ERROR,
    ErrorCodes.COMPRESSION_ERROR,
)
HEAD = [
    (b":method", b"POST"),
    (b":scheme", b"https"),
    (b":path", b"/"),
    (b":authority", b"localhost"),
]


def frame(kind: int, flags: int = 0, stream: int = 0, body: bytes = b"") -> bytes:
    return struct.pack(">HBBBL", len(body) >> 8, len(body) & 0xFF, kind, flags, stream) + body


def encoded(*fields: tuple[bytes, bytes], head: list[tuple[bytes, bytes]] | None = None) -> bytes:
    return Encoder().encode([*(HEAD if head is None else head), *fields])


def request(stream: int = 1, *fields: tuple[bytes, bytes], end: bool = True) -> bytes:
    flags = END_HEADERS | (END_STREAM if end else 0)
    return frame(HEADERS, flags, stream, encoded(*fields))


def raw_head(*fields: tuple[bytes, bytes], stream: int = 1) -> bytes:
    """A request with exactly these fields."""
    return frame(HEADERS, END_HEADERS | END_STREAM, stream, encoded(*fields, head=[]))


def block(fragment: bytes) -> bytes:
    """A request whose header block ends in ``fragment``."""
    return frame(HEADERS, END_HEADERS | END_STREAM, 1, encoded() + fragment)


def setting(code: int, value: int) -> bytes:
    return frame(SETTINGS, body=struct.pack(">HL", code, value))


def increment(size: int, stream: int = 0) -> bytes:
    return frame(WINDOW, 0, stream, struct.pack(">L", size))


def priority(stream: int, on: int = 0) -> bytes:
    return frame(PRIORITY, 0, stream, struct.pack(">LB", on, 15))


RESET = struct.pack(">L", ErrorCodes.CANCEL)
OPEN = request(end=False)
HALF = request()  # half-closed (remote): the client has said everything

FINE = {
    # h2spec generic
    "generic/1 a ping": b"",
    "generic/2 idle: PRIORITY": priority(1),
    "generic/2 half-closed: WINDOW_UPDATE": HALF + increment(100, 1),
    "generic/2 half-closed: PRIORITY": HALF + priority(1),
    "generic/2 half-closed: RST_STREAM": HALF + frame(RST, 0, 1, RESET),
    "generic/2 closed: PRIORITY": HALF + frame(RST, 0, 1, RESET) + priority(1),
    "generic/3.1 DATA": OPEN + frame(DATA, END_STREAM, 1, b"test"),
    "generic/3.1 several DATA": OPEN + frame(DATA, 0, 1, b"te") + frame(DATA, END_STREAM, 1, b"st"),
    "generic/3.1 padded DATA": OPEN + frame(DATA, PADDED | END_STREAM, 1, b"\x03test\0\0\0"),
    "generic/3.2 padded HEADERS": frame(
        HEADERS, PADDED | END_HEADERS | END_STREAM, 1, b"\x02" + encoded() + b"\0\0"
    ),
    "generic/3.2 HEADERS with priority": frame(
        HEADERS,
        WITH_PRIORITY | END_HEADERS | END_STREAM,
        1,
        struct.pack(">LB", 0x80000000 | 3, 255) + encoded(),
    ),
    "generic/3.3 PRIORITY with priority 1": priority(1),
    "generic/3.3 PRIORITY of 256": frame(PRIORITY, 0, 1, b"\0\0\0\0\xff"),
    "generic/3.3 PRIORITY depending on another": priority(3, 1),
    "generic/3.3 exclusive PRIORITY": frame(PRIORITY, 0, 1, b"\x80\0\0\0\x0f"),
    "generic/3.4 RST_STREAM": OPEN + frame(RST, 0, 1, RESET),
    "generic/3.5 SETTINGS": setting(3, 100),
    "generic/3.7 PING": frame(PING, body=b"another1"),
    "generic/3.9 WINDOW_UPDATE": increment(100),
    "generic/3.9 WINDOW_UPDATE of a stream": OPEN + increment(100, 1),
    "generic/3.10 CONTINUATION": frame(HEADERS, END_STREAM, 1, encoded()[:9])
    + frame(CONTINUATION, END_HEADERS, 1, encoded()[9:]),
    "generic/3.10 several CONTINUATION": frame(HEADERS, END_STREAM, 1, encoded()[:4])
    + frame(CONTINUATION, 0, 1, encoded()[4:9])
    + frame(CONTINUATION, END_HEADERS, 1, encoded()[9:]),
    "generic/5 indexed field": raw_head(*HEAD),
    "generic/5 literal with Huffman": block(Encoder().encode([(b"x-a", b"value")], huffman=True)),
    # h2spec http2
    "http2/4.1 an unknown type": frame(0x16, 0xFF, 1, b"12345678"),
    "http2/4.1 undefined flags": frame(PING, 0x16, 0, b"undefine"),
    "http2/4.1 the reserved bit": frame(PING, 0, 0x80000000, b"reserved"),
    "http2/4.2 DATA of 16,384": OPEN + frame(DATA, END_STREAM, 1, bytes(16_384)),
    "http2/5.1.1 streams may be skipped": request(5),
    "http2/5.5 an unknown frame in the connection": frame(0xF0, 0, 0, b"any"),
    "http2/6.5.2 an unknown setting": setting(0xFF, 1),
    "http2/6.5.2 the largest window": setting(4, 2**31 - 1),
    "http2/6.5.2 the largest frame": setting(5, 2**24 - 1),
    "http2/6.5.2 the smallest frame": setting(5, 2**14),
    "http2/6.5.2 no push": setting(2, 0),
    "http2/6.5.3 settings without a value": frame(SETTINGS),
    "http2/6.7 PING with ACK that nobody asked for": frame(PING, ACK, 0, b"unasked1"),
    "http2/6.9 the last octet of the window": increment(2**31 - 1 - 65_535),
    "http2/8.1 trailers": OPEN
    + frame(HEADERS, END_HEADERS | END_STREAM, 1, Encoder().encode([(b"x-trailer", b"1")])),
    "http2/8.1.2.6 a length that is right": request(1, (b"content-length", b"4"), end=False)
    + frame(DATA, END_STREAM, 1, b"test"),
    "http2/8.2.2 te trailers": request(1, (b"te", b"trailers")),
    # h2spec hpack
    "hpack/2.3.2 a dynamic entry": block(b"\x40\x03x-a\x01v")
    + frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\x83\x87\x84\x41\x09localhost\xbe"),
    "hpack/6.1 the last static entry": block(b"\xbd"),
    "hpack/6.2.2 literal without indexing": block(b"\x00\x03x-a\x01v"),
    "hpack/6.2.3 literal never indexed": block(b"\x10\x03x-a\x01v"),
    "hpack/6.3 a smaller table at the start": frame(
        HEADERS, END_HEADERS | END_STREAM, 1, b"\x20" + encoded()
    ),
}

CLOSED: dict[str, tuple[bytes, set[int]]] = {
    "http2/4.2 a frame that is too large": (
        OPEN + frame(DATA, END_STREAM, 1, bytes(16_385)),
        {SIZE},
    ),
    "http2/4.2 HEADERS that are too large": (
        frame(HEADERS, END_HEADERS | END_STREAM, 1, encoded((b"x-a", b"a" * 40_000))),
        {SIZE},
    ),
    "http2/4.3 a header block that is none": (block(b"\xff\xff\xff\xff\xff\xff"), {COMPRESSION}),
    "http2/4.3 PRIORITY in a header block": (
        frame(HEADERS, END_STREAM, 1, encoded()) + priority(1),
        {PROTOCOL},
    ),
    "http2/4.3 HEADERS in a header block": (
        frame(HEADERS, END_STREAM, 1, encoded()) + request(3),
        {PROTOCOL},
    ),
    "http2/5.1 idle: DATA": (frame(DATA, END_STREAM, 1, b"test"), {PROTOCOL}),
    "http2/5.1 idle: RST_STREAM": (frame(RST, 0, 1, RESET), {PROTOCOL}),
    "http2/5.1 idle: WINDOW_UPDATE": (increment(100, 1), {PROTOCOL}),
    "http2/5.1 idle: CONTINUATION": (frame(CONTINUATION, END_HEADERS, 1, encoded()), {PROTOCOL}),
    "http2/5.1 half-closed: CONTINUATION": (
        HALF + frame(CONTINUATION, END_HEADERS, 1, encoded()),
        {PROTOCOL, STREAM_CLOSED},
    ),
    "http2/5.1.1 an even stream": (request(2), {PROTOCOL}),
    "http2/5.1.1 a smaller stream": (request(5) + request(3), {PROTOCOL, STREAM_CLOSED}),
    "http2/5.5 an unknown frame in a header block": (
        frame(HEADERS, END_STREAM, 1, encoded()) + frame(0x16, 0, 1, b"x"),
        {PROTOCOL},
    ),
    "http2/6.1 DATA of stream 0": (frame(DATA, END_STREAM, 0, b"test"), {PROTOCOL}),
    "http2/6.1 padding as long as the frame": (
        OPEN + frame(DATA, PADDED | END_STREAM, 1, b"\x06test\0"),
        {PROTOCOL},
    ),
    "http2/6.2 HEADERS of stream 0": (request(0), {PROTOCOL}),
    "http2/6.2 padding longer than the block": (
        frame(HEADERS, PADDED | END_HEADERS | END_STREAM, 1, b"\xff" + encoded()),
        {PROTOCOL},
    ),
    "http2/6.3 PRIORITY of stream 0": (priority(0), {PROTOCOL}),
    "http2/6.4 RST_STREAM of stream 0": (frame(RST, 0, 0, RESET), {PROTOCOL}),
    "http2/6.4 RST_STREAM of 3 octets": (OPEN + frame(RST, 0, 1, b"\0\0\x08"), {SIZE}),
    "http2/6.5 SETTINGS with ACK and a value": (
        frame(SETTINGS, ACK, 0, b"\0"),
        {SIZE, PROTOCOL},  # the latter is what python-h2 says
    ),
    "http2/6.5 SETTINGS of a stream": (frame(SETTINGS, 0, 1, b"\0\3\0\0\0\x64"), {PROTOCOL}),
    "http2/6.5 SETTINGS of 3 octets": (frame(SETTINGS, 0, 0, b"\0\3\0"), {SIZE}),
    "http2/6.5.2 push that is neither 0 nor 1": (setting(2, 2), {PROTOCOL}),
    "http2/6.5.2 a window that is too large": (setting(4, 2**31), {FLOW}),
    "http2/6.5.2 a frame size that is too small": (setting(5, 2**14 - 1), {PROTOCOL}),
    "http2/6.5.2 a frame size that is too large": (setting(5, 2**24), {PROTOCOL}),
    "http2/6.6 PUSH_PROMISE of a client": (
        OPEN + frame(PUSH, END_HEADERS, 1, b"\0\0\0\2" + encoded()),
        {PROTOCOL},
    ),
    "http2/6.7 PING of a stream": (frame(PING, 0, 1, b"12345678"), {PROTOCOL}),
    "http2/6.7 PING of 6 octets": (frame(PING, 0, 0, b"123456"), {SIZE}),
    "http2/6.8 GOAWAY of a stream": (frame(GOAWAY, 0, 1, bytes(8)), {PROTOCOL}),
    "http2/6.9 WINDOW_UPDATE of 0": (increment(0), {PROTOCOL}),
    "http2/6.9 WINDOW_UPDATE of 3 octets": (frame(WINDOW, 0, 0, b"\0\0\1"), {SIZE}),
    "http2/6.9.1 a window over 2^31-1": (increment(2**31 - 1) * 2, {FLOW}),
    "http2/6.9.2 a window over 2^31-1 by SETTINGS": (
        OPEN + increment(2**31 - 1 - 65_535, 1) + setting(4, 65_536),
        {FLOW},
    ),
    "http2/6.10 CONTINUATION of stream 0": (
        frame(HEADERS, END_STREAM, 1, encoded()) + frame(CONTINUATION, END_HEADERS, 0, b""),
        {PROTOCOL},
    ),
    "http2/6.10 CONTINUATION of another stream": (
        frame(HEADERS, END_STREAM, 1, encoded()) + frame(CONTINUATION, END_HEADERS, 3, b""),
        {PROTOCOL},
    ),
    "http2/6.10 CONTINUATION behind the end": (
        request() + frame(CONTINUATION, END_HEADERS, 1, b""),
        {PROTOCOL, STREAM_CLOSED},
    ),
    "http2/6.10 DATA in a header block": (
        frame(HEADERS, 0, 1, encoded()) + frame(DATA, END_STREAM, 1, b"test"),
        {PROTOCOL},
    ),
    "hpack/2.3.3 an index past the tables": (block(b"\xff\x00"), {COMPRESSION}),
    "hpack/4.2 a table size in the middle": (block(b"\x20"), {COMPRESSION}),
    "hpack/5.2 padding of Huffman code over 7 bits": (
        block(b"\x00\x03x-a\x82\x1f\xff"),
        {COMPRESSION},
    ),
    "hpack/5.2 padding of Huffman code with zeros": (block(b"\x00\x03x-a\x81\x18"), {COMPRESSION}),
    "hpack/5.2 EOS in Huffman code": (
        block(b"\x00\x03x-a\x84\xff\xff\xff\xfc"),
        {COMPRESSION},
    ),
    "hpack/6.1 index 0": (block(b"\x80"), {COMPRESSION}),
    "hpack/6.3 a table size over the limit": (
        frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x3f\xff\xff\x03" + encoded()),
        {COMPRESSION},
    ),
    "hpack/5.1 an integer without end": (block(b"\x7f" + b"\xff" * 200), {COMPRESSION}),
    "hpack/5.2 a string longer than the block": (block(b"\x00\x7f\x05x"), {COMPRESSION}),
    "http2/3.4 an invalid preface": (b"", {PROTOCOL}),
    "http2/3.4 no SETTINGS behind the preface": (b"", {PROTOCOL}),
}

RESETS: dict[str, tuple[bytes, set[int]]] = {
    "http2/5.1 half-closed: DATA": (HALF + frame(DATA, END_STREAM, 1, b"t"), {STREAM_CLOSED}),
    "http2/5.1 half-closed: HEADERS": (HALF + request(), {STREAM_CLOSED}),
    "http2/5.1 closed by RST_STREAM: DATA": (
        OPEN + frame(RST, 0, 1, RESET) + frame(DATA, END_STREAM, 1, b"t"),
        {STREAM_CLOSED},
    ),
    "http2/5.1 closed by RST_STREAM: HEADERS": (
        OPEN + frame(RST, 0, 1, RESET) + request(),
        {STREAM_CLOSED},
    ),
    "http2/5.1.2 more streams than allowed": (
        b"".join(frame(HEADERS, END_HEADERS, 2 * number + 1, encoded()) for number in range(200)),
        {PROTOCOL, ErrorCodes.REFUSED_STREAM},
    ),
    "http2/5.3.1 HEADERS that depend on themselves": (
        frame(
            HEADERS,
            WITH_PRIORITY | END_HEADERS | END_STREAM,
            1,
            struct.pack(">LB", 1, 255) + encoded(),
        ),
        {PROTOCOL},
    ),
    "http2/6.3 PRIORITY of 4 octets": (OPEN + frame(PRIORITY, 0, 1, b"\0\0\0\0"), {SIZE}),
    "http2/6.9 WINDOW_UPDATE of 0 on a stream": (OPEN + increment(0, 1), {PROTOCOL}),
    "http2/6.9.1 a stream's window over 2^31-1": (OPEN + increment(2**31 - 1, 1), {FLOW}),
    "http2/8.1 trailers without END_STREAM": (
        OPEN + frame(HEADERS, END_HEADERS, 1, Encoder().encode([(b"x-trailer", b"1")])),
        {PROTOCOL},
    ),
    "http2/8.1.2 an upper-case name": (request(1, (b"X-TEST", b"ok")), {PROTOCOL}),
    "http2/8.1.2.1 an unknown pseudo-field": (request(1, (b":test", b"ok")), {PROTOCOL}),
    "http2/8.1.2.1 a response's pseudo-field": (request(1, (b":status", b"200")), {PROTOCOL}),
    "http2/8.1.2.1 a pseudo-field in trailers": (
        OPEN
        + frame(HEADERS, END_HEADERS | END_STREAM, 1, Encoder().encode([(b":method", b"GET")])),
        {PROTOCOL},
    ),
    "http2/8.2 LF in a trailer": (
        OPEN + frame(HEADERS, END_HEADERS | END_STREAM, 1, Encoder().encode([(b"x-a", b"1\n2")])),
        {PROTOCOL},
    ),
    "http2/8.1.2.1 a pseudo-field behind a field": (
        raw_head((b"x-test", b"ok"), *HEAD),
        {PROTOCOL},
    ),
    "http2/8.1.2.2 connection": (request(1, (b"connection", b"keep-alive")), {PROTOCOL}),
    "http2/8.1.2.2 te": (request(1, (b"te", b"trailers, deflate")), {PROTOCOL}),
    "http2/8.1.2.3 an empty path": (raw_head(*HEAD[:2], (b":path", b""), HEAD[3]), {PROTOCOL}),
    "http2/8.1.2.3 no method": (raw_head(*HEAD[1:]), {PROTOCOL}),
    "http2/8.1.2.3 no scheme": (raw_head(HEAD[0], *HEAD[2:]), {PROTOCOL}),
    "http2/8.1.2.3 no path": (raw_head(*HEAD[:2], HEAD[3]), {PROTOCOL}),
    "http2/8.1.2.3 two methods": (request(1, (b":method", b"GET")), {PROTOCOL}),
    "http2/8.1.2.3 two schemes": (request(1, (b":scheme", b"https")), {PROTOCOL}),
    "http2/8.1.2.3 two paths": (request(1, (b":path", b"/")), {PROTOCOL}),
    "http2/8.1.2.6 a length that is not the body's": (
        request(1, (b"content-length", b"1"), end=False) + frame(DATA, END_STREAM, 1, b"test"),
        {PROTOCOL},
    ),
    "http2/8.1.2.6 a length that is not the sum of the bodies'": (
        request(1, (b"content-length", b"1"), end=False)
        + frame(DATA, 0, 1, b"te")
        + frame(DATA, END_STREAM, 1, b"st"),
        {PROTOCOL},
    ),
    "http2/8.2 CR in a value": (request(1, (b"x-a", b"a\rb")), {PROTOCOL}),
    "http2/8.2 LF in a value": (request(1, (b"x-a", b"a\nb")), {PROTOCOL}),
    "http2/8.2 NUL in a value": (request(1, (b"x-a", b"a\0b")), {PROTOCOL}),
}

PREFACES = {
    "http2/3.4 an invalid preface": b"INVALID CONNECTION PREFACE\r\n\r\n" + frame(SETTINGS),
    "http2/3.4 no SETTINGS behind the preface": PREFACE + frame(PING, body=b"12345678"),
}


@dataclass
class Seen:
    """What came back. ``pong`` answers the PING behind a case."""

    pong: bool = False
    closed: bool = False
    goaways: list[int] = field(default_factory=list)
    resets: list[int] = field(default_factory=list)
    refused: bool = False  # a response of 400

    @property
    def over(self) -> bool:
        return self.pong or self.closed

    @property
    def stream_over(self) -> bool:
        return bool(self.resets) or self.refused or self.closed


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(certificate: Certificate) -> AsyncIterator[Served]:
    async with listening(echo, certificate) as running:
        yield running


async def _sent(
    served: Served,
    opening: bytes,
    case: bytes,
    over: Callable[[Seen], bool] = lambda seen: seen.over,
) -> Seen:
    """Send a case and a PING; return what came until ``over``, or the PING's answer or the end."""
    trust = served.trust()
    trust.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", served.port, ssl=trust, ssl_shutdown_timeout=0.2
    )
    seen = Seen()
    writer.write(opening + case + frame(PING, body=b"the last"))
    try:
        async with asyncio.timeout(DEADLINE):
            while not over(seen):
                _take(seen, *await _frame(reader))
    except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
        seen.closed = True
    finally:
        writer.transport.abort()
    return seen


async def _frame(reader: asyncio.StreamReader) -> tuple[int, int, bytes]:
    high, low, kind, flags, _ = struct.unpack(">HBBBL", await reader.readexactly(9))
    return kind, flags, await reader.readexactly((high << 8) + low)


def _take(seen: Seen, kind: int, flags: int, body: bytes) -> None:
    seen.pong |= (kind, flags, body) == (PING, ACK, b"the last")
    if kind == GOAWAY:
        seen.goaways.append(int.from_bytes(body[4:8], "big"))
    elif kind == RST:
        seen.resets.append(int.from_bytes(body, "big"))
    elif kind == HEADERS:
        seen.refused |= body.startswith(b"\x8c")  # `:status 400` (RFC 7541, appendix A)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", FINE)
async def test_what_the_rules_allow_is_served(served: Served, case: str) -> None:
    seen = await _sent(served, PREFACE + frame(SETTINGS), FINE[case])
    assert (seen.pong, seen.goaways, seen.resets, seen.refused) == (True, [], [], False)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", CLOSED)
async def test_a_connection_error_ends_the_connection(served: Served, case: str) -> None:
    sent, codes = CLOSED[case]
    seen = await _sent(served, PREFACES.get(case, PREFACE + frame(SETTINGS)), sent)
    assert (seen.pong, seen.closed) == (False, True)
    assert set(seen.goaways) <= codes


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("case", RESETS)
async def test_a_stream_error_ends_the_stream(served: Served, case: str) -> None:
    sent, codes = RESETS[case]
    seen = await _sent(served, PREFACE + frame(SETTINGS), sent, lambda seen: seen.stream_over)
    assert seen.refused or seen.closed or set(seen.resets) & codes
    assert set(seen.goaways) <= codes
    assert set(seen.resets) <= {*codes, NO}
