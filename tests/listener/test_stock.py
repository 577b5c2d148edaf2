"""Faults of stock Hypercorn that no other file shows: each fails once the fault is fixed."""

import asyncio
import inspect
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import PingReceived
from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.asyncio.worker_context import WorkerContext
from hypercorn.config import Config
from hypercorn.events import RawData
from hyperframe.frame import PingFrame

from app.certificates import Certificate
from tests.listener import h1client, h2client
from tests.listener.serving import BROKEN, Receive, Send, echo, stock, until_left
from tests.proxying import DEADLINE

# Stock leaves coroutines behind that nobody can end: the collector complains about them.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize(("length", "body"), [(b"3", b"four"), (b"5", b"four")])
async def test_canary_stock_ends_the_connection_for_a_belied_length(
    certificate: Certificate, length: bytes, body: bytes
) -> None:
    async with (
        stock(echo, certificate) as served,
        h2client.connected(served.port, served.trust()) as client,
    ):
        stream = client.request(b"POST", fields=[(b"content-length", length)], end=False)
        await client.upload(stream, body)
        with pytest.raises((TimeoutError, AssertionError)):
            await asyncio.wait_for(client.answer(stream), DEADLINE)
        assert client.goaways


@pytest.mark.parametrize("lengths", [[b"many"], [b"1", b"2"]])
async def test_canary_stock_ends_the_connection_for_an_odd_length(
    certificate: Certificate, lengths: list[bytes]
) -> None:
    async with (
        stock(echo, certificate) as served,
        h2client.connected(served.port, served.trust()) as client,
    ):
        stream = client.request(fields=[(b"content-length", length) for length in lengths])
        with pytest.raises((TimeoutError, AssertionError)):
            await asyncio.wait_for(client.answer(stream), DEADLINE)
        assert client.goaways


async def test_canary_stock_answers_a_malformed_request_without_a_body(
    certificate: Certificate,
) -> None:
    async with (
        stock(echo, certificate) as served,
        h1client.connected(served.port, served.trust()) as wire,
    ):
        wire.send(b"GET /a b HTTP/1.1\r\n\r\n")
        answered = await wire.answer()
    assert (answered.status, answered.body) == (400, b"")


async def test_canary_stock_does_not_notice_a_client_that_leaves_behind_a_request(
    certificate: Certificate,
) -> None:
    begun, gone = asyncio.Event(), asyncio.Event()

    async def application(_scope: Any, receive: Receive, _: Send) -> None:
        begun.set()
        await until_left(receive)
        gone.set()

    async with stock(application, certificate) as served:
        async with h1client.connected(served.port, served.trust()) as wire:
            wire.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" + b"GET / HTTP/1.1\r\n")
            await begun.wait()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(gone.wait(), BROKEN)


def test_canary_h2_takes_any_first_frame() -> None:
    connection = H2Connection(H2Configuration(client_side=False))
    connection.initiate_connection()
    connection.receive_data(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    [event] = connection.receive_data(PingFrame(0, opaque_data=b"12345678").serialize())
    assert isinstance(event, PingReceived)


class _FullWriter:
    """A stream writer whose client takes nothing."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        await asyncio.Event().wait()


async def test_canary_stock_forgets_bytes_when_a_sender_is_cancelled() -> None:
    writer: Any = _FullWriter()
    nothing: Any = None
    context, loop = WorkerContext(None), asyncio.get_running_loop()
    server = TCPServer(nothing, loop, Config(), context, nothing, nothing, writer)
    sending = [
        asyncio.ensure_future(server.protocol_send(RawData(data))) for data in (b"first", b"second")
    ]
    await asyncio.sleep(0)
    for task in sending:
        task.cancel()
    await asyncio.gather(*sending, return_exceptions=True)
    assert writer.written == b"first"


def test_canary_stock_waits_for_a_client_that_takes_nothing_when_it_closes() -> None:
    closing = inspect.getsource(TCPServer._close)
    assert "wait_closed()" in closing
    assert "timeout" not in closing
