import asyncio

from app.http2 import Transport
from tests.http2.outgoing import request
from tests.http2.peer import peer
from tests.http2.tls import Tls


async def test_requests_share_a_connection(transport: Transport, tls: Tls) -> None:
    async with peer(tls.server("h2")) as upstream:
        first = await transport.handle_async_request(request(upstream.url, body=b"hello"))
        assert first.status_code == 200
        assert await first.aread() == b"ok"
        second = await transport.handle_async_request(request(upstream.url))
        assert await second.aread() == b"ok"
        assert (first.extensions["reused"], second.extensions["reused"]) == (False, True)
        assert bytes(upstream.calls[0].body) == b"hello"
        assert len(upstream.wires) == 1
        await asyncio.sleep(0.05)
    assert transport.stats.resets_sent == 0
