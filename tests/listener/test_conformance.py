"""RFC 9113 and RFC 7541, frame by frame, as a client that breaks their rules sees our server.

Each case of `tests.wire.conformance` is a connection of its own to one server. It sends raw bytes
behind an ordinary preface, then a PING, and reads until the connection's fate is known. A stream
error may be a 400, too, and a server may always treat it as a connection error (RFC 9113 §5.4.1).
"""

import asyncio
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from h2.errors import ErrorCodes

from app.certificates import Certificate
from app.network.abort import abort
from app.wire.limits import PREFACE
from tests.listener.serving import Served, echo, listening
from tests.proxying import DEADLINE
from tests.wire.conformance import (
    ACK,
    END_HEADERS,
    GOAWAY,
    HEADERS,
    PING,
    PROTOCOL,
    RST,
    SETTINGS,
    STREAM_CLOSED,
    Faults,
    Side,
    closed,
    encoded,
    fine,
    frame,
    resets,
)

HEAD = [
    (b":method", b"POST"),
    (b":scheme", b"https"),
    (b":path", b"/"),
    (b":authority", b"localhost"),
]
SIDE = Side(HEAD, stream=1, idle=1, foreign=2)
LATER = Side(HEAD, stream=5, idle=7, foreign=2)

FINE = fine(SIDE) | {
    "http2/5.1.1 streams may be skipped": LATER.message(),
    "http2/8.2.2 te trailers": SIDE.message((b"te", b"trailers")),
    "hpack/2.3.2 a dynamic entry of another stream": SIDE.block(b"\x40\x03x-a\x01v")
    + frame(HEADERS, END_HEADERS | 1, 3, b"\x83\x87\x84\x41\x09localhost\xbe"),
}
CLOSED: Faults = closed(SIDE) | {
    "http2/5.1.1 a smaller stream": (
        LATER.message() + frame(HEADERS, END_HEADERS | 1, 3, encoded(*HEAD)),
        {PROTOCOL, STREAM_CLOSED},
    ),
    "http2/3.4 an invalid preface": (b"", {PROTOCOL}),
    "http2/3.4 no SETTINGS behind the preface": (b"", {PROTOCOL}),
}
RESETS: Faults = resets(SIDE) | {
    "http2/5.1.2 more streams than allowed": (
        b"".join(
            frame(HEADERS, END_HEADERS, 2 * number + 1, encoded(*HEAD)) for number in range(200)
        ),
        {PROTOCOL, ErrorCodes.REFUSED_STREAM},
    ),
    "http2/8.1.2.1 a response's pseudo-field": (SIDE.message((b":status", b"200")), {PROTOCOL}),
    "http2/8.1.2.2 connection": (SIDE.message((b"connection", b"keep-alive")), {PROTOCOL}),
    "http2/8.1.2.2 te": (SIDE.message((b"te", b"trailers, deflate")), {PROTOCOL}),
    "http2/8.1.2.3 an empty path": (SIDE.raw(*HEAD[:2], (b":path", b""), HEAD[3]), {PROTOCOL}),
    "http2/8.1.2.3 no method": (SIDE.raw(*HEAD[1:]), {PROTOCOL}),
    "http2/8.1.2.3 no scheme": (SIDE.raw(HEAD[0], *HEAD[2:]), {PROTOCOL}),
    "http2/8.1.2.3 no path": (SIDE.raw(*HEAD[:2], HEAD[3]), {PROTOCOL}),
    "http2/8.1.2.3 two methods": (SIDE.message((b":method", b"GET")), {PROTOCOL}),
    "http2/8.1.2.3 two schemes": (SIDE.message((b":scheme", b"https")), {PROTOCOL}),
    "http2/8.1.2.3 two paths": (SIDE.message((b":path", b"/")), {PROTOCOL}),
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
        abort(writer.transport)
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
    assert set(seen.resets) <= {*codes, ErrorCodes.NO_ERROR}
