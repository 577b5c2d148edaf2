"""Plain use by Hypercorn as it comes: ``hypercorn app.asgi:application``."""

import asyncio
import os
import re
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from app.certificates import Certificate
from simulator import Simulator, Step
from tests.proxying import DEADLINE, MESSAGE, STREAM


@asynccontextmanager
async def _hypercorn(
    upstream: Simulator, certificate: Certificate, directory: Path
) -> AsyncIterator[str]:
    """Run Hypercorn's own program; yield the URL that it serves."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hypercorn", "app.asgi:application", "--workers=0"),
        "--bind=127.0.0.1:0",
        *(f"--certfile={certificate.cert_file}", f"--keyfile={certificate.key_file}"),
        env=os.environ
        | {
            "ANTHROPIC_PROXY_UPSTREAM_BASE_URL": upstream.url,
            "ANTHROPIC_PROXY_UPSTREAM_CA_FILE": str(certificate.ca_file),
            "ANTHROPIC_PROXY_STATE_DIR": str(directory),
            "PYTHONPATH": str(Path(__file__).parent.parent),
        },
        cwd=directory,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(DEADLINE):
            announced = await process.stderr.readuntil(b"CTRL + C")
        found = re.search(rb"https://127\.0\.0\.1:\d+", announced)
        assert found is not None, announced
        yield found[0].decode()
    finally:
        process.terminate()
        await process.communicate()


async def test_stock_hypercorn_serves_health_messages_and_streams(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    trust = ssl.create_default_context(cafile=certificate.ca_file)
    async with _hypercorn(upstream, certificate, tmp_path) as url:
        for http2 in (False, True):
            options = {"verify": trust, "http2": http2, "timeout": DEADLINE}
            async with httpx.AsyncClient(base_url=url, **options) as client:  # type: ignore[arg-type]
                await _use(client, upstream)


async def _use(client: httpx.AsyncClient, upstream: Simulator) -> None:
    """Ask for pages, for an answer and for a stream."""
    health = await client.get("/health")
    assert (health.status_code, health.json()) == (200, {"status": "ok"})
    assert (await client.get("/ready")).status_code == 200
    assert "anthropic_proxy_requests_total" in (await client.get("/prometheus")).text
    upstream.script(Step(), Step(deltas=("a", "b")))
    for body in (MESSAGE, STREAM):
        answered = await client.post("/v1/messages?beta=true", json=body)
        assert answered.status_code == 200
        assert answered.content == upstream.received[-1].sent
        assert upstream.received[-1].target == b"/v1/messages?beta=true"
