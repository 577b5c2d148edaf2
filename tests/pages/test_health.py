"""Liveness and readiness, as load balancers and containers ask for them."""

import httpx
import pytest
from starlette.applications import Starlette

from app.pages import health
from tests.proxying import Running


def _client(*, ready: bool) -> httpx.AsyncClient:
    app = Starlette(routes=health.routes(lambda: ready))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")


@pytest.mark.parametrize("ready", [True, False])
async def test_health_is_well_while_it_answers(*, ready: bool) -> None:
    async with _client(ready=ready) as client:
        answer = await client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("ready", "status", "word"), [(True, 200, "ready"), (False, 503, "draining")]
)
async def test_readiness_ends_with_the_drain(*, ready: bool, status: int, word: str) -> None:
    async with _client(ready=ready) as client:
        answer = await client.get("/ready")
    assert (answer.status_code, answer.json()) == (status, {"status": word})


async def test_the_open_paths_are_those_that_are_routed() -> None:
    assert {route.path for route in health.routes(lambda: True)} == health.PATHS


async def test_both_ports_answer_probes_by_get_and_head(proxy: Running) -> None:
    async with proxy.client() as client:
        for base in (proxy.url, proxy.pages_url):
            for path in sorted(health.PATHS):
                assert (await client.get(base + path)).status_code == 200
                assert (await client.head(base + path)).content == b""
    assert proxy.exchanges == []


async def test_a_draining_proxy_says_so_to_load_balancers(proxy: Running) -> None:
    proxy.application.admission.unready()
    async with proxy.client() as client:
        assert (await client.get("/health")).status_code == 200
        assert (await client.get("/ready")).status_code == 503
