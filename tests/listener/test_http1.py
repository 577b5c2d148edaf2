"""Connections of HTTP/1.1: reused, pipelined, left early, cut."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from socket import SO_RCVBUF, SO_SNDBUF, SOL_SOCKET
from typing import Any

import pytest

from app.certificates import Certificate
from app.listener import connection, h1
from app.listener.connection import TOGETHER, WRITE_HIGH, ServerConnection
from app.listener.progress import WriteProgress
from app.listener.tls import SharedBufferTls
from app.wire.headers import Headers
from simulator import Simulator, Step
from tests.listener.h1client import Wire, connected
from tests.listener.serving import App, Receive, Send, answer, echo, listening, stock, until_left
from tests.proxying import MESSAGE, Running, until
from tests.thorough import scaled

GET = b"GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
SMALL = b"x" * 15_000  # an answer that is one TLS record with its head
KERNEL = 64 * 1024  # bytes that either kernel is asked to hold at most, more or less
MANY = 60  # requests; nobody on the way has room for so many answers


@asynccontextmanager
async def wired(
    application: App, certificate: Certificate, *, serve: Any = listening
) -> AsyncIterator[Wire]:
    """Yield a client's connection to an application."""
    async with (
        serve(application, certificate) as served,
        connected(served.port, served.trust()) as wire,
    ):
        yield wire


def _post(body: bytes) -> bytes:
    return b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%b" % (
        len(body),
        body,
    )


async def test_a_connection_is_used_again_and_again(proxy: Running, upstream: Simulator) -> None:
    async with connected(proxy.at.port, proxy.trust()) as wire:
        for _ in range(20):
            wire.send(GET)
            assert (await wire.answer()).status == 200
    assert len(upstream.received) == 20


async def test_pipelined_requests_are_answered_in_their_order(certificate: Certificate) -> None:
    async with wired(echo, certificate) as wire:
        wire.send(b"".join(_post(b"%d" % n) for n in range(50)))
        assert [(await wire.answer()).body for _ in range(50)] == [b"%d" % n for n in range(50)]


async def test_a_chunked_upload_arrives_whole(proxy: Running, upstream: Simulator) -> None:
    body = bytes(range(256)) * 2000
    async with connected(proxy.at.port, proxy.trust()) as wire:
        wire.send(CHUNKED.replace(b"POST /", b"POST /_simulator/echo"))
        for at in range(0, len(body), 10_000):
            wire.send(b"%x;odd=1\r\n%b\r\n" % (len(body[at : at + 10_000]), body[at : at + 10_000]))
        wire.send(b"0\r\nX-Trailer: 1\r\n\r\n")
        assert (await wire.answer()).body == body
        wire.send(GET)
        assert (await wire.answer()).status == 200
    assert upstream.received[-1].target == b"/v1/models"


async def test_a_client_of_http_1_0_is_answered_and_left(proxy: Running) -> None:
    async with connected(proxy.at.port, proxy.trust()) as wire:
        wire.send(b"GET /v1/models HTTP/1.0\r\n\r\n")
        answered = await wire.answer()
        assert (answered.status, answered.document["has_more"]) == (200, False)
        assert "transfer-encoding" not in answered.headers
        assert await wire.rest() == b""


WAITING = b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"


async def test_a_client_that_waits_for_100_continue_gets_it(certificate: Certificate) -> None:
    async def proceeding(scope: Any, receive: Receive, send: Send) -> None:
        if (proceed := scope["extensions"].get("proceed")) is not None:
            await proceed()
        await echo(scope, receive, send)

    async with wired(proceeding, certificate) as wire:
        for _ in range(2):
            wire.send(WAITING)
            assert (await wire.answer(bodiless=True)).status == 100
            wire.send(b"hi")
            assert (await wire.answer()).body == b"hi"
        wire.send(WAITING + b"hi")  # it did not wait
        assert (await wire.answer()).body == b"hi"


async def test_a_final_answer_comes_without_a_100_and_closes(certificate: Certificate) -> None:
    async with wired(_refuse, certificate) as wire:
        wire.send(WAITING)
        refused = await wire.answer()
        assert (refused.status, refused.headers["connection"]) == (413, "close")
        assert await wire.rest() == b""


async def _refuse(_scope: Any, _receive: Receive, send: Send) -> None:
    await answer(send, b"too large", 413)


async def _upload(wire: Wire, chunks: int) -> None:
    for _ in range(chunks):
        wire.send(b"10000\r\n" + bytes(65_536) + b"\r\n")
        await wire.writer.drain()


async def test_a_request_answered_early_is_read_to_its_end_and_the_connection_kept(
    certificate: Certificate,
) -> None:
    async with wired(_refuse, certificate) as wire:
        for _ in range(2):
            wire.send(CHUNKED)
            assert (await wire.answer()).status == 413
            await _upload(wire, 40)
            wire.send(b"0\r\n\r\n")


LAST = CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


