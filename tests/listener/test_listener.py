"""Connections among one another: idle ones, broken ones, lost ones; either event loop."""

import asyncio
import inspect
from typing import Any

import pytest
import structlog
import uvloop
from hypercorn.asyncio.run import worker_serve
from structlog.testing import capture_logs

from app.certificates import Certificate
from app.listener import listener
from tests.listener import h1client, h2client
from tests.listener.serving import (
    Receive,
    Send,
    Served,
    answer,
    echo,
    listening,
    until_left,
)
from tests.proxying import until

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


@pytest.mark.parametrize("sent", [b"", GET, GET[:-2]], ids=["nothing", "a request", "half a head"])
async def test_an_idle_connection_is_closed_in_time(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(listener, "KEEP_ALIVE", 0.1)
    async with (
        listening(echo, certificate) as served,
        h1client.connected(served.port, served.trust()) as wire,
    ):
        wire.send(sent)
        assert (await wire.rest())[:15] == (b"HTTP/1.1 200 \r\n" if sent == GET else b"")


async def test_a_busy_connection_is_not_idle(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.3)
        await answer(send)

    monkeypatch.setattr(listener, "KEEP_ALIVE", 0.05)
    async with (
        listening(application, certificate) as served,
        h2client.connected(served.port, served.trust()) as http2,
        h1client.connected(served.port, served.trust()) as http1,
    ):
        http1.send(GET)
        assert (await http2.answer(http2.request())).status == 200
        assert (await http1.answer()).status == 200


async def test_a_connection_that_fails_does_not_disturb_the_others(
    certificate: Certificate,
) -> None:
    async def fail(_: Any) -> None:
        raise RuntimeError("a secret of the client's")

    structlog.reset_defaults()
    async with (
        listening(echo, certificate) as served,
        h1client.connected(served.port, served.trust()) as broken,
    ):
        await until(lambda: bool(served.protocols))
        served.protocols[0].handle = fail
        async with h1client.connected(served.port, served.trust()) as other:
            with capture_logs() as logged:
                broken.send(GET)
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
        await until(lambda: not served.protocols)


def test_canary_one_broken_connection_ends_the_drain_of_stock() -> None:
    # To fail there takes a server of its own that hangs, hence the reading of its source.
    drain = inspect.getsource(worker_serve)
    assert "asyncio.gather(*server_tasks)" in drain  # no return_exceptions
    assert "await server.wait_closed()" in drain  # waits for open connections since 3.12.1
