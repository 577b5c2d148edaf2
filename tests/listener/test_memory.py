"""What a connection does not keep while its request is answered."""

import asyncio
import gc
import ssl
import tracemalloc
import weakref
from asyncio import streams
from typing import Any

import pytest

from app.certificates import Certificate
from app.listener.stream import RequestStream
from app.listener.tls import SEALED, SharedBufferTls
from app.tls import tls_context
from tests.listener import h1client
from tests.listener.serving import Receive, Send, listening
from tests.listener.tls_pair import Connected
from tests.proxying import until

CONNECTIONS = 4
BODY = 60_000  # bytes, most of which come in one read


class Noting:
    """OpenSSL's incoming bytes. State: the sizes of what was ``written`` at a time."""

    def __init__(self, incoming: ssl.MemoryBIO) -> None:
        self._incoming = incoming
        self.written: list[int] = []

    def write(self, data: memoryview) -> int:
        self.written.append(len(data))
        return self._incoming.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._incoming, name)


async def test_openssl_gets_a_record_at_a_time_because_its_buffer_never_shrinks(
    certificate: Certificate,
) -> None:
    client = ssl.create_default_context(cafile=certificate.ca_file)
    connected = Connected(SharedBufferTls, tls_context(certificate, None), client)
    noting = connected.tls._incoming = Noting(connected.tls._incoming)
    connected.feed(connected.encrypted(200_000))
    assert len(connected.above.read) == 200_000
    assert max(noting.written) <= SEALED
    connected.tls.connection_lost(None)


@pytest.mark.parametrize("end", ["error", "farewell"])
async def test_openssl_gets_nothing_of_another_connection(
    certificate: Certificate, end: str
) -> None:
    """The buffer is shared: what came behind the end of a connection is overwritten there."""
    client = ssl.create_default_context(cafile=certificate.ca_file)
    ended, other = (
        Connected(SharedBufferTls, tls_context(certificate, None), client) for _ in range(2)
    )
    records = ended.encrypted(3 * SEALED)
    if end == "error":
        broken = bytes([records[SEALED - 1] ^ 1])
        ended.feed(records[: SEALED - 1] + broken + records[SEALED:])
    else:
        ended.feed(ended.farewell() + records)
    noting = ended.tls._incoming = Noting(ended.tls._incoming)
    other.feed(other.encrypted(SEALED))
    ended.tls._do_read()
    assert noting.written == []
    other.tls.connection_lost(None)
    ended.tls.connection_lost(None)


async def test_a_request_that_was_read_is_not_kept_while_it_is_answered(
    certificate: Certificate,
) -> None:
    """Stock keeps the last 64 KB of each connection until more comes."""
    reading, ending = asyncio.Semaphore(0), asyncio.Event()

    async def slow(_scope: Any, receive: Receive, send: Send) -> None:
        while (await receive())["more_body"]:
            pass
        reading.release()
        await ending.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    request = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % BODY + bytes(BODY)
    async with listening(slow, certificate) as served:
        tracemalloc.start()
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(CONNECTIONS):
                    group.create_task(_answered(served.port, served.trust(), request))
                for _ in range(CONNECTIONS):
                    await reading.acquire()
                held = tracemalloc.take_snapshot()
                ending.set()
        finally:
            tracemalloc.stop()
    read = held.filter_traces([tracemalloc.Filter(True, streams.__file__)])
    assert sum(trace.size for trace in read.traces) < BODY


async def _answered(port: int, trusted: ssl.SSLContext, request: bytes) -> None:
    async with h1client.connected(port, trusted) as client:
        client.send(request)
        assert (await client.answer()).body == b"done"


async def test_a_request_leaves_no_cycle_to_collect(certificate: Certificate) -> None:
    async def quick(_scope: Any, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    made: weakref.WeakSet[RequestStream] = weakref.WeakSet()
    async with listening(quick, certificate) as served:
        gc.disable()
        try:
            await _answered(served.port, served.trust(), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            made.update(one for one in gc.get_objects() if isinstance(one, RequestStream))
            await until(lambda: not made)
        finally:
            gc.enable()