async def test_a_request_answered_early_is_read_to_its_end_before_the_connection_is_closed(
    certificate: Certificate,
) -> None:
    async with wired(_refuse, certificate) as wire:
        wire.send(LAST)
        refused = await wire.answer()
        assert (refused.status, refused.headers["connection"]) == (413, "close")
        await _upload(wire, 40)
        wire.send(b"0\r\n\r\n")
        assert await wire.rest() == b""


async def test_a_connection_to_be_closed_waits_for_the_rest_of_a_request_as_long_as_it_comes(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "LINGER", 0.05)
    async with wired(_refuse, certificate) as wire:
        wire.send(LAST)
        assert (await wire.answer()).status == 413
        assert await wire.rest() == b""


async def test_a_request_answered_early_is_not_read_for_ever(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(h1, "UNREAD_LIMIT", 2**20)
    async with wired(_refuse, certificate) as wire:
        wire.send(CHUNKED)
        assert (await wire.answer()).status == 413
        async with asyncio.timeout(60):
            with suppress(ConnectionError):  # unless the client sees close_notify before the reset
                await _upload(wire, 1024)  # 64 MiB
                assert await wire.reader.read() == b""


async def _cut(_scope: Any, _receive: Receive, send: Send) -> None:
    await _begin(send, [], b"x" * 1000)


async def _begin(send: Send, headers: Headers, body: bytes) -> None:
    """Send a response whose end is to come."""
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def test_a_response_that_is_cut_has_no_last_chunk(certificate: Certificate) -> None:
    async with wired(_cut, certificate) as wire:
        wire.send(GET)
        cut = await wire.answer()
    assert (cut.body, cut.whole) == (b"x" * 1000, False)


@pytest.mark.parametrize("length", [None, b"2000"])
async def test_a_response_that_is_cut_ends_in_a_reset_where_its_end_is_the_connections(
    certificate: Certificate, length: bytes | None
) -> None:
    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        await _begin(send, [] if length is None else [(b"content-length", length)], b"x" * 1000)

    async with wired(application, certificate) as wire:
        wire.send(GET.replace(b"1.1", b"1.0"))
        cut = await wire.answer(bodiless=True)
        assert cut.status == 200
        assert await wire.reader.readexactly(1000) == b"x" * 1000
        if length is None:
            with pytest.raises(ConnectionResetError):
                await wire.rest()
        else:
            assert await wire.rest() == b""


@pytest.mark.parametrize("body", [b"", b"x" * 1000])
async def test_a_response_that_is_cut_behind_its_last_byte_keeps_the_connection(
    certificate: Certificate, body: bytes
) -> None:
    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        await _begin(send, [(b"content-length", b"%d" % len(body))], body)
        await asyncio.sleep(0)  # its end does not come

    async with wired(application, certificate) as wire:
        wire.send(GET * 3)
        for _ in range(3):
            answered = await wire.answer()
            assert (answered.body, answered.whole) == (body, True)


@pytest.mark.parametrize("line", [b"GET / HTTP/1.0", b"GET / HTTP/1.1\r\nconnection: close"])
@pytest.mark.parametrize("behind", [b"\r\n", GET])
async def test_what_is_behind_a_request_that_ends_the_connection_is_passed_over(
    certificate: Certificate, line: bytes, behind: bytes
) -> None:
    more = asyncio.Event()

    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        assert not more.is_set()
        await _begin(send, [(b"content-length", b"2")], b"a")
        await more.wait()
        await send({"type": "http.response.body", "body": b"b"})

    async with wired(application, certificate) as wire:
        wire.send(line + b"\r\nhost: x\r\n\r\n" + behind)
        said = await wire.reader.readuntil(b"\r\n\r\na")
        wire.send(behind)
        await asyncio.sleep(0.02)
        more.set()
        assert said.startswith(b"HTTP/1.1 200 ")
        assert await wire.rest() == b"b"


async def test_an_application_that_says_nothing_is_answered_for(certificate: Certificate) -> None:
    async def application(_scope: Any, _receive: Receive, _send: Send) -> None:
        pass

    async with wired(application, certificate) as wire:
        for _ in range(2):
            wire.send(GET)
            failed = await wire.answer()
            assert failed.status == 500
            assert failed.headers["x-anthropic-proxy-error"] == "internal_error"


async def test_a_client_that_does_not_read_holds_the_application_back(
    certificate: Certificate,
) -> None:
    taken = 0

    async def application(_scope: Any, receive: Receive, send: Send) -> None:
        nonlocal taken
        await send({"type": "http.response.start", "status": 200, "headers": []})
        pushing = asyncio.ensure_future(push(send))
        await until_left(receive)
        pushing.cancel()
        await asyncio.gather(pushing, return_exceptions=True)

    async def push(send: Send) -> None:
        nonlocal taken
        for _ in range(1000):
            await send({"type": "http.response.body", "body": bytes(65_536), "more_body": True})
            taken += 65_536

    async with wired(application, certificate) as wire:
        wire.send(GET)
        before = -1
        while before != taken or not taken:
            before = taken
            await asyncio.sleep(0.1)
        assert taken < 32 * 2**20  # of 64 MiB: the kernels' buffers on loopback


async def test_a_client_that_asks_on_and_reads_nothing_is_not_served_further(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, drain = ServerConnection._begin, WriteProgress.drain
    waits, held = asyncio.Event(), [0]

    def noted_begin(connection: ServerConnection, head: bytes) -> Any:
        transport = connection.writer.transport
        transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, KERNEL)
        held.append(transport.get_write_buffer_size())
        return begin(connection, head)

    async def noted_drain(progress: WriteProgress) -> None:
        if progress._transport.get_write_buffer_size() > WRITE_HIGH:
            waits.set()
        await drain(progress)

    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        await answer(send, SMALL)

    monkeypatch.setattr(ServerConnection, "_begin", noted_begin)
    monkeypatch.setattr(WriteProgress, "drain", noted_drain)
    async with wired(application, certificate) as wire:
        reading: Any = wire.writer.transport
        reading.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_RCVBUF, KERNEL)
        reading.pause_reading()
        wire.send(GET * MANY)
        await until(lambda: waits.is_set() or len(held) > MANY)
        reading.resume_reading()
        for _ in range(MANY):
            assert (await wire.answer()).body == SMALL
    assert max(held) < WRITE_HIGH + 2 * TOGETHER


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(b"text/event-stream", [0, 1, 1, 2]), (b"application/json", [0, 0, 0, 1])],
    ids=["events", "json"],
)
async def test_the_first_event_and_the_last_byte_are_written_before_anything_else_is_done(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, kind: bytes, expected: list[int]
) -> None:
    encrypt = SharedBufferTls.write_at_once
    written: list[bytes] = []
    seen: list[int] = []

    def noted(tls: SharedBufferTls, data: bytes) -> bool:
        written.append(data)
        return encrypt(tls, data)

    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]}
        body = {"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True}
        for message in (start, body, body | {"body": b""}, {"type": "http.response.body"}):
            await send(message)
            seen.append(len(written))

    monkeypatch.setattr(SharedBufferTls, "write_at_once", noted)
    async with wired(application, certificate) as wire:
        wire.send(GET)
        assert (await wire.answer()).body == b"data: 1\n\n"
    assert seen == expected


@pytest.mark.parametrize("method", [b"GET", b"CONNECT"], ids=["cut", "connect"])
async def test_a_request_behind_an_answer_that_ends_the_connection_keeps_nobody(
    certificate: Certificate, method: bytes
) -> None:
    async def application(scope: Any, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        cut = scope["method"] == "GET"  # and a CONNECT that succeeds has no body
        piece = b"a piece" if cut else b""
        await send({"type": "http.response.body", "body": piece, "more_body": cut})

    async with listening(application, certificate) as served:  # which sees that no task is left
        async with connected(served.port, served.trust()) as wire:
            wire.send(GET.replace(b"GET", method) + GET)
            assert b"HTTP/1.1 200" in await wire.rest()
        await until(lambda: not served.open)


async def test_an_abandoned_upload_that_nobody_reads_leaves_nothing_behind(
    certificate: Certificate,
) -> None:
    async def application(scope: Any, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            await until_left(receive)
        else:
            await answer(send)

    async with listening(application, certificate) as served:
        for request in (CHUNKED + b"1\r\nx\r\n" * scaled(100_000, 30_000), GET):
            async with connected(served.port, served.trust()) as wire:
                wire.send(request)
                await until(lambda: served.open == 1)


async def _retire_at(wire: Wire, asked: asyncio.Event, served: Any) -> dict[str, str]:
    wire.send(GET)
    await asked.wait()
    await served.listener.start_drain()
    headers = (await wire.answer()).headers
    assert await wire.rest() == b""
    return headers


async def test_a_retiring_connection_closes_after_the_answer_that_runs(
    certificate: Certificate,
) -> None:
    asked = asyncio.Event()

    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        asked.set()
        await asyncio.sleep(0.05)
        await answer(send)

    async with (
        listening(application, certificate) as served,
        connected(served.port, served.trust()) as wire,
    ):
        assert (await _retire_at(wire, asked, served))["connection"] == "close"


async def test_canary_stock_answers_what_is_behind_a_request_that_ends_it(
    certificate: Certificate,
) -> None:
    async with wired(_cut, certificate, serve=stock) as wire:
        wire.send(b"GET / HTTP/1.0\r\nhost: x\r\n\r\n\r\n")
        assert (await wire.answer()).status == 400


async def test_canary_stock_resets_the_upload_of_a_request_answered_early(
    certificate: Certificate,
) -> None:
    async with wired(_refuse, certificate, serve=stock) as wire:
        wire.send(CHUNKED)
        assert (await wire.answer()).status == 413
        assert await wire.rest() == b""


async def test_a_cut_stream_of_upstream_is_cut_for_the_client(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(fault="reset"))
    body = b'{"stream":true,' + str(MESSAGE).replace("'", '"').encode()[1:]
    async with connected(proxy.at.port, proxy.trust()) as wire:
        wire.send(_post(body).replace(b"POST /", b"POST /v1/messages"))
        cut = await wire.answer()
    assert cut.status == 200
    assert cut.body == upstream.received[0].sent
    assert not cut.whole
