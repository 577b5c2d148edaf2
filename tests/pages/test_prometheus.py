"""A real Prometheus scrapes both paths."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from app.exchange import Retry
from app.scrubber.redact.report import ScrubReport
from tests.pages.serving import DEADLINE, serving
from tests.ports import free_port
from tests.programs import require
from tests.telemetry.exchanges import FAILED, PLAIN, record

pytestmark = pytest.mark.external

PATHS = ("/prometheus", "/metrics")

# Between them, these touch every metric.
MIXED = (
    PLAIN,
    replace(FAILED, retries=(Retry("529", 1, recovered=False),), client_retry=1),
    replace(PLAIN, model="claude-fable-5-2", usage_missing="truncated", modified=True),
    replace(
        PLAIN,
        scrub=ScrubReport(matches={"email": 1}, scanned=9, duration=0.001),
        restored={"email": 1},
        headers={
            "anthropic-ratelimit-unified-5h-utilization": "0.5",
            "anthropic-ratelimit-unified-5h-status": "allowed",
            "anthropic-ratelimit-unified-5h-reset": "1790003600",
            "anthropic-ratelimit-tokens-limit": "80000",
            "anthropic-ratelimit-tokens-remaining": "79000",
        },
    ),
)


@asynccontextmanager
async def prometheus(home: Path, target: str) -> AsyncIterator[httpx.AsyncClient]:
    """Run a Prometheus that scrapes both paths of ``target`` every second."""
    jobs = [
        f"  - job_name: {path.strip('/')}\n"
        f"    metrics_path: {path}\n"
        f"    static_configs: [{{targets: ['{target}']}}]\n"
        for path in PATHS
    ]
    (home / "prometheus.yml").write_text(
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\nscrape_configs:\n" + "".join(jobs)
    )
    address = f"127.0.0.1:{free_port()}"
    process = await asyncio.create_subprocess_exec(
        "prometheus",
        f"--config.file={home / 'prometheus.yml'}",
        f"--storage.tsdb.path={home / 'data'}",
        f"--web.listen-address={address}",
        "--enable-feature=exemplar-storage",
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{address}/api/v1", timeout=DEADLINE) as api:
            yield api
    finally:
        process.terminate()
        async with asyncio.timeout(DEADLINE):
            await process.wait()


async def asked(
    api: httpx.AsyncClient, path: str, enough: Callable[[Any], bool], **query: str
) -> Any:
    """Ask until the answer is enough; return its data."""
    async with asyncio.timeout(2 * DEADLINE):
        while True:
            try:
                answer = (await api.get(path, params=query)).json()
            except (httpx.TransportError, ValueError):  # it is starting
                answer = {}
            if answer.get("status") == "success" and enough(answer["data"]):
                return answer["data"]
            await asyncio.sleep(0.2)


async def test_a_real_prometheus_finds_every_metric_on_both_paths(tmp_path: Path) -> None:
    require("prometheus", "prometheus")
    async with serving() as served:
        record(served.observer, *MIXED)
        exposed = {
            sample.name
            for family in served.observer.collect()
            for sample in family.samples
            if sample.name.startswith("anthropic_proxy_")
        }
        target = str(served.client.base_url.netloc, "ascii")

        async with prometheus(tmp_path, target) as api:
            scraped = await asked(
                api, "/query", lambda data: len(data["result"]) == len(PATHS), query="up == 1"
            )
            names = [
                await asked(
                    api,
                    "/label/__name__/values",
                    lambda data: exposed <= set(data),
                    **{"match[]": f'{{job="{path.strip("/")}"}}'},
                )
                for path in PATHS
            ]
            exemplars = await asked(
                api,
                "/query_exemplars",
                bool,
                query="anthropic_proxy_time_to_first_token_seconds_bucket",
                start="0",
                end="4102444800",
            )

    assert {found["metric"]["job"] for found in scraped["result"]} == {"prometheus", "metrics"}
    assert all(exposed <= set(found) for found in names)
    assert exemplars[0]["exemplars"][0]["labels"]["request_id"] == PLAIN.request_id
