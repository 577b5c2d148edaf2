"""RFC 9113 and RFC 7541, frame by frame: what a peer sends, and what becomes of it, on either side.

The cases are those of h2spec (generic, http2, hpack). Most concern a message that the peer begins,
a request or a response: `Side` makes it. What only one side can meet stands with that side's test.
The outcomes, as RFC 9113 §5.4 names them:

``FINE``    the rule allows it.
``CLOSED``  a connection error: GOAWAY with one of the codes, or the connection is closed.
``RESETS``  a stream error: RST_STREAM with one of the codes.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from h2.errors import ErrorCodes
from hpack import Encoder

Fields = list[tuple[bytes, bytes]]

DATA, HEADERS, PRIORITY, RST, SETTINGS, PUSH, PING, GOAWAY, WINDOW, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
PROTOCOL, FLOW, STREAM_CLOSED, SIZE, COMPRESSION = (
    ErrorCodes.PROTOCOL_ERROR,
    ErrorCodes.FLOW_CONTROL_ERROR,
    ErrorCodes.STREAM_CLOSED,
    ErrorCodes.FRAME_SIZE_ERROR,
    ErrorCodes.COMPRESSION_ERROR,
)
RESET = struct.pack(">L", ErrorCodes.CANCEL)
TRAILER = (b"x-trailer", b"1")

Codes = set[int]
Faults = Mapping[str, tuple[bytes, Codes]]


def frame(kind: int, flags: int = 0, stream: int = 0, body: bytes = b"") -> bytes:
    return struct.pack(">HBBBL", len(body) >> 8, len(body) & 0xFF, kind, flags, stream) + body


def encoded(*fields: tuple[bytes, bytes]) -> bytes:
    return Encoder().encode(fields, huffman=False)


def setting(code: int, value: int) -> bytes:
    return frame(SETTINGS, body=struct.pack(">HL", code, value))


def increment(size: int, stream: int = 0) -> bytes:
    return frame(WINDOW, 0, stream, struct.pack(">L", size))


def priority(stream: int, on: int = 0) -> bytes:
    return frame(PRIORITY, 0, stream, struct.pack(">LB", on, 15))


@dataclass(frozen=True)
class Side:
    """What a peer's message begins with, and the streams: its own, an idle one, the other's."""

    head: Fields
    stream: int
    idle: int
    foreign: int

    def message(self, *fields: tuple[bytes, bytes], end: bool = True) -> bytes:
        return self.raw(*self.head, *fields, end=end)

    def raw(self, *fields: tuple[bytes, bytes], end: bool = True) -> bytes:
        """A head of exactly these fields."""
        flags = END_HEADERS | (END_STREAM if end else 0)
        return frame(HEADERS, flags, self.stream, encoded(*fields))

    def block(self, fragment: bytes) -> bytes:
        """A head whose header block ends in ``fragment``."""
        return frame(HEADERS, END_HEADERS | END_STREAM, self.stream, encoded(*self.head) + fragment)

    def trailers(self, *fields: tuple[bytes, bytes], end: bool = True) -> bytes:
        return self.raw(*fields, end=end)


def fine(side: Side) -> dict[str, bytes]:
    """What the rules allow on either side."""
    stream, idle, head = side.stream, side.idle, encoded(*side.head)
    opened, half = side.message(end=False), side.message()
    reset = frame(RST, 0, stream, RESET)
    whole = END_HEADERS | END_STREAM
    return {
        # h2spec generic
        "generic/1 a ping": b"",
        "generic/2 idle: PRIORITY": priority(idle),
        "generic/2 half-closed: WINDOW_UPDATE": half + increment(100, stream),
        "generic/2 half-closed: PRIORITY": half + priority(stream),
        "generic/2 half-closed: RST_STREAM": half + reset,
        "generic/2 closed: PRIORITY": half + reset + priority(stream),
        "generic/3.1 DATA": opened + frame(DATA, END_STREAM, stream, b"test"),
        "generic/3.1 several DATA": opened
        + frame(DATA, 0, stream, b"te")
        + frame(DATA, END_STREAM, stream, b"st"),
        "generic/3.1 padded DATA": opened
        + frame(DATA, PADDED | END_STREAM, stream, b"\x03test\0\0\0"),
        "generic/3.2 padded HEADERS": frame(
            HEADERS, PADDED | whole, stream, b"\x02" + head + b"\0\0"
        ),
        "generic/3.2 HEADERS with priority": frame(
            HEADERS, WITH_PRIORITY | whole, stream, struct.pack(">LB", 0x80000000 | 7, 255) + head
        ),
        "generic/3.3 PRIORITY with priority 1": priority(idle),
        "generic/3.3 PRIORITY of 256": frame(PRIORITY, 0, idle, b"\0\0\0\0\xff"),
        "generic/3.3 PRIORITY depending on another": priority(idle + 2, idle),
        "generic/3.3 exclusive PRIORITY": frame(PRIORITY, 0, idle, b"\x80\0\0\0\x0f"),
        "generic/3.4 RST_STREAM": opened + reset,
        "generic/3.5 SETTINGS": setting(3, 100),
        "generic/3.7 PING": frame(PING, body=b"another1"),
        "generic/3.9 WINDOW_UPDATE": increment(100),
        "generic/3.9 WINDOW_UPDATE of a stream": opened + increment(100, stream),
        "generic/3.10 CONTINUATION": frame(HEADERS, END_STREAM, stream, head[:9])
        + frame(CONTINUATION, END_HEADERS, stream, head[9:]),
        "generic/3.10 several CONTINUATION": frame(HEADERS, END_STREAM, stream, head[:4])
        + frame(CONTINUATION, 0, stream, head[4:9])
        + frame(CONTINUATION, END_HEADERS, stream, head[9:]),
        "generic/5 indexed field": half,
        "generic/5 literal with Huffman": side.block(
            Encoder().encode([(b"x-a", b"value")], huffman=True)
        ),
        # h2spec http2
        "http2/4.1 an unknown type": frame(0x16, 0xFF, stream, b"12345678"),
        "http2/4.1 undefined flags": frame(PING, 0x16, 0, b"undefine"),
        "http2/4.1 the reserved bit": frame(PING, 0, 0x80000000, b"reserved"),
        "http2/4.2 DATA of 16,384": opened + frame(DATA, END_STREAM, stream, bytes(16_384)),
        "http2/5.5 an unknown frame in the connection": frame(0xF0, 0, 0, b"any"),
        "http2/6.5.2 an unknown setting": setting(0xFF, 1),
        "http2/6.5.2 the largest window": setting(4, 2**31 - 1),
        "http2/6.5.2 the largest frame": setting(5, 2**24 - 1),
        "http2/6.5.2 the smallest frame": setting(5, 2**14),
        "http2/6.5.2 no push": setting(2, 0),
        "http2/6.5.3 settings without a value": frame(SETTINGS),
        "http2/6.7 PING with ACK that nobody asked for": frame(PING, ACK, 0, b"unasked1"),
        "http2/6.9 the last octet of the window": increment(2**31 - 1 - 65_535),
        "http2/8.1 trailers": opened + side.trailers(TRAILER),
        "http2/8.1.2.6 a length that is right": side.message((b"content-length", b"4"), end=False)
        + frame(DATA, END_STREAM, stream, b"test"),
        # h2spec hpack
        "hpack/2.3.2 a dynamic entry": side.block(b"\x40\x03x-a\x01v\xbe"),
        "hpack/6.1 the last static entry": side.block(b"\xbd"),
        "hpack/6.2.2 literal without indexing": side.block(b"\x00\x03x-a\x01v"),
        "hpack/6.2.3 literal never indexed": side.block(b"\x10\x03x-a\x01v"),
        "hpack/6.3 a smaller table at the start": frame(HEADERS, whole, stream, b"\x20" + head),
    }


def closed(side: Side) -> dict[str, tuple[bytes, Codes]]:
    """What ends the connection on either side."""
    stream, idle, head = side.stream, side.idle, encoded(*side.head)
    opened, half = side.message(end=False), side.message()
    whole = END_HEADERS | END_STREAM
    begun = frame(HEADERS, END_STREAM, stream, head)
    return {
        "http2/4.2 a frame that is too large": (
            opened + frame(DATA, END_STREAM, stream, bytes(16_385)),
            {SIZE},
        ),
        "http2/4.2 the head of a frame that is too large": (
            opened + frame(DATA, 0, stream, bytes(16_385))[:9],
            {SIZE},
        ),
        "http2/4.2 HEADERS that are too large": (
            side.message((b"x-a", b"a" * 40_000)),
            {SIZE},
        ),
        "http2/4.3 a header block that is none": (
            side.block(b"\xff\xff\xff\xff\xff\xff"),
            {COMPRESSION},
        ),
        "http2/4.3 PRIORITY in a header block": (begun + priority(stream), {PROTOCOL}),
        "http2/4.3 HEADERS in a header block": (
            begun + frame(HEADERS, whole, stream + 4, head),
            {PROTOCOL},
        ),
        "http2/5.1 idle: DATA": (frame(DATA, END_STREAM, idle, b"test"), {PROTOCOL}),
        "http2/5.1 idle: RST_STREAM": (frame(RST, 0, idle, RESET), {PROTOCOL}),
        "http2/5.1 idle: WINDOW_UPDATE": (increment(100, idle), {PROTOCOL}),
        "http2/5.1 idle: WINDOW_UPDATE of 0": (increment(0, idle), {PROTOCOL}),
        "http2/5.1 idle: CONTINUATION": (frame(CONTINUATION, END_HEADERS, idle, head), {PROTOCOL}),
        "http2/5.1 half-closed: CONTINUATION": (
            half + frame(CONTINUATION, END_HEADERS, stream, head),
            {PROTOCOL, STREAM_CLOSED},
        ),
        "http2/5.1.1 a stream of the other side's": (
            frame(HEADERS, whole, side.foreign, head),
            {PROTOCOL},
        ),
        "http2/5.5 an unknown frame in a header block": (
            begun + frame(0x16, 0, stream, b"x"),
            {PROTOCOL},
        ),
        "http2/6.1 DATA of stream 0": (frame(DATA, END_STREAM, 0, b"test"), {PROTOCOL}),
        "http2/6.1 padding as long as the frame": (
            opened + frame(DATA, PADDED | END_STREAM, stream, b"\x06test\0"),
            {PROTOCOL},
        ),
        "http2/6.2 HEADERS of stream 0": (frame(HEADERS, whole, 0, head), {PROTOCOL}),
        "http2/6.2 padding longer than the block": (
            frame(HEADERS, PADDED | whole, stream, b"\xff" + head),
            {PROTOCOL},
        ),
        "http2/6.3 PRIORITY of stream 0": (priority(0), {PROTOCOL}),
        "http2/6.4 RST_STREAM of stream 0": (frame(RST, 0, 0, RESET), {PROTOCOL}),
        "http2/6.4 RST_STREAM of 3 octets": (opened + frame(RST, 0, stream, b"\0\0\x08"), {SIZE}),
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
        "http2/6.6 PUSH_PROMISE": (
            opened + frame(PUSH, END_HEADERS, stream, b"\0\0\0\2" + head),
            {PROTOCOL},
        ),
        "http2/6.7 PING of a stream": (frame(PING, 0, 1, b"12345678"), {PROTOCOL}),
        "http2/6.7 PING of 6 octets": (frame(PING, 0, 0, b"123456"), {SIZE}),
        "http2/6.8 GOAWAY of a stream": (frame(GOAWAY, 0, 1, bytes(8)), {PROTOCOL}),
        "http2/6.9 WINDOW_UPDATE of 0": (increment(0), {PROTOCOL}),
        "http2/6.9 WINDOW_UPDATE of 3 octets": (frame(WINDOW, 0, 0, b"\0\0\1"), {SIZE}),
        "http2/6.9.1 a window over 2^31-1": (increment(2**31 - 1) * 2, {FLOW}),
        "http2/6.9.2 a window over 2^31-1 by SETTINGS": (
            opened + increment(2**31 - 1 - 65_535, stream) + setting(4, 66_000),
            {FLOW},
        ),
        "http2/6.10 CONTINUATION of stream 0": (
            begun + frame(CONTINUATION, END_HEADERS, 0, b""),
            {PROTOCOL},
        ),
        "http2/6.10 CONTINUATION of another stream": (
            begun + frame(CONTINUATION, END_HEADERS, stream + 4, b""),
            {PROTOCOL},
        ),
        "http2/6.10 CONTINUATION behind the end": (
            half + frame(CONTINUATION, END_HEADERS, stream, b""),
            {PROTOCOL, STREAM_CLOSED},
        ),
        "http2/6.10 DATA in a header block": (
            frame(HEADERS, 0, stream, head) + frame(DATA, END_STREAM, stream, b"test"),
            {PROTOCOL},
        ),
        "hpack/2.3.3 an index past the tables": (side.block(b"\xff\x00"), {COMPRESSION}),
        "hpack/4.2 a table size in the middle": (side.block(b"\x20"), {COMPRESSION}),
        "hpack/5.2 padding of Huffman code over 7 bits": (
            side.block(b"\x00\x03x-a\x82\x1f\xff"),
            {COMPRESSION},
        ),
        "hpack/5.2 padding of Huffman code with zeros": (
            side.block(b"\x00\x03x-a\x81\x18"),
            {COMPRESSION},
        ),
        "hpack/5.2 EOS in Huffman code": (
            side.block(b"\x00\x03x-a\x84\xff\xff\xff\xfc"),
            {COMPRESSION},
        ),
        "hpack/6.1 index 0": (side.block(b"\x80"), {COMPRESSION}),
        "hpack/6.3 a table size over the limit": (
            frame(HEADERS, whole, stream, b"\x3f\xff\xff\x03" + head),
            {COMPRESSION},
        ),
        "hpack/5.1 an integer without end": (side.block(b"\x7f" + b"\xff" * 200), {COMPRESSION}),
        "hpack/5.2 a string longer than the block": (side.block(b"\x00\x7f\x05x"), {COMPRESSION}),
    }


def resets(side: Side) -> dict[str, tuple[bytes, Codes]]:
    """What ends its stream on either side."""
    stream, head = side.stream, encoded(*side.head)
    opened, half = side.message(end=False), side.message()
    reset = frame(RST, 0, stream, RESET)
    return {
        "http2/5.1 half-closed: DATA": (
            half + frame(DATA, END_STREAM, stream, b"t"),
            {STREAM_CLOSED},
        ),
        "http2/5.1 half-closed: HEADERS": (half + side.message(), {STREAM_CLOSED}),
        "http2/5.1 closed by RST_STREAM: DATA": (
            opened + reset + frame(DATA, END_STREAM, stream, b"t"),
            {STREAM_CLOSED},
        ),
        "http2/5.1 closed by RST_STREAM: HEADERS": (
            opened + reset + side.message(),
            {STREAM_CLOSED},
        ),
        "http2/5.3.1 HEADERS that depend on themselves": (
            frame(
                HEADERS,
                WITH_PRIORITY | END_HEADERS | END_STREAM,
                stream,
                struct.pack(">LB", stream, 255) + head,
            ),
            {PROTOCOL},
        ),
        "http2/6.3 PRIORITY of 4 octets": (
            opened + frame(PRIORITY, 0, stream, b"\0\0\0\0"),
            {SIZE},
        ),
        "http2/6.9 WINDOW_UPDATE of 0 on a stream": (opened + increment(0, stream), {PROTOCOL}),
        "http2/6.9.1 a stream's window over 2^31-1": (
            opened + increment(2**31 - 1, stream),
            {FLOW},
        ),
        "http2/8.1 trailers without END_STREAM": (
            opened + side.trailers(TRAILER, end=False),
            {PROTOCOL},
        ),
        "http2/8.1.2 an upper-case name": (side.message((b"X-TEST", b"ok")), {PROTOCOL}),
        "http2/8.1.2.1 an unknown pseudo-field": (side.message((b":test", b"ok")), {PROTOCOL}),
        "http2/8.1.2.1 a pseudo-field in trailers": (
            opened + side.trailers(side.head[0]),
            {PROTOCOL},
        ),
        "http2/8.2 LF in a trailer": (opened + side.trailers((b"x-a", b"1\n2")), {PROTOCOL}),
        "http2/8.1.2.1 a pseudo-field behind a field": (
            side.raw((b"x-test", b"ok"), *side.head),
            {PROTOCOL},
        ),
        "http2/8.1.2.2 transfer-encoding": (
            side.message((b"transfer-encoding", b"chunked")),
            {PROTOCOL},
        ),
        "http2/8.1.2.6 a length that is not the body's": (
            side.message((b"content-length", b"1"), end=False)
            + frame(DATA, END_STREAM, stream, b"test"),
            {PROTOCOL},
        ),
        "http2/8.1.2.6 a length that is not the sum of the bodies'": (
            side.message((b"content-length", b"1"), end=False)
            + frame(DATA, 0, stream, b"te")
            + frame(DATA, END_STREAM, stream, b"st"),
            {PROTOCOL},
        ),
        "http2/8.1.2.6 a length that is none": (
            side.message((b"content-length", b"x"), end=False),
            {PROTOCOL},
        ),
        "http2/8.1.2.6 two lengths": (
            side.message((b"content-length", b"1"), (b"content-length", b"2"), end=False),
            {PROTOCOL},
        ),
        "http2/8.2 CR in a value": (side.message((b"x-a", b"a\rb")), {PROTOCOL}),
        "http2/8.2 LF in a value": (side.message((b"x-a", b"a\nb")), {PROTOCOL}),
        "http2/8.2 NUL in a value": (side.message((b"x-a", b"a\0b")), {PROTOCOL}),
    }
