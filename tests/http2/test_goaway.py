"""A peer that leaves: GOAWAY, refused streams, and what may be sent again (RFC 9113 §6.8, §8.7)."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from h2.errors import ErrorCodes
from hyperframe.frame import DataFrame, GoAwayFrame, HeadersFrame, RstStreamFrame

from app.http2 import Refused, Transport
from tests.http2.outgoing import MakeTransport, request
from tests.http2.peer import Call, Wire, eventually, peer
from tests.http2.tls import Tls
from tests.raw_http2 import GOAWAY


class Once(httpx.AsyncByteStream):
    """A body that can't be sent again."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield b"part"


async def test_settings_that_come_before_our_preface_are_read_after_it(
    transport: Transport, tls: Tls
) -> None:
    async def greet(wire: Wire) -> None:
        wire.settings({3: 7})
        await asyncio.sleep(0.05)

    async with peer(tls.server("h2"), greet=greet) as upstream:
        response = await transport.handle_async_request(request(upstream.url))
        assert await response.aread() == b"ok"


async def test_data_after_goaway_in_one_segment_arrives(transport: Transport, tls: Tls) -> None:
    async def answer(call: Call) -> None:
        head = HeadersFrame(call.id, call.wire.encoder.encode([(b":status", b"200")]))
        head.flags.add("END_HEADERS")
        last = DataFrame(call.id, b"whole", flags=["END_STREAM"])
        call.wire.send(GoAwayFrame(0, last_stream_id=call.id), head, last)

    async with peer(tls.server("h2"), answer) as upstream:
        response = await transport.handle_async_request(request(upstream.url))
        assert await response.aread() == b"whole"
    assert transport.stats.goaways == 1


async def test_streams_in_flight_finish_after_goaway_and_new_ones_go_elsewhere(
    transport: Transport, tls: Tls
) -> None:
    release = asyncio.Event()

    async def answer(call: Call) -> None:
        call.head()
        await call.data(b"begun,")
        if call.path == b"/slow":
            await release.wait()
        await call.data(b"ended", end=True)

    async with peer(tls.server("h2"), answer) as upstream:
        slow = [
            await transport.handle_async_request(request(upstream.url, b"/slow")) for _ in range(10)
        ]
        # A graceful shut-down says twice that it is leaving (§6.8).
        upstream.wire.goaway(2**31 - 1)
        upstream.wire.goaway(max(upstream.wire.calls))
        await eventually(lambda: transport.stats.goaways == 2)
        fresh = await transport.handle_async_request(request(upstream.url, b"/fast"))
        assert await fresh.aread() == b"begun,ended"
        assert len(upstream.wires) == 2
        release.set()
        assert [await one.aread() for one in slow] == [b"begun,ended"] * 10
        await eventually(lambda: transport.stats.connections_open == 1)


async def test_a_stream_above_the_last_id_may_be_sent_again_and_one_below_goes_on(
    transport: Transport, tls: Tls
) -> None:
    async def answer(call: Call) -> None:
        if len(upstream.wires) == 1 and call.path == b"/1":
            return
        if len(upstream.wires) == 1:
            call.wire.goaway(min(call.wire.calls))
            await asyncio.sleep(0.02)
            await call.wire.calls[min(call.wire.calls)].respond(b"first")
        else:
            await call.whole.wait()
            await call.respond(bytes(call.body))

    async with peer(tls.server("h2"), answer) as upstream:
        second = request(upstream.url, b"/2", body=b"two")
        first, refused = await asyncio.gather(
            transport.handle_async_request(request(upstream.url, b"/1", body=b"one")),
            transport.handle_async_request(second),
            return_exceptions=True,
        )
        assert isinstance(refused, Refused)
        assert not refused.with_error
        assert isinstance(first, httpx.Response)
        again = await transport.handle_async_request(second)
        assert [await first.aread(), await again.aread()] == [b"first", b"two"]


