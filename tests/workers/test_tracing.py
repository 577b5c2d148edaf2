"""Several processes export spans: each is an instance of its own."""

import asyncio
from pathlib import Path

import pytest

from app.certificates import Certificate
from simulator import Simulator
from tests.otel.receiver import receiving
from tests.proxy_process import running
from tests.proxying import STREAM

pytestmark = pytest.mark.slow

REQUESTS = 24


async def test_every_worker_exports_its_spans(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
        async with running(upstream, certificate, workers=2, state_dir=tmp_path) as proxy:
            await proxy.started()

            async def one() -> None:
                async with proxy.client() as client:
                    (await client.post("/v1/messages", json=STREAM)).raise_for_status()

            await asyncio.gather(*(one() for _ in range(REQUESTS)))
            await asyncio.to_thread(receiver.wait, REQUESTS)
            proxy.process.terminate()
            code, _ = await proxy.ended()
    assert code == 0
    spans = receiver.spans()
    assert len({span.span_id for _, span in spans}) == len(spans) == REQUESTS
    instances = {resource["service.instance.id"] for resource, _ in spans}
    assert 1 <= len(instances) <= 2
    assert {resource["service.name"] for resource, _ in spans} == {"anthropic-proxy"}
