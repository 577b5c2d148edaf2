"""A real server as upstream: nginx that ends each connection after 20 requests."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from app.http2 import Refused, Transport
from tests.http2.outgoing import MakeTransport, request
from tests.http2.tls import Tls
from tests.ports import free_port
from tests.programs import require

pytestmark = pytest.mark.external

PAGE = bytes(range(256)) * 400  # 100 KiB
REQUESTS = 1_500
LOST = 3  # nginx may close a connection that a request is already on its way to

CONFIG = """
daemon off; master_process off; pid {folder}/pid; error_log stderr error;
events {{ worker_connections 512; }}
http {{
    access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi; client_max_body_size 0; keepalive_requests 20;
    server {{
        listen 127.0.0.1:{port} ssl http2;
        ssl_certificate {certificate}; ssl_certificate_key {key};
        location / {{ root {folder}; }}
        location /echo {{ return 200 $request_uri; }}
        location /refused {{ client_max_body_size 1k; return 200 unread; }}
    }}
}}
"""


@asynccontextmanager
async def nginx(folder: Path, tls: Tls) -> AsyncIterator[str]:
    """Run nginx; yields its URL."""
    program = require("nginx", "nginx-light")
    port = free_port()
    (folder / "page").write_bytes(PAGE)
    (folder / "nginx.conf").write_text(
        CONFIG.format(folder=folder, port=port, certificate=tls.certificate, key=tls.key)
    )
    process = await asyncio.create_subprocess_exec(
        program, "-p", str(folder), "-c", str(folder / "nginx.conf")
    )
    try:
        async with asyncio.timeout(60):
            while not await listens(port):  # noqa: ASYNC110 - nginx does not say when it is up
                await asyncio.sleep(0.02)
        yield f"https://localhost:{port}"
    finally:
        process.terminate()
        await process.wait()


async def listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


async def test_connections_that_wear_out_cost_next_to_no_request(
    make_transport: MakeTransport, tls: Tls, tmp_path: Path
) -> None:
    transport = make_transport()
    gate = asyncio.Semaphore(20)
    expected = hashlib.sha256(PAGE).digest()
    lost = 0

    async def fetch(sent: httpx.Request) -> bytes:
        while True:
            try:
                return await (await transport.handle_async_request(sent)).aread()
            except Refused:
                continue

    async def one(number: int) -> None:
        nonlocal lost
        sent = (
            request(url, b"/page", method="GET")
            if number % 2
            else request(url, b"/echo?%d" % number, method="GET")
        )
        async with gate:
            try:
                body = await fetch(sent)
            except httpx.RemoteProtocolError:
                lost += 1
                return
        if number % 2:
            assert hashlib.sha256(body).digest() == expected
        else:
            assert body == b"/echo?%d" % number

    async with nginx(tmp_path, tls) as url:
        await asyncio.gather(*(one(number) for number in range(REQUESTS)))
        assert lost <= LOST
        assert transport.stats.goaways >= REQUESTS // 20 // 2
        assert transport.stats.streams_open == 0
        await transport.aclose()


async def test_a_body_that_nginx_refuses_is_answered_at_once(
    transport: Transport, tls: Tls, tmp_path: Path
) -> None:
    body = b"x" * 20 * 2**20
    length = [(b"content-length", b"%d" % len(body))]
    async with nginx(tmp_path, tls) as url:
        sent = request(url, b"/refused", body=body, headers=length)
        response = await transport.handle_async_request(sent)
        assert response.status_code == 413
        assert b"413" in await response.aread()
        again = await transport.handle_async_request(request(url, b"/echo", method="GET"))
        assert await again.aread() == b"/echo"
        await transport.aclose()
