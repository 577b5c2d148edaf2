"""A naive proxy, the baseline: Starlette on Hypercorn as it comes, httpx with HTTP/2 upstream.

    python -m benchmarks.naive PORT UPSTREAM CA_FILE CERTIFICATE KEY

It counts nothing, retries nothing and notices no client that leaves.
"""

import ssl
import sys

import httpx
import uvloop
from hypercorn.asyncio import serve
from hypercorn.config import Config
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

STREAMS = 100  # of a connection
NOT_FORWARDED = {"host", "connection", "transfer-encoding"}


def application(upstream: str, ca_file: str) -> Starlette:
    """Return the proxy in front of ``upstream``."""
    context = ssl.create_default_context(cafile=ca_file)
    # httpx opens one HTTP/2 connection, of 100 streams, and lets the others wait.
    clients = [httpx.AsyncClient(http2=True, verify=context, timeout=600) for _ in range(20)]
    active = 0

    async def forward(request: Request) -> StreamingResponse:
        nonlocal active
        client = clients[min(active // STREAMS, len(clients) - 1)]
        active += 1
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
        nonlocal active
        active -= 1
        await answer.aclose()

    methods = ["GET", "POST"]
    return Starlette(routes=[Route("/{path:path}", forward, methods=methods)])


async def main(port: str, upstream: str, ca_file: str, certificate: str, key: str) -> None:
    """Serve until the process is ended."""
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile, config.keyfile = certificate, key
    config.accesslog = config.errorlog = None
    await serve(application(upstream, ca_file), config)  # type: ignore[arg-type] # ASGI in its own way


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
