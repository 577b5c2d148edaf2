"""One malformed answer ends one stream (RFC 9113 §5.4.2); what concerns all ends the connection."""

import asyncio
from collections.abc import Callable
from struct import pack

import httpx
import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import PriorityFrame

from app.http2 import Transport
from app.network.errors import MalformedResponse
from tests.http2.outgoing import request
from tests.http2.peer import Call, eventually, peer
from tests.http2.tls import Tls
from tests.raw_http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PRIORITY,
    WINDOW_UPDATE,
    frame,
)

SIBLINGS = 9


def data(call: Call, payload: bytes, flags: int = 0) -> None:
    call.wire.write(frame(DATA, flags, call.id, payload))


def too_long(call: Call) -> None:
    call.head(fields=[(b"content-length", b"3")])
    data(call, b"four", END_STREAM)


def too_short(call: Call) -> None:
    call.head(fields=[(b"content-length", b"30")])
    data(call, b"four", END_STREAM)


def nothing_of_a_length(call: Call) -> None:
    call.head(fields=[(b"content-length", b"30")], end=True)


def too_short_before_trailers(call: Call) -> None:
    call.head(fields=[(b"content-length", b"30")])
    data(call, b"four")
    call.wire.head(call.id, [(b"x-trailer", b"1")], end=True)


def content_of_204(call: Call) -> None:
    call.head(204)
    data(call, b"four", END_STREAM)


def second_head(call: Call) -> None:
    call.head()
    call.head()


def data_first(call: Call) -> None:
    data(call, b"body")


def no_credit(call: Call) -> None:
    call.head()
    call.wire.write(frame(WINDOW_UPDATE, 0, call.id, bytes(4)))


def no_credit_before_an_answer(call: Call) -> None:
    call.wire.write(frame(WINDOW_UPDATE, 0, call.id, bytes(4)))


def depends_on_itself(call: Call) -> None:
    call.wire.send(PriorityFrame(call.id, depends_on=call.id, stream_weight=1))


def answer_that_depends_on_itself(call: Call) -> None:
    block = call.wire.encoder.encode([(b":status", b"200")])
    flags = END_HEADERS | END_STREAM | PRIORITY
    call.wire.write(frame(HEADERS, flags, call.id, pack(">IB", call.id, 0) + block))


def interim_that_ends(call: Call) -> None:
    call.head(103, end=True)


FAULTS = [
    too_long,
    too_short,
    nothing_of_a_length,
    too_short_before_trailers,
    content_of_204,
    second_head,
    data_first,
    no_credit,
    no_credit_before_an_answer,
    depends_on_itself,
    answer_that_depends_on_itself,
    interim_that_ends,
]


async def fetch(transport: Transport, url: str, target: bytes) -> bytes:
    response = await transport.handle_async_request(request(url, target))
    return await response.aread()


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_malformed_answer_fails_its_request_and_no_other(
    transport: Transport, tls: Tls, fault: Callable[[Call], None]
) -> None:
    go_on = asyncio.Event()

    async def answer(call: Call) -> None:
        if call.path == b"/bad":
            fault(call)
            return
        call.head()
        await go_on.wait()
        await call.data(b"fine", end=True)

    async with peer(tls.server("h2"), answer) as upstream:
        siblings = [
            asyncio.ensure_future(fetch(transport, upstream.url, b"/good")) for _ in range(SIBLINGS)
        ]
        await eventually(lambda: len(upstream.calls) == SIBLINGS)
        with pytest.raises(MalformedResponse, match="broke the protocol on this stream"):
            await fetch(transport, upstream.url, b"/bad")
        go_on.set()
        assert await asyncio.gather(*siblings) == [b"fine"] * SIBLINGS
        assert await fetch(transport, upstream.url, b"/good") == b"fine"
        assert len(upstream.wires) == 1
        assert {code for _, code in upstream.resets} <= {ErrorCodes.PROTOCOL_ERROR}
        assert transport.stats.streams_open == 0


async def test_bodies_of_malformed_answers_use_no_window_up(transport: Transport, tls: Tls) -> None:
    async def answer(call: Call) -> None:
        if call.path == b"/good":
            call.head()
            await call.data(b"x" * 1_000_000, end=True)
            return
        call.head(fields=[(b"content-length", b"3")])
        await call.data(b"x" * 16_000)
        await call.data(b"x" * 16_000)

    async with peer(tls.server("h2"), answer) as upstream:
        for _ in range(40):
            with pytest.raises(httpx.RemoteProtocolError):
                await fetch(transport, upstream.url, b"/bad")
        assert len(await fetch(transport, upstream.url, b"/good")) == 1_000_000
        assert len(upstream.wires) == 1


@pytest.mark.parametrize(
    ("kind", "stream_id", "payload"),
    [
        (WINDOW_UPDATE, 0, bytes(4)),
        (WINDOW_UPDATE, 1, bytes(5)),
        (HEADERS, 1, b"\xff\xff\xff\xff\xff"),
        (DATA, 0, b"x"),
    ],
)
async def test_what_concerns_the_connection_ends_it(
    transport: Transport, tls: Tls, kind: int, stream_id: int, payload: bytes
) -> None:
    async def answer(call: Call) -> None:
        flags = END_HEADERS if kind == HEADERS else 0
        call.wire.write(frame(kind, flags, stream_id, payload))

    async with peer(tls.server("h2"), answer) as upstream:
        with pytest.raises(httpx.RemoteProtocolError, match="broke the protocol: "):
            await fetch(transport, upstream.url, b"/bad")
        await eventually(lambda: transport.stats.connections_open == 0)


async def test_what_came_before_a_fault_of_the_connection_counts(
    transport: Transport, tls: Tls
) -> None:
    """However the network cuts it: here all of it comes in one segment."""
    calls: dict[bytes, int] = {}

    async def answer(call: Call) -> None:
        calls[call.path] = call.id
        if len(calls) == 1:
            return
        whole, cut = calls[b"/whole"], calls[b"/cut"]
        block = call.wire.encoder.encode([(b":status", b"200")])
        frames = (
            frame(HEADERS, END_HEADERS, whole, block),
            frame(HEADERS, END_HEADERS, cut, block),
            frame(DATA, END_STREAM, whole, b"fine"),
            frame(DATA, 0, cut, b"begun"),
            frame(WINDOW_UPDATE, 0, 0, bytes(4)),
        )
        call.wire.write(b"".join(frames))

    async with peer(tls.server("h2"), answer) as upstream:
        sibling = asyncio.ensure_future(fetch(transport, upstream.url, b"/whole"))
        await eventually(lambda: bool(calls))
        response = await transport.handle_async_request(request(upstream.url, b"/cut"))
        chunks = response.aiter_raw()
        assert await anext(chunks) == b"begun"
        with pytest.raises(httpx.RemoteProtocolError, match="broke the protocol: "):
            await anext(chunks)
        assert await sibling == b"fine"
        await eventually(lambda: transport.stats.connections_open == 0)
