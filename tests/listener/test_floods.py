"""A client that floods ends its own connection, and nobody else's (behaviour G1, G2)."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import (
    DataFrame,
    ExtensionFrame,
    PingFrame,
    PriorityFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

from app.certificates import Certificate
from app.listener import frames
from app.listener.frames import CREDIT, FRAMES
from tests.listener.h2client import Client, connected
from tests.listener.serving import Receive, Send, Started, answer, echo, listening
from tests.proxying import DEADLINE, until
from tests.thorough import scaled

MANY = CREDIT * 2
HEAD = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"x"), (b":path", b"/")]


def _data(size: int) -> Callable[[Client], bytes]:
    def frames(client: Client) -> bytes:
        stream = client.request(b"POST", end=False)
        return DataFrame(stream, data=b"x" * size).serialize() * MANY

    return frames


def _padded(stream: int) -> bytes:
    return DataFrame(stream, pad_length=50, flags=["PADDED"]).serialize() * MANY


def _resets(made: bool) -> Callable[[Client], bytes]:
    """Open streams and reset them, or make the server reset them (CVE-2025-8671)."""

    def frames(client: Client) -> bytes:
        first, sent = client.request(), b""
        for stream in range(first + 2, 2 * MANY, 2):
            head = client.h2.encoder.encode(HEAD)
            code = b"\x7f\xff\xff\xff" if made else b"\0\0\0\x08"
            sent += _frame(0x1, 0x5, stream, head) + _frame(0x8 if made else 0x3, 0, stream, code)
        return sent

    return frames


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + body


FLOODS: dict[str, Callable[[Client], bytes]] = {
    "ping": lambda _: PingFrame(0, opaque_data=b"12345678").serialize() * MANY,
    "settings": lambda _: SettingsFrame(0).serialize() * MANY,
    "priority": lambda _: PriorityFrame(1, depends_on=0, stream_weight=1).serialize() * MANY,
    "window_update": lambda _: WindowUpdateFrame(0, window_increment=1).serialize() * MANY,
    "data": _data(0),
    "padded data": lambda client: _padded(client.request(b"POST", end=False)),
    "other": lambda _: ExtensionFrame(0x77, stream_id=0, body=b"").serialize() * MANY,
    "reset": _resets(made=False),
    "window_update of a stream": _resets(made=True),
}


@pytest.mark.parametrize("kind", FLOODS)
async def test_a_flood_ends_its_connection_while_others_are_served(
    certificate: Certificate, kind: str
) -> None:
    flooded: list[str] = []
    async with (
        listening(Started(), certificate, flooded=flooded.append) as served,
        connected(served.port, served.trust()) as sibling,
        connected(served.port, served.trust()) as client,
    ):
        await client.round_trip()
        flood = FLOODS[kind](client)
        client.flush()
        client.writer.write(flood)
        async with asyncio.timeout(DEADLINE):
            while not client.goaways and not client.closed:
                assert (await sibling.answer(sibling.request(path=b"/other"))).status == 200
                await client.receive()
        assert (await sibling.answer(sibling.request(path=b"/other"))).status == 200
    assert flooded == [kind.split()[-1 if kind == "padded data" else 0]]
    assert [event.error_code for event in client.goaways] == [ErrorCodes.ENHANCE_YOUR_CALM]


async def test_a_client_that_takes_a_response_byte_by_byte_floods(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CVE-2019-9511."""
    monkeypatch.setattr(frames, "CREDIT", 100)
    monkeypatch.setattr(frames, "PER_SECOND", 0.0)
    size = 300
    flooded: list[str] = []

    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        await answer(send, b"x" * size)

    async with (
        listening(application, certificate, flooded=flooded.append) as served,
        connected(served.port, served.trust(), window=0, credits_=False) as client,
        asyncio.timeout(DEADLINE),
    ):
        stream = client.request()
        body = client.answers[stream].body
        while not client.closed and len(body) < size:
            taken = len(body)
            client.h2.increment_flow_control_window(1, stream)
            client.flush()
            while len(body) == taken and not client.closed:
                await client.receive()
    assert flooded == ["window_update"]


async def test_a_body_in_tiny_frames_is_read_at_a_pace(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "TINY", FRAMES)
    monkeypatch.setattr(frames, "TINY_PER_SECOND", 1e5)
    flooded: list[str] = []
    async with (
        listening(echo, certificate, flooded=flooded.append) as served,
        connected(served.port, served.trust()) as client,
    ):
        stream = client.request(b"POST", end=False)
        client.flush()
        client.writer.write(DataFrame(stream, data=b"x").serialize() * MANY)
        client.writer.write(DataFrame(stream, data=b"y", flags=["END_STREAM"]).serialize())
        assert (await client.answer(stream)).body == b"x" * MANY + b"y"
    assert flooded == []


async def test_a_client_that_leaves_its_tiny_frames_unread_is_noticed(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frames, "TINY", FRAMES)
    monkeypatch.setattr(frames, "TINY_PER_SECOND", 10.0 * FRAMES)
    taken = 0
    left = asyncio.Event()

    async def application(_scope: Any, receive: Receive, _send: Send) -> None:
        nonlocal taken
        while (message := await receive())["type"] == "http.request":
            taken += len(message["body"])
        left.set()

    async with listening(application, certificate) as served:
        async with connected(served.port, served.trust()) as client:
            stream = client.request(b"POST", end=False)
            client.flush()
            client.writer.write(DataFrame(stream, data=b"x").serialize() * MANY)
            await client.writer.drain()
            await until(lambda: taken > 0)
        async with asyncio.timeout(DEADLINE):
            await left.wait()
    assert taken < MANY


async def test_what_honest_clients_send_is_no_flood(certificate: Certificate) -> None:
    flooded: list[str] = []
    async with (
        listening(echo, certificate, flooded=flooded.append) as served,
        connected(served.port, served.trust()) as client,
    ):
        for _ in range(scaled(1000, 400)):  # downloads that acknowledge every frame on both levels
            assert (await client.answer(client.request())).status == 200
            client.send(*[WindowUpdateFrame(0, window_increment=1)] * 10)
        client.send(*[PriorityFrame(1, depends_on=0, stream_weight=1)] * 1200)
        await client.round_trip()
    assert flooded == []


async def test_uploads_may_be_reset_many_times(certificate: Certificate) -> None:
    flooded: list[str] = []
    async with (
        listening(Started(), certificate, flooded=flooded.append) as served,
        connected(served.port, served.trust()) as client,
    ):
        for _ in range(scaled(1000, 300)):
            stream = client.request(b"POST", end=False)
            await client.upload(stream, b"x" * 65_536, end=False)
            client.reset(stream)
        assert (await client.answer(client.request(path=b"/other"))).status == 200
    assert flooded == []
