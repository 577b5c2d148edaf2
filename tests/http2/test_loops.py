"""Both event loops, httpx's client above, and a process that ends without saying goodbye."""

import asyncio
import subprocess
import sys
import textwrap

import httpx
import pytest
import uvloop

from app.http2 import ProxyEnvironment, Transport
from tests.http2.outgoing import request
from tests.http2.peer import Call, peer, polite
from tests.http2.tls import Tls


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_requests_work_on_either_loop(tls: Tls, loop: object) -> None:
    async def main() -> None:
        transport = Transport(ssl_context=tls.client(), proxies=ProxyEnvironment({}))
        async with peer(tls.server("h2")) as upstream:
            response = await transport.handle_async_request(
                request(upstream.url, body=b"x" * 2**20)
            )
            assert await response.aread() == b"ok"
            with pytest.raises(httpx.ConnectError):
                await transport.handle_async_request(request("https://localhost:1"))
            await transport.aclose()

    with asyncio.Runner(loop_factory=loop) as runner:  # type: ignore[arg-type] # either's factory
        runner.run(main())


async def test_it_works_below_the_client_of_httpx(transport: Transport, tls: Tls) -> None:
    async def answer(call: Call) -> None:
        assert (b"accept", b"*/*") in call.fields
        await polite(call)

    async with (
        peer(tls.server("h2"), answer) as upstream,
        httpx.AsyncClient(transport=transport) as client,
    ):
        response = await client.post(upstream.url, json={"a": 1})
        assert (response.text, response.http_version) == ("ok", "HTTP/2")


async def test_a_process_that_exits_without_closing_exits_cleanly(tls: Tls) -> None:
    program = textwrap.dedent(
        """
        import asyncio, ssl, sys
        from app.http2 import ProxyEnvironment, Transport
        from tests.http2.outgoing import request

        async def main() -> None:
            context = ssl.create_default_context(cafile=sys.argv[1])
            transport = Transport(ssl_context=context, proxies=ProxyEnvironment({}))
            response = await transport.handle_async_request(request(sys.argv[2]))
            print((await response.aread()).decode())

        asyncio.run(main())
        """
    )
    async with peer(tls.server("h2")) as upstream:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            program,
            str(tls.certificate),
            upstream.url,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert (process.returncode, output, errors) == (0, b"ok\n", b"")
