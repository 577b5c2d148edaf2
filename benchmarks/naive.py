"""A naive proxy, the baseline: Starlette on Hypercorn as it comes, httpx with HTTP/2 upstream.

    python -m benchmarks.naive PORT UPSTREAM CA_FILE CERTIFICATE KEY

It counts nothing, retries nothing and notices no client that leaves.
"""

import asyncio
import ssl
import sys
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import httpx
import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

T = TypeVar("T")

STREAMS = 100  # of a connection
NOT_FORWARDED = {"host", "connection", "transfer-encoding"}


class Clients(Generic[T]):
    """A client for every 100 requests, since each opens one HTTP/2 connection and lets others wait.

    State: the clients so far, and how many requests are running.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._clients: list[T] = []
        self._running = 0

    def acquire(self) -> T:
        """Return the client that takes one more request."""
        number = self._running // STREAMS
        if number == len(self._clients):
            self._clients.append(self._make())
        self._running += 1
        return self._clients[number]

    def release(self) -> None:
        """Note that a request has ended."""
        self._running -= 1


def application(upstream: str, ca_file: str) -> Starlette:
    """Return the proxy in front of ``upstream``."""
    context = ssl.create_default_context(cafile=ca_file)
    clients = Clients(lambda: httpx.AsyncClient(http2=True, verify=context, timeout=600))

    async def forward(request: Request) -> StreamingResponse:
        client = clients.acquire()
        headers = [pair for pair in request.headers.items() if pair[0] not in NOT_FORWARDED]
        url = upstream + request.url.path
        outgoing = client.build_request(
            request.method, url, headers=headers, content=await request.body()
        )
        answer = await client.send(outgoing, stream=True)
        return StreamingResponse(
            answer.aiter_raw(),
            status_code=answer.status_code,
            headers={
                name: value for name, value in answer.headers.items() if name not in NOT_FORWARDED
            },
            background=BackgroundTask(close, answer),
        )

    async def close(answer: httpx.Response) -> None:
        clients.release()
        await answer.aclose()

    return routed(forward)


def routed(forward: Callable[[Request], Awaitable[StreamingResponse]]) -> Starlette:
    """Return an application that forwards every path."""
    return Starlette(routes=[Route("/{path:path}", forward, methods=["GET", "POST"])])


async def listen(application: Starlette, port: str, certificate: str, key: str) -> None:
    """Serve until a signal ends the process.

    Hypercorn would wait for open streams, and not always end even then.
    """
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile, config.keyfile = certificate, key
    config.accesslog = config.errorlog = None
    never = asyncio.Event()
    await serve(application, config, shutdown_trigger=never.wait)  # type: ignore[arg-type] # ASGI in its own way


async def main(port: str, upstream: str, ca_file: str, certificate: str, key: str) -> None:
    """Run the naive proxy."""
    await listen(application(upstream, ca_file), port, certificate, key)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
