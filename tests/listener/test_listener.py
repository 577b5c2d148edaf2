"""Connections among one another: idle ones, broken ones, lost ones; either event loop."""

import asyncio
import inspect
import ssl
from contextlib import suppress
from typing import Any

import pytest
import structlog
import uvloop
from hypercorn.asyncio.run import worker_serve
from structlog.testing import capture_logs

from app.certificates import Certificate
from app.listener import connection, listener
from app.listener.limits import REASONS, Limits
from app.network.abort import abort
from app.telemetry import connections
from tests.listener import h1client, h2client
from tests.listener.serving import (
    Receive,
    Send,
    Served,
    answer,
    echo,
    listening,
    stock,
    until_left,
)
from tests.proxying import DEADLINE, until

BLOCKS = 900  # of 16 KiB: more than the kernel buffers on loopback
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_both_protocols_work_on_either_loop(certificate: Certificate, loop: Any) -> None:
    async def main() -> None:
        body = b"x" * 1_000_000
        async with listening(echo, certificate) as served:
            async with h2client.connected(served.port, served.trust()) as http2:
                stream_id = http2.request(b"POST", end=False)
                await http2.upload(stream_id, body)
                assert (await http2.answer(stream_id)).body == body
            async with h1client.connected(served.port, served.trust()) as http1:
                http1.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n" + body)
                assert (await http1.answer()).body == body

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


async def _shake_in_vain(served: Served) -> str | None:
    """Offer ciphers that the server does not accept; return the reason of the client's error."""
    context = served.trust()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA")
    try:
        async with h1client.connected(served.port, context):
            return None
    except ssl.SSLError as exc:
        return exc.reason
    except OSError:
        return "none: the connection was closed"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_client_is_told_why_its_handshake_fails(certificate: Certificate, loop: Any) -> None:
    async def main() -> None:
        async with listening(echo, certificate) as served:
            assert "ALERT_HANDSHAKE_FAILURE" in (await _shake_in_vain(served) or "")

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(main())


async def test_canary_stock_does_not_say_why_a_handshake_fails(certificate: Certificate) -> None:
    async with stock(echo, certificate) as served:
        assert "ALERT" not in (await _shake_in_vain(served) or "ALERT")


