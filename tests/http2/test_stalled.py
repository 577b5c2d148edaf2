"""Readers that stop reading: their siblings don't notice, and memory stays bounded."""

import asyncio

import pytest

from app.http2 import Transport
from tests.http2.outgoing import MakeTransport, request
from tests.http2.peer import Call, eventually, peer, polite
from tests.http2.tls import Tls

pytestmark = pytest.mark.simulated_clock

STALLED = 60
WINDOW = 256 * 1024
TOTAL = 400 * 1024
EVENT = 2_048


async def bulk(call: Call) -> None:
    call.head()
    await call.data(b"x" * TOTAL, end=True)


async def events(call: Call) -> None:
    call.head()
    for number in range(TOTAL // EVENT):
        await call.data(b"x" * EVENT, end=number == TOTAL // EVENT - 1)


@pytest.mark.parametrize("pour", [bulk, events])
async def test_stalled_readers_cost_their_siblings_nothing(
    make_transport: MakeTransport,
    tls: Tls,
    pour: object,
) -> None:
    transport = make_transport(max_connections=1)

    async def answer(call: Call) -> None:
        await (polite(call) if call.path == b"/sibling" else pour(call))  # type: ignore[operator]

    async with peer(tls.server("h2"), answer) as upstream:
        stalled = [
            await transport.handle_async_request(request(upstream.url, b"/stalled"))
            for _ in range(STALLED)
        ]
        await eventually(lambda: all(call.window == 0 for call in upstream.calls))
        await eventually(lambda: held(transport) == STALLED * WINDOW)
        for _ in range(20):
            sibling = await transport.handle_async_request(request(upstream.url, b"/sibling"))
            assert await sibling.aread() == b"ok"
        bodies = await asyncio.gather(*(response.aread() for response in stalled))
        assert {len(body) for body in bodies} == {TOTAL}
        assert len(upstream.wires) == 1


async def test_readers_that_give_up_leave_the_window_as_it_was(
    make_transport: MakeTransport, tls: Tls
) -> None:
    transport = make_transport(max_connections=1)
    async with peer(tls.server("h2"), bulk) as upstream:
        for _ in range(300):  # 75 MiB in all, more than the connection's window
            response = await transport.handle_async_request(request(upstream.url))
            call = upstream.calls[-1]
            await eventually(lambda call=call: call.window == 0)  # type: ignore[misc] # bound now
            await response.aclose()
        response = await transport.handle_async_request(request(upstream.url))
        assert len(await response.aread()) == TOTAL
        assert len(upstream.wires) == 1


def held(transport: Transport) -> int:
    """Bytes of responses that nobody has read."""
    (slots,) = transport._pools
    (connection,) = slots.connections
    return sum(stream.unread for stream in connection._session.streams.values())