async def test_goaway_between_the_grant_of_a_slot_and_its_use_costs_nothing(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(max_connections=2)

    async def answer(call: Call) -> None:
        if call.path == b"/first":
            await call.whole.wait()
            head = HeadersFrame(call.id, call.wire.encoder.encode([(b":status", b"204")]))
            head.flags |= {"END_HEADERS", "END_STREAM"}
            # One segment: the end frees the slot, which is granted, and GOAWAY takes it away.
            call.wire.send(head, GoAwayFrame(0, last_stream_id=call.id))
        else:
            await call.respond()

    async with peer(tls.server("h2"), answer, settings={3: 1}) as upstream:
        first = asyncio.ensure_future(
            transport.handle_async_request(request(upstream.url, b"/first"))
        )
        second = asyncio.ensure_future(
            transport.handle_async_request(request(upstream.url, b"/second"))
        )
        assert (await first).status_code == 204
        assert await (await second).aread() == b"ok"


async def test_a_refused_stream_is_sent_once_and_said_to_be_unprocessed(
    transport: Transport, tls: Tls
) -> None:
    async def answer(call: Call) -> None:
        call.wire.reset(call.id, ErrorCodes.REFUSED_STREAM)

    async with peer(tls.server("h2"), answer) as upstream:
        for body in (b"whole", Once()):
            with pytest.raises(Refused, match="REFUSED_STREAM"):
                await transport.handle_async_request(request(upstream.url, body=body))
        assert len(upstream.calls) == 2
    assert transport.stats.resets_sent == 0


async def test_leaving_with_an_error_is_no_invitation(transport: Transport, tls: Tls) -> None:
    async def answer(call: Call) -> None:
        call.wire.goaway(0, ErrorCodes.ENHANCE_YOUR_CALM)

    async with peer(tls.server("h2"), answer) as upstream:
        with pytest.raises(Refused) as caught:
            await transport.handle_async_request(request(upstream.url))
        assert caught.value.with_error


@pytest.mark.parametrize("code", [ErrorCodes.NO_ERROR, ErrorCodes.INTERNAL_ERROR, 0xBEEF])
async def test_a_reset_before_the_end_is_an_error_that_names_its_code(
    transport: Transport, tls: Tls, code: int
) -> None:
    name = ErrorCodes(code).name if code != 0xBEEF else "48879"

    async def answer(call: Call) -> None:
        if call.path == b"/cut":
            call.head()
            await call.data(b"part")
        call.wire.send(RstStreamFrame(call.id, error_code=code))

    async with peer(tls.server("h2"), answer) as upstream:
        with pytest.raises(httpx.RemoteProtocolError, match=name):
            await transport.handle_async_request(request(upstream.url))
        response = await transport.handle_async_request(request(upstream.url, b"/cut"))
        with pytest.raises(httpx.RemoteProtocolError, match=name):
            await response.aread()
        assert len(upstream.calls) == 2
    assert transport.stats.resets_received == 2


async def test_an_error_names_the_reason_the_peer_gave_for_leaving(
    transport: Transport, tls: Tls
) -> None:
    async def answer(call: Call) -> None:
        call.wire.goaway(call.id, ErrorCodes.ENHANCE_YOUR_CALM)
        call.wire.transport.close()

    async with peer(tls.server("h2"), answer) as upstream:
        with pytest.raises(httpx.RemoteProtocolError, match="ENHANCE_YOUR_CALM"):
            await transport.handle_async_request(request(upstream.url))


async def test_a_broken_frame_is_answered_with_goaway(transport: Transport, tls: Tls) -> None:
    async def answer(call: Call) -> None:
        call.wire.send(DataFrame(99, b"a stream that nobody opened"))

    async with peer(tls.server("h2"), answer) as upstream:
        with pytest.raises(httpx.RemoteProtocolError, match="broke the protocol"):
            await transport.handle_async_request(request(upstream.url))
        await eventually(lambda: any(kind == GOAWAY for kind, _ in upstream.wires[0].frames))