@pytest.mark.simulated_clock
@pytest.mark.parametrize("sent", [b"", GET, GET[:-2]], ids=["nothing", "a request", "half a head"])
async def test_an_idle_connection_is_closed_in_time(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(listener, "KEEP_ALIVE", 5.0)
    async with (
        listening(echo, certificate) as served,
        h1client.connected(served.port, served.trust()) as wire,
    ):
        wire.send(sent)
        assert (await wire.rest())[:15] == (b"HTTP/1.1 200 OK" if sent == GET else b"")


@pytest.mark.simulated_clock
async def test_a_busy_connection_is_not_idle(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        await asyncio.sleep(30.0)
        await answer(send)

    monkeypatch.setattr(listener, "KEEP_ALIVE", 5.0)
    async with (
        listening(application, certificate) as served,
        h2client.connected(served.port, served.trust()) as http2,
        h1client.connected(served.port, served.trust()) as http1,
    ):
        http1.send(GET)
        assert (await http2.answer(http2.request())).status == 200
        assert (await http1.answer()).status == 200


async def test_a_connection_that_fails_does_not_disturb_the_others(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object, **__: object) -> None:
        monkeypatch.undo()
        raise RuntimeError("a secret of the client's")

    structlog.reset_defaults()
    async with (
        listening(echo, certificate) as served,
        h1client.connected(served.port, served.trust()) as other,
    ):
        other.send(GET)
        assert (await other.answer()).status == 200
        monkeypatch.setattr(connection, "keep_alive", fail)
        with capture_logs() as logged:
            async with h1client.connected(served.port, served.trust()) as broken:
                assert await broken.rest() == b""
                await until(lambda: bool(logged))
        other.send(GET)
        assert (await other.answer()).status == 200
    assert [(line["event"], line["errors"]) for line in logged] == [
        ("a connection failed", ["RuntimeError"])
    ]


async def _lose(served: Served) -> None:
    """Leave while a request is running."""
    async with (
        h1client.connected(served.port, served.trust()) as http1,
        h2client.connected(served.port, served.trust()) as http2,
    ):
        http1.send(GET)
        http2.request()
        await http2.round_trip()


async def _too_late(_scope: Any, receive: Receive, send: Send) -> None:
    """Answer once the client has left."""
    await until_left(receive)
    await answer(send)


async def test_a_connection_that_is_lost_is_forgotten_at_once(certificate: Certificate) -> None:
    async with listening(_too_late, certificate) as served:
        await _lose(served)
        await until(lambda: served.open == 0)


def test_canary_one_broken_connection_ends_the_drain_of_stock() -> None:
    # To fail there takes a server of its own that hangs, so the test reads its source.
    drain = inspect.getsource(worker_serve)
    assert "asyncio.gather(*server_tasks)" in drain  # no return_exceptions
    assert "await server.wait_closed()" in drain  # waits for open connections since 3.12.1


async def _connections(served: Served, count: int) -> list[asyncio.StreamWriter]:
    """Open connections one after the other; return the writers."""
    writers = []
    for _ in range(count):
        _, writer = await asyncio.open_connection(
            "127.0.0.1", served.port, ssl=served.trust(), ssl_shutdown_timeout=0.2
        )
        writers.append(writer)
    return writers


def test_the_metrics_have_a_label_for_each_reason_to_refuse() -> None:
    assert set(REASONS) == set(connections.REASONS)


@pytest.mark.parametrize(
    ("limits", "reason", "served_before"),
    [
        (Limits(connections=2, peer_share=1.0), "connections", 2),
        (Limits(connections=8, peer_share=0.25), "peer", 2),
        (Limits(descriptors=0), "descriptors", 0),
    ],
)
async def test_a_connection_past_a_limit_is_shed_and_counted(
    certificate: Certificate, limits: Limits, reason: str, served_before: int
) -> None:
    refused: list[str] = []
    async with listening(echo, certificate, limits=limits, refused=refused.append) as served:
        writers = await _connections(served, served_before)
        with pytest.raises(OSError):  # noqa: PT011 - reset, or closed in the handshake
            await _connections(served, 1)
        assert refused == [reason]
        for writer in writers:
            abort(writer.transport)


async def test_a_place_is_free_again_once_its_connection_is_closed(
    certificate: Certificate,
) -> None:
    limits = Limits(connections=1, peer_share=1.0)
    async with listening(echo, certificate, limits=limits) as served:
        for _ in range(3):
            writer = await _connected_at_last(served)
            with pytest.raises(OSError):  # noqa: PT011 - reset, or closed in the handshake
                await _connections(served, 1)
            abort(writer.transport)


async def _connected_at_last(served: Served) -> asyncio.StreamWriter:
    """Connect as soon as there is room."""
    async with asyncio.timeout(DEADLINE):
        while True:
            with suppress(OSError):
                [writer] = await _connections(served, 1)
                return writer


async def test_who_connects_during_the_drain_is_served_once(certificate: Certificate) -> None:
    async with listening(echo, certificate) as served:
        assert served.listener is not None
        await served.listener.start_drain()
        async with h1client.connected(served.port, served.trust()) as wire:
            wire.writer.write(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
            answered = await wire.answer()
            assert (answered.status, answered.headers["connection"]) == (200, "close")
            assert await wire.rest() == b""
        async with h2client.connected(served.port, served.trust()) as client:
            assert (await client.answer(client.request())).status == 200
            await client.until(lambda: bool(client.goaways))


async def _blocked(served: Served) -> None:
    """Wait until the only connection's socket takes no more."""
    assert served.listener is not None
    sizes = [-1, 0]
    while not sizes[-1] or len(set(sizes[-5:])) > 1:
        await asyncio.sleep(0.02)
        sizes.extend(
            connection.writer.transport.get_write_buffer_size()
            for connection in served.listener._connections.values()
        )


@pytest.mark.parametrize("aborts", [1, 20])
async def test_an_abort_while_headers_wait_for_the_socket_does_not_break_the_connection(
    certificate: Certificate, aborts: int
) -> None:
    started: list[asyncio.Task[None]] = []

    async def application(scope: Any, receive: Receive, send: Send) -> None:
        """Fill the connection, or answer with a field of its own; cancelled by an abort."""
        number = scope["path"].rpartition("/")[2].encode()
        # The first of the others enters the field into HPACK's table, the last refers to it.
        fields = [] if number == b"0" else [(b"x-shared", b"fake" * 20)]

        async def respond() -> None:
            await send({"type": "http.response.start", "status": 200, "headers": fields})
            for _ in range(BLOCKS if number == b"0" else 1):
                await send({"type": "http.response.body", "body": b"x" * 16_384, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

        responding = asyncio.ensure_future(respond())
        started.append(responding)
        leaving = asyncio.ensure_future(until_left(receive))
        leaving.add_done_callback(lambda _: responding.cancel())
        await asyncio.gather(responding, return_exceptions=True)
        leaving.cancel()

    async with (
        listening(application, certificate) as served,
        h2client.connected(served.port, served.trust(), window=2**24) as client,
    ):
        client.credit(2**24, 0)
        full = client.request(path=b"/0")
        await _blocked(served)
        aborted = [client.request(path=b"/%d" % number) for number in range(1, aborts + 1)]
        await until(lambda: len(started) == 1 + aborts)
        for stream in aborted:
            client.reset(stream)
        await until(lambda: all(task.done() for task in started[1:]))
        last = client.request(path=b"/999")
        assert len((await client.answer(full)).body) == BLOCKS * 16_384
        answered = await client.answer(last)
        assert (answered.status, answered.header(b"x-shared")) == (200, b"fake" * 20)
