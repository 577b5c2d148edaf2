"""Whatever bytes a client sends, the real listener loses nothing and serves the next one.

``make fuzz`` runs many more inputs than the usual few.
"""

import asyncio
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from hpack import Encoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from app.certificates import Certificate
from app.network.abort import abort
from tests.listener.serving import Receive, Send, Served, answer, listening, read
from tests.proxying import DEADLINE
from tests.thorough import scaled

BATCH = 10  # inputs to one server
INPUTS = int(os.environ.get("FUZZ_INPUTS", scaled(750, 150)))  # of the three tests together
fuzzed = settings(
    max_examples=INPUTS // (3 * BATCH),
    derandomize="FUZZ_INPUTS" not in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

HEAD = b"POST / HTTP/1.1\r\nHost: localhost\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
REQUEST = Encoder().encode(
    [
        (b":method", b"POST"),
        (b":scheme", b"https"),
        (b":path", b"/"),
        (b":authority", b"localhost"),
    ]
)

cuts = st.lists(st.integers(1, 200), max_size=8)
tokens = st.sampled_from(
    [
        *(
            b"GET",
            b"POST",
            b"HEAD",
            b"PRI",
            b" ",
            b"/",
            b"*",
            b"http://x/",
            b"HTTP/1.1",
            b"HTTP/1.0",
        ),
        *(b"\r\n", b"\n", b"\r", b"\r\n\r\n", b":", b"\0", b"\t", b"\xff"),
        *(b"Host: localhost\r\n", b"Content-Length: 3\r\n", b"Content-Length: 99\r\n"),
        *(b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"Expect: 100-continue\r\n"),
        *(b"Upgrade: h2c\r\n", b"0\r\n\r\n", b"3\r\nabc\r\n", b"ffffffffffffffffff\r\n"),
    ]
)
requests = st.lists(st.one_of(tokens, tokens, st.binary(max_size=20)), max_size=20).map(b"".join)
frames = st.lists(
    st.builds(
        lambda kind, flags, stream, body: (
            struct.pack(">HBBBL", len(body) >> 8, len(body) & 0xFF, kind, flags, stream) + body
        ),
        st.integers(0, 12),
        st.sampled_from([0, 1, 4, 5, 8, 0x20, 0x25, 0x2D, 0xFF]),
        st.sampled_from([0, 1, 1, 2, 3, 5, 2**31 - 1]),
        st.one_of(st.just(REQUEST), st.binary(max_size=40), st.integers(0, 600).map(bytes)),
    ),
    max_size=20,
).map(b"".join)
bodies = st.lists(st.binary(min_size=1, max_size=300), max_size=10)


class Echo:
    """Echoes. State: ``running``, the requests that have not ended."""

    running = 0

    async def __call__(self, _scope: Any, receive: Receive, send: Send) -> None:
        self.running += 1
        try:
            await answer(send, await read(receive))
        finally:
            self.running -= 1


async def _exchange(served: Served, protocol: str, data: bytes, pieces: list[int]) -> None:
    """Send in pieces, read what comes at once, and leave."""
    async with _connected(served, protocol) as (reader, writer):
        position = 0
        for size in [*pieces, len(data)]:
            writer.write(data[position : position + size])
            position += size
            await asyncio.sleep(0)
        abort(writer.transport) if len(data) % 2 else writer.close()
        try:
            async with asyncio.timeout(DEADLINE):
                while await reader.read(65_536):
                    pass
        except (OSError, asyncio.IncompleteReadError):
            pass


@asynccontextmanager
async def _connected(
    served: Served, protocol: str
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    trust = served.trust()
    trust.set_alpn_protocols([protocol])
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", served.port, ssl=trust, ssl_shutdown_timeout=0.2
    )
    try:
        yield reader, writer
    finally:
        abort(writer.transport)


async def _echoed(served: Served, parts: list[bytes], pieces: list[int]) -> bytes:
    """Send a body in chunks, cut by the network anywhere; return the echo."""
    sent = HEAD + b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    sent += b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
    async with _connected(served, "http/1.1") as (reader, writer):
        position = 0
        for size in [*pieces, len(sent)]:
            writer.write(sent[position : position + size])
            position += size
            await asyncio.sleep(0)
        async with asyncio.timeout(DEADLINE):
            await reader.readuntil(b"\r\n\r\n")
            received = b""
            while size := int(await reader.readuntil(b"\r\n"), 16):
                received += (await reader.readexactly(size + 2))[:-2]
    return received


def _on_a_server(certificate: Certificate, *inputs: Any) -> None:
    """Send inputs to one listener; afterwards it holds nothing and serves as before.

    ``listening`` asserts that no task of it is left.
    """

    async def run() -> None:
        app = Echo()
        async with listening(app, certificate) as served:
            for protocol, data, pieces in inputs:
                await _exchange(served, protocol, data, pieces)
            assert await _echoed(served, [b"still", b" here"], []) == b"still here"
            async with asyncio.timeout(DEADLINE):
                while app.running or served.open:  # noqa: ASYNC110 - bounded
                    await asyncio.sleep(0.005)

    structlog.reset_defaults()
    with capture_logs() as logged:
        asyncio.run(run())
    assert [line for line in logged if line["log_level"] == "error"] == []


@fuzzed
@given(st.lists(st.tuples(st.just("http/1.1"), requests, cuts), min_size=BATCH, max_size=BATCH))
def test_any_bytes_over_http1_leave_the_listener_whole(
    certificate: Certificate, inputs: list[tuple[str, bytes, list[int]]]
) -> None:
    _on_a_server(certificate, *inputs)


@fuzzed
@given(
    st.lists(
        st.tuples(st.just("h2"), frames.map(PREFACE.__add__), cuts), min_size=BATCH, max_size=BATCH
    )
)
def test_any_frames_over_http2_leave_the_listener_whole(
    certificate: Certificate, inputs: list[tuple[str, bytes, list[int]]]
) -> None:
    _on_a_server(certificate, *inputs)


@fuzzed
@given(st.lists(st.tuples(bodies, cuts), min_size=BATCH, max_size=BATCH))
def test_a_body_arrives_whole_however_it_is_chunked_and_cut(
    certificate: Certificate, inputs: list[tuple[list[bytes], list[int]]]
) -> None:
    async def run() -> None:
        async with listening(Echo(), certificate) as served:
            for parts, pieces in inputs:
                assert await _echoed(served, parts, pieces) == b"".join(parts)

    asyncio.run(run())
