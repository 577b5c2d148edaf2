"""The naive proxy over an HTTP client in Rust (reqwest, through pyreqwest).

    python -m benchmarks.naive_rust PORT UPSTREAM CA_FILE CERTIFICATE KEY

Differs from `benchmarks.naive` in the client only.
"""

import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import uvloop
from pyreqwest.client import Client, ClientBuilder
from pyreqwest.request import StreamRequest
from pyreqwest.response import Response
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import StreamingResponse

from benchmarks.naive import NOT_FORWARDED, Clients, listen, routed


def _client(ca_file: str) -> Client:
    return (
        ClientBuilder()
        .add_root_certificate_pem(Path(ca_file).read_bytes())
        .timeout(timedelta(seconds=600))
        .build()
    )


async def _chunks(answer: Response) -> AsyncIterator[bytes]:
    while (chunk := await answer.body_reader.read_chunk()) is not None:
        yield bytes(chunk)


def application(upstream: str, ca_file: str) -> Starlette:
    """Return the proxy in front of ``upstream``."""
    clients = Clients(lambda: _client(ca_file))

    async def forward(request: Request) -> StreamingResponse:
        headers = [pair for pair in request.headers.items() if pair[0] not in NOT_FORWARDED]
        outgoing = (
            clients.acquire()
            .request(request.method, upstream + request.url.path)
            .headers(headers)
            .body_bytes(await request.body())
            .streamed_read_buffer_limit(0)
            .build_streamed()
        )
        answer = await outgoing.__aenter__()
        return StreamingResponse(
            _chunks(answer),
            status_code=answer.status,
            headers={
                name: value for name, value in answer.headers.items() if name not in NOT_FORWARDED
            },
            background=BackgroundTask(close, outgoing),
        )

    async def close(outgoing: StreamRequest) -> None:
        clients.release()
        await outgoing.__aexit__(None, None, None)

    return routed(forward)


async def main(port: str, upstream: str, ca_file: str, certificate: str, key: str) -> None:
    """Serve until the process is ended."""
    await listen(application(upstream, ca_file), port, certificate, key)


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
