"""The proxy as a process of its own, in front of a simulated upstream."""

import asyncio
import json
import os
import re
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from app.certificates import Certificate
from simulator import Simulator
from tests.proxying import DEADLINE

UVLOOP = "-m app"
ASYNCIO = (
    """-c 'import sys; sys.modules["uvloop"] = None; import app.cli; sys.exit(app.cli.main([]))'"""
)


class Process:
    """A running ``python -m app``."""

    def __init__(self, process: asyncio.subprocess.Process, certificate: Certificate) -> None:
        self.process = process
        self.certificate = certificate
        self.port = 0
        self.pages_url = ""

    async def started(self) -> None:
        """Read the announcement up to the address."""
        assert self.process.stderr is not None
        async with asyncio.timeout(DEADLINE):
            announced = await self.process.stderr.readuntil(b'"event": "listening"')
        self.port = int(re.findall(rb'"proxy": "https://127.0.0.1:(\d+)', announced)[0])
        pages = re.findall(rb'"dashboard": "(http://127.0.0.1:\d+)', announced)[0]
        self.pages_url = pages.decode()

    async def drain(self, processes: int = 1) -> None:
        """Send SIGTERM, and read up to the line with which so many processes begin to drain."""
        assert self.process.stderr is not None
        self.process.send_signal(signal.SIGTERM)
        for _ in range(processes):
            await self.process.stderr.readuntil(b'"draining"')

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca_file(self) -> str:
        return str(self.certificate.ca_file)

    def pages(self) -> httpx.AsyncClient:
        """Return a client of the pages, with a new connection for each request."""
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.AsyncClient(base_url=self.pages_url, timeout=DEADLINE, limits=limits)

    def client(self, **options: Any) -> httpx.AsyncClient:
        trust = ssl.create_default_context(cafile=self.certificate.ca_file)
        return httpx.AsyncClient(base_url=self.url, verify=trust, timeout=DEADLINE, **options)

    async def ended(self) -> tuple[int | None, list[dict[str, Any]]]:
        """Return the exit code and what was logged."""
        async with asyncio.timeout(DEADLINE):
            output, errors = await self.process.communicate()
        lines = (output + errors).splitlines()
        return self.process.returncode, [json.loads(line) for line in lines if line[:1] == b"{"]


@asynccontextmanager
async def running(
    upstream: Simulator,
    certificate: Certificate,
    *,
    files: int | None = None,
    program: str = UVLOOP,
    **settings: Any,
) -> AsyncIterator[Process]:
    """Run the proxy, with at most ``files`` file descriptors."""
    chosen = {
        "host": "127.0.0.1",
        "port": 0,
        "dashboard_port": 0,
        "log_format": "json",
        "upstream_base_url": upstream.url,
        "upstream_ca_file": certificate.ca_file,
        "tls_cert_file": certificate.cert_file,
        "tls_key_file": certificate.key_file,
    } | settings
    environment = {f"ANTHROPIC_PROXY_{name.upper()}": str(chosen[name]) for name in chosen}
    limit = f"ulimit -n {files}; " if files is not None else ""
    process = await asyncio.create_subprocess_exec(
        *("sh", "-c", f'{limit}exec "$0" {program}', sys.executable),
        env=os.environ | environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process, certificate)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
