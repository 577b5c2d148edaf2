"""Streams of HTTP/2: how they begin and end, each on its own (behaviour B4, C4, E4)."""

import asyncio
import gc
import json
from typing import Any

import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import GoAwayFrame, PriorityFrame

from app.certificates import Certificate
from app.listener.send_buffer import BoundedBuffer
from app.listener.stream import RequestStream
from tests.listener.h2client import Client, connected
from tests.listener.serving import (
    BROKEN,
    App,
    Receive,
    Send,
    Served,
    Started,
    answer,
    echo,
    listening,
    read,
    stock,
    until_left,
)
from tests.proxying import until

MOST_KEPT = 1000  # streams that a connection could remember (`priority`), were they not forgotten


async def _cutting(scope: Any, _: Receive, send: Send) -> None:
    """Begin an answer and fail; ``/other`` is answered whole, ``/none`` not at all."""
    if scope["path"] == "/other":
        await answer(send)
    elif scope["path"] != "/none":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        raise RuntimeError


async def test_a_response_that_is_cut_is_reset_after_the_last_of_its_bytes(
    certificate: Certificate,
) -> None:
    async with (
        listening(_cutting, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        cut = await client.answer(client.request())
        assert (len(cut.body), cut.ended) == (100_000, False)
        assert cut.reset_code == ErrorCodes.INTERNAL_ERROR
        assert (await client.answer(client.request(path=b"/other"))).body == b"ok"


async def test_canary_stock_leaves_the_client_of_a_cut_response_waiting(
    certificate: Certificate,
) -> None:
    async with (
        stock(_cutting, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.answer(client.request()), BROKEN)


async def test_a_cut_response_is_reset_though_the_client_opens_no_window(
    certificate: Certificate,
) -> None:
    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 1000, "more_body": True})

    async with (
        listening(application, certificate) as served,
        connected(served.port, served.trust(), window=0) as client,
    ):
        assert (await client.answer(client.request())).reset_code is not None


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)])
async def test_a_response_without_content_ends_with_its_fields(
    certificate: Certificate, method: bytes, status: int
) -> None:
    """python-h2 holds an empty DATA frame to the length."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        headers = [] if scope["path"] == "/other" else [(b"content-length", b"67")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"not sent"})
        await read(receive)

    async with (
        listening(app, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        for path, end in ((b"/", True), (b"/", False), (b"/other", True)):
            stream_id = client.request(method, path, end=end)
            got = await client.answer(stream_id)
            assert (got.status, bytes(got.body), got.ended) == (status, b"", True)
            if not end:
                await client.upload(stream_id, b"late")
        await client.round_trip()


async def test_an_application_that_says_nothing_is_answered_for(certificate: Certificate) -> None:
    async with (
        listening(_cutting, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        failed = await client.answer(client.request(path=b"/none"))
    assert (failed.status, failed.ended) == (500, True)
    assert json.loads(failed.body)["error"]["type"] == "api_error"
    assert failed.header(b"x-anthropic-proxy-error") == b"internal_error"


async def test_a_client_that_resets_is_gone_for_the_application_at_once(
    certificate: Certificate,
) -> None:
    gone = asyncio.Event()

    async def application(scope: Any, receive: Receive, send: Send) -> None:
        if scope["path"] == "/other":
            await answer(send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x", "more_body": True})
        await until_left(receive)
        gone.set()

    async with (
        listening(application, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        stream_id = client.request()
        await client.until(lambda: bool(client.answers[stream_id].body))
        client.reset(stream_id)
        await until(gone.is_set)
        assert (await client.answer(client.request(path=b"/other"))).body == b"ok"


@pytest.mark.slow
async def test_what_streams_needed_is_given_back_however_they_end(
    certificate: Certificate,
) -> None:
    async def application(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        if scope["path"] == "/cut":
            await send({"type": "http.response.body", "body": b"x", "more_body": True})
            return
        sending = asyncio.ensure_future(
            send({"type": "http.response.body", "body": b"x" * 100_000, "more_body": True})
        )
        await until_left(receive)
        await sending  # which waits for a window no more

    async with (
        listening(application, certificate) as served,
        connected(served.port, served.trust(), credits_=False) as client,
    ):
        await client.round_trip()
        for _ in range(MOST_KEPT // 2 + 1):
            stream_id = client.request(b"POST", end=False)
            await client.upload(stream_id, b"y" * 1000, end=False)
            await client.round_trip()
            client.reset(stream_id)
            client.request(b"POST", b"/cut", end=False)
        await client.round_trip()
        await until(lambda: not _kept())
        client.credit(2**20, 0)
        assert (await client.answer(client.request(path=b"/cut"))).body == b"x"


def _kept() -> int:
    """Count what is still held of streams."""
    gc.collect()
    return sum(isinstance(each, RequestStream | BoundedBuffer) for each in gc.get_objects())


async def _ask_after_priorities(served: Served) -> bytes:
    async with connected(served.port, served.trust()) as client:
        client.send(*(PriorityFrame(2 * n + 1, depends_on=0) for n in range(1, 1201)))
        return bytes((await client.answer(client.request())).body)


async def test_1200_priority_frames_are_passed_over(certificate: Certificate) -> None:
    async with listening(echo, certificate) as served:
        assert await _ask_after_priorities(served) == b""


async def test_canary_stock_ends_the_connection_after_1000_priority_frames(
    certificate: Certificate,
) -> None:
    async with stock(echo, certificate) as served:
        with pytest.raises((TimeoutError, AssertionError)):
            await asyncio.wait_for(_ask_after_priorities(served), BROKEN)


async def _reset_rapidly(served: Served) -> None:
    async with connected(served.port, served.trust()) as client:
        await client.round_trip()
        for _ in range(400):
            client.h2.reset_stream(client.request(), ErrorCodes.CANCEL)
        client.flush()
        assert (await client.answer(client.request(path=b"/other"))).body == b"ok"


async def test_requests_that_are_reset_in_one_breath_are_never_started(
    certificate: Certificate,
) -> None:
    started = Started()
    async with listening(started, certificate) as served:
        await _reset_rapidly(served)
    assert started.requests < 10  # those at the edge of a read


async def test_canary_stock_starts_requests_that_were_reset(certificate: Certificate) -> None:
    started = Started()
    async with stock(started, certificate) as served:
        await _reset_rapidly(served)
    assert started.requests == 400


async def _ask(client: Client, times: int) -> None:
    running = client.request(b"POST", end=False)
    for _ in range(times):
        assert (await client.answer(client.request())).status == 200
    await client.upload(running, b"fine")
    assert (await client.answer(running)).body == b"fine"


@pytest.mark.slow
async def test_a_connection_serves_more_than_a_thousand_requests(certificate: Certificate) -> None:
    async with (
        listening(echo, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        await _ask(client, 1100)
        assert not client.goaways


async def test_canary_stock_freezes_after_the_most_requests(certificate: Certificate) -> None:
    async with (
        stock(echo, certificate, max_requests=5) as served,
        connected(served.port, served.trust()) as client,
    ):
        with pytest.raises((TimeoutError, AssertionError)):
            await asyncio.wait_for(_ask(client, 10), BROKEN)


async def _leave_slowly(client: Client) -> bytes:
    """Announce with a request running that no more will come; return its answer."""
    running = client.request(b"POST", end=False)
    client.send(GoAwayFrame(0))
    await client.upload(running, b"the last")
    return bytes((await client.answer(running)).body)


async def test_a_client_that_says_goodbye_is_still_answered(certificate: Certificate) -> None:
    async with listening(echo, certificate) as served:
        async with connected(served.port, served.trust()) as client:
            assert await _leave_slowly(client) == b"the last"
        async with connected(served.port, served.trust()) as client:
            await client.round_trip()
            client.send(GoAwayFrame(0))
            while not client.closed:
                await client.receive()


async def test_canary_stock_leaves_a_client_that_says_goodbye(certificate: Certificate) -> None:
    async with (
        stock(echo, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        with pytest.raises((TimeoutError, AssertionError)):
            await asyncio.wait_for(_leave_slowly(client), BROKEN)


def _ending() -> tuple[App, asyncio.Event]:
    ended = asyncio.Event()

    async def application(_scope: Any, _receive: Receive, send: Send) -> None:
        await answer(send, b"x" * 1000)
        ended.set()

    return application, ended


async def _lose(served: Served) -> None:
    """Lose the connection while an answer waits for a window."""
    async with connected(served.port, served.trust(), window=0) as client:
        stream_id = client.request()
        await client.until(lambda: client.answers[stream_id].status is not None)
        await client.round_trip()


async def test_a_connection_that_is_lost_leaves_no_application_waiting(
    certificate: Certificate,
) -> None:
    application, ended = _ending()
    async with listening(application, certificate) as served:
        await _lose(served)
        await until(ended.is_set)


async def test_canary_stock_leaves_the_application_of_a_lost_connection_waiting(
    certificate: Certificate,
) -> None:
    application, ended = _ending()
    async with stock(application, certificate) as served:
        await _lose(served)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ended.wait(), BROKEN)


async def test_a_retiring_connection_sends_goaway_once_no_stream_is_open(
    certificate: Certificate,
) -> None:
    async with (
        listening(echo, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        running = client.request(b"POST", end=False)
        await client.round_trip()
        assert served.listener is not None
        await served.listener.start_drain()
        await client.round_trip()
        assert not client.goaways
        await client.upload(running, b"fine")
        assert (await client.answer(running)).body == b"fine"
        await client.until(lambda: bool(client.goaways))
        assert client.goaways[0].last_stream_id == 2**31 - 1
        assert client.goaways[0].error_code == ErrorCodes.NO_ERROR
        assert (await client.answer(client.request())).status == 200  # it was on its way


async def test_a_request_that_comes_as_the_server_leaves_may_be_sent_elsewhere(
    certificate: Certificate,
) -> None:
    async with (
        listening(echo, certificate) as served,
        connected(served.port, served.trust()) as client,
    ):
        running = client.request(b"POST", end=False)
        await client.round_trip()
        assert served.listener is not None
        await served.listener._context.terminated.set()  # the first that closing it does
        late = client.request(b"POST", end=False)
        assert (await client.answer(late)).reset_code == ErrorCodes.REFUSED_STREAM
        await client.upload(running, b"fine")
        assert (await client.answer(running)).body == b"fine"
        await client.until(lambda: bool(client.goaways))
