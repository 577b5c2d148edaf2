"""Scanners of others against a real process: testssl.sh and slowhttptest (make test-all)."""

import asyncio
import json
from pathlib import Path

import pytest

from app.certificates import Certificate
from simulator import Simulator
from tests.programs import require
from tests.proxy_process import Process, running
from tests.proxying import MESSAGE

pytestmark = [pytest.mark.system, pytest.mark.timeout(3600)]

# Not about how the proxy speaks TLS: no client of it can revoke a certificate for localhost.
ABOUT_CERTIFICATES = ("cert", "DNS_CAA", "OCSP", "chain")
BAD = ("LOW", "MEDIUM", "HIGH", "CRITICAL", "WARN", "FATAL")


async def test_testssl_finds_nothing(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> None:
    program, report = require("testssl", "testssl.sh"), tmp_path / "report.json"
    async with running(upstream, certificate) as proxy:
        await proxy.started()
        scan = await asyncio.create_subprocess_exec(
            *(program, "--quiet", "--color", "0", "--warnings", "off", "-p", "-s", "-f", "-U"),
            *("--jsonfile", str(report), f"localhost:{proxy.port}"),
            stdout=asyncio.subprocess.PIPE,
        )
        await scan.communicate()
    found = [
        finding
        for finding in json.loads(report.read_text(encoding="utf-8"))
        if finding["severity"] in BAD and not finding["id"].startswith(ABOUT_CERTIFICATES)
    ]
    assert [finding for finding in found if "engine_problem" not in finding["id"]] == []


@pytest.mark.parametrize("way", ["-H", "-B", "-X"], ids=["heads", "bodies", "readers"])
async def test_slow_clients_do_not_keep_others_out(
    upstream: Simulator, certificate: Certificate, way: str
) -> None:
    program = require("slowhttptest", "slowhttptest")
    async with running(upstream, certificate, body_timeout=5) as proxy:
        await proxy.started()
        slow = await asyncio.create_subprocess_exec(
            *(program, way, "-c", "200", "-r", "100", "-i", "3", "-l", "10", "-p", "5"),
            *("-u", f"https://localhost:{proxy.port}/v1/messages"),
            stdout=asyncio.subprocess.PIPE,
        )
        _, statuses = await asyncio.gather(slow.communicate(), _ask(proxy))
    assert statuses == {200}


async def _ask(proxy: Process) -> set[int]:
    """Ask ten times, beside the slow clients; return the statuses."""
    statuses = set()
    for _ in range(10):
        async with proxy.client() as client:
            statuses.add((await client.post("/v1/messages", json=MESSAGE)).status_code)
        await asyncio.sleep(0.8)
    return statuses
