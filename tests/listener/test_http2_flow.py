"""Flow control of HTTP/2 (behaviour B3): nobody's memory is filled, nobody's stream is blocked."""

import asyncio
from typing import Any

import pytest
from hyperframe.frame import DataFrame

from app.certificates import Certificate
from app.wire.limits import STREAM_WINDOW
from tests.listener.h2client import Client, connected
from tests.listener.serving import (
    BROKEN,
    App,
    Receive,
    Send,
    Served,
    answer,
    echo,
    listening,
    read,
    stock,
    until_left,
)
from tests.thorough import scaled

CHUNK = b"x" * 65_536
UPLOADS = scaled(600, 300)  # of a chunk: more than the connection's window
PIECE = 1000  # bytes of a small DATA frame
MANY = 160  # chunks: 10 MiB


class Pusher:
    """Pushes chunks for as long as the server takes them; counts the bytes taken."""

    def __init__(self, chunks: int = MANY) -> None:
        self.taken = 0
        self._chunks = chunks

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["path"] != "/":
            await answer(send)
            return
        left = asyncio.ensure_future(until_left(receive))
        pushing = asyncio.ensure_future(self._push(send))
        await asyncio.wait({left, pushing}, return_when=asyncio.FIRST_COMPLETED)
        for task in (left, pushing):
            task.cancel()
        await asyncio.gather(left, pushing, return_exceptions=True)

    async def _push(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(self._chunks):
            await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
            self.taken += len(CHUNK)
        await send({"type": "http.response.body", "body": b""})


async def _push_at_a_closed_window(served: Served, pusher: Pusher) -> int:
    """Return how much the server takes for a client that opens no window."""
    async with connected(served.port, served.trust(), window=0) as client:
        client.request()
        for _ in range(3):  # siblings come and go
            await client.until(lambda: client.answers[1].status is not None)
            await client.round_trip()
        taken = -1
        while taken != pusher.taken:
            taken = pusher.taken
            await client.round_trip()
    return taken


async def test_a_client_that_does_not_read_holds_the_application_back(
    certificate: Certificate,
) -> None:
    pusher = Pusher()
    async with listening(pusher, certificate) as served:
        assert await _push_at_a_closed_window(served, pusher) <= 4 * len(CHUNK)


async def test_canary_stock_holds_no_application_back(certificate: Certificate) -> None:
    pusher = Pusher()
    async with stock(pusher, certificate) as served:
        assert await _push_at_a_closed_window(served, pusher) == MANY * len(CHUNK)


async def test_a_client_that_does_not_read_does_not_block_its_other_streams(
    certificate: Certificate,
) -> None:
    async with (
        listening(Pusher(), certificate) as served,
        connected(served.port, served.trust(), credits_=False) as client,
    ):
        client.credit(2**24, 0)
        client.request()
        await client.until(lambda: len(client.answers[1].body) == 65_535)
        assert (await client.answer(client.request(path=b"/other"))).body == b"ok"


async def test_a_window_that_opens_lets_the_response_go_on(certificate: Certificate) -> None:
    async with (
        listening(Pusher(20), certificate) as served,
        connected(served.port, served.trust(), window=1000) as client,
    ):
        received = await client.answer(client.request())
    assert received.body == CHUNK * 20
    assert received.ended


async def _unread_upload(served: Served) -> bytes:
    """Fill the windows of requests that nobody reads; return a sibling's answer."""
    async with connected(served.port, served.trust()) as client:
        for _ in range(4):
            unread = client.request(b"POST", b"/unread", end=False)
            for _ in range(client.h2.local_flow_control_window(unread) // PIECE):
                await client.upload(unread, bytes(PIECE), end=False)
        return bytes((await client.answer(client.request(path=b"/other"))).body)


def _never_reading() -> App:
    """Return an application that reads nothing, until it is asked for ``/other``."""
    asked = asyncio.Event()

    async def application(scope: Any, _: Receive, send: Send) -> None:
        if scope["path"] == "/other":
            asked.set()
        await asked.wait()
        await answer(send)

    return application


async def test_uploads_that_nobody_reads_do_not_block_the_others(certificate: Certificate) -> None:
    async with listening(_never_reading(), certificate) as served:
        assert await _unread_upload(served) == b"ok"


async def test_canary_stock_is_blocked_by_an_upload_that_nobody_reads(
    certificate: Certificate,
) -> None:
    async with stock(_never_reading(), certificate) as served:
        with pytest.raises((TimeoutError, AssertionError)):
            await asyncio.wait_for(_unread_upload(served), BROKEN)


async def test_an_upload_goes_on_as_fast_as_it_is_read(certificate: Certificate) -> None:
    body = bytes(range(256)) * 16_384
    async with (
        listening(echo, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        streams = [client.request(b"POST", end=False) for _ in range(3)]
        for stream_id in streams:
            await client.upload(stream_id, body)
        for stream_id in streams:
            assert (await client.answer(stream_id)).body == body


async def test_an_upload_goes_on_when_its_window_was_taken_by_polling(
    certificate: Certificate,
) -> None:
    arrived = asyncio.Event()

    async def polling(scope: Any, receive: Receive, send: Send) -> None:
        await arrived.wait()
        polled = b""
        while (message := scope["extensions"]["poll"]()) is not None:
            polled += bytes(message["body"])
        assert len(polled) == STREAM_WINDOW
        await answer(send, polled + await read(receive))

    body = bytes(range(256)) * (3 * STREAM_WINDOW // 256)
    async with (
        listening(polling, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        await client.round_trip()  # so that the window is known
        stream_id = client.request(b"POST", end=False)
        await client.upload(stream_id, body[:STREAM_WINDOW], end=False)
        await client.round_trip()
        arrived.set()
        await client.upload(stream_id, body[STREAM_WINDOW:])
        assert (await client.answer(stream_id)).body == body


async def _too_early(scope: Any, receive: Receive, send: Send) -> None:
    """Answer before the request's end, without reading it; ``/other`` at its end."""
    await (answer(send, status=413) if scope["path"] == "/early" else echo(scope, receive, send))


async def _late_data(client: Client) -> bytes:
    """Send DATA to a stream that was answered; return a sibling's answer."""
    sibling = client.request(b"POST", b"/other", end=False)
    early = client.request(b"POST", b"/early", end=False)
    assert (await client.answer(early)).status == 413
    client.send(DataFrame(early, b"late"))
    await client.upload(sibling, b"fine")
    return bytes((await client.answer(sibling)).body)


async def test_data_after_an_early_answer_does_not_hurt_the_others(
    certificate: Certificate,
) -> None:
    async with (
        listening(_too_early, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        assert await _late_data(client) == b"fine"


async def test_canary_stock_loses_the_connection_to_data_after_an_early_answer(
    certificate: Certificate,
) -> None:
    async with (
        stock(_too_early, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        with pytest.raises((TimeoutError, AssertionError)):
            await asyncio.wait_for(_late_data(client), BROKEN)


async def test_windows_recover_after_uploads_that_were_answered_early(
    certificate: Certificate,
) -> None:
    async with (
        listening(_too_early, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        for _ in range(UPLOADS):
            early = client.request(b"POST", b"/early", end=False)
            await client.upload(early, CHUNK)
            assert (await client.answer(early)).status == 413
        last = client.request(b"POST", end=False)
        await client.upload(last, CHUNK)
        assert (await client.answer(last)).body == CHUNK


async def test_windows_recover_after_uploads_that_the_client_resets(
    certificate: Certificate,
) -> None:
    async def never(_scope: Any, receive: Receive, _send: Send) -> None:
        await read(receive)

    async def application(scope: Any, receive: Receive, send: Send) -> None:
        await (never if scope["path"] == "/never" else echo)(scope, receive, send)

    async with (
        listening(application, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        for _ in range(UPLOADS):
            stream_id = client.request(b"POST", b"/never", end=False)
            await client.upload(stream_id, CHUNK, end=False)
            client.reset(stream_id)
        last = client.request(b"POST", end=False)
        await client.upload(last, CHUNK)
        assert (await client.answer(last)).body == CHUNK
