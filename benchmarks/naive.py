"""A naive proxy, the baseline: Starlette on Hypercorn as it comes, httpx with HTTP/2 upstream.

    python -m benchmarks.naive UPSTREAM CA_FILE CERTIFICATE KEY

Prints its URL. It counts nothing, retries nothing and notices no client that leaves.
"""

import socket
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

NOT_FORWARDED = {"host", "connection", "transfer-encoding"}


def application(upstream: str, ca_file: str) -> Starlette:
    """Return the proxy in front of ``upstream``."""
    client = httpx.AsyncClient(
        http2=True,
        verify=ssl.create_default_context(cafile=ca_file),
        timeout=60,
        limits=httpx.Limits(max_connections=20),
    )

    async def forward(request: Request) -> StreamingResponse:
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
            background=BackgroundTask(answer.aclose),
        )

    methods = ["GET", "POST"]
    return Starlette(routes=[Route("/{path:path}", forward, methods=methods)])


async def main(upstream: str, ca_file: str, certificate: str, key: str) -> None:
    """Serve until the process is ended."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    config = Config()
    config.bind = [f"127.0.0.1:{port}"]
    config.certfile, config.keyfile = certificate, key
    config.accesslog = config.errorlog = None
    print(f"https://localhost:{port}", flush=True)
    await serve(application(upstream, ca_file), config)  # type: ignore[arg-type] # ASGI in its own way


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
