"""What a connection does not keep while its request is answered."""

import asyncio
import gc
import ssl
import tracemalloc
import weakref
from asyncio import streams
from asyncio.sslproto import SSLProtocol
from itertools import pairwise
from typing import Any

import pytest

from app.certificates import Certificate
from app.listener import reader, tls
from app.listener.stream import RequestStream
from app.listener.tls import MUCH, READ_SIZE, RECORD, SEALED, SharedBufferTls
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


class Asking:
    """OpenSSL. State: how often it was ``asked`` for data."""

    def __init__(self, inner: ssl.SSLObject) -> None:
        self._inner = inner
        self.asked = 0

    def read(self, size: int) -> bytes:
        self.asked += 1
        return self._inner.read(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


async def test_openssl_is_asked_once_for_a_full_record_wherever_a_read_has_ended(
    certificate: Certificate,
) -> None:
    """Its refusal is an exception. One for each read is that of a record whose end has not come."""
    client = ssl.create_default_context(cafile=certificate.ca_file)
    connected = Connected(SharedBufferTls, tls_context(certificate, None), client)
    asking = connected.tls._sslobj = Asking(connected.tls._sslobj)
    noting = connected.tls._incoming = Noting(connected.tls._incoming)
    records, sent = 40, connected.encrypted(40 * RECORD)
    ends = [0, 1000, 1000 + READ_SIZE, len(sent)]
    for start, end in pairwise(ends):
        connected.feed(sent[start:end])
    assert len(connected.above.read) == records * RECORD
    assert asking.asked <= records + 6  # reads, of which the last brings more than one buffer
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


async def test_more_is_read_at_a_time_while_much_comes_and_is_wanted(
    certificate: Certificate,
) -> None:
    client = ssl.create_default_context(cafile=certificate.ca_file)
    connected = Connected(SharedBufferTls, tls_context(certificate, None), client)

    def offered() -> int:
        return len(connected.tls.get_buffer(-1))

    assert offered() == READ_SIZE
    connected.feed(connected.encrypted(READ_SIZE))
    assert offered() == READ_SIZE  # what was read last is the rest
    connected.feed(connected.encrypted(200_000)[:READ_SIZE])
    assert offered() == MUCH
    connected.transport.pause_reading()
    assert offered() == READ_SIZE
    connected.tls.connection_lost(None)


@pytest.mark.parametrize("kind", [SharedBufferTls, SSLProtocol])
async def test_what_nobody_reads_stays_in_the_socket(
    certificate: Certificate, kind: type[SSLProtocol]
) -> None:
    """The standard library goes on to read 256 KiB, which it keeps undecrypted."""
    client = ssl.create_default_context(cafile=certificate.ca_file)
    connected = Connected(kind, tls_context(certificate, None), client)
    connected.transport.pause_reading()
    assert connected.below.pauses == (["pause"] if kind is SharedBufferTls else [])
    connected.feed(connected.encrypted(1000))  # what the loop had read by then
    assert not connected.above.read
    connected.transport.resume_reading()
    await asyncio.sleep(0)
    assert len(connected.above.read) == 1000
    assert connected.below.pauses == (["pause", "resume"] if kind is SharedBufferTls else [])
    connected.transport.abort()
    connected.tls.connection_lost(None)


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
    kept = (streams.__file__, reader.__file__, tls.__file__)
    read = held.filter_traces([tracemalloc.Filter(True, file) for file in kept])
    assert sum(trace.size for trace in read.traces) < BODY


async def _answered(port: int, trusted: ssl.SSLContext, request: bytes) -> None:
    async with h1client.connected(port, trusted) as client:
        client.send(request)
        assert (await client.answer()).body == b"done"


def _streams() -> weakref.WeakSet[RequestStream]:
    return weakref.WeakSet(one for one in gc.get_objects() if isinstance(one, RequestStream))


async def test_a_request_leaves_no_cycle_to_collect(certificate: Certificate) -> None:
    async def quick(_scope: Any, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    async with listening(quick, certificate) as served:
        gc.collect()
        gc.disable()
        try:
            others = _streams()  # of other tests, which may be kept
            await _answered(served.port, served.trust(), b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            await until(lambda: not _streams() - others)
        finally:
            gc.enable()
