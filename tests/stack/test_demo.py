"""The demo's load through a real proxy, as a real Prometheus sees it: no panel stays empty."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from app.certificates import Certificate
from app.cli.demo import DEMO
from app.http2 import ProxyEnvironment, Transport
from simulator.load import Load
from tests.proxying import proxying, simulated
from tests.stack.servers import prometheus
from tests.stack.tree import expressions

pytestmark = pytest.mark.external

# What the demo does not do: nothing there means that nothing happened.
QUIET = {
    "anthropic_proxy_label_overflow_total",
    "anthropic_proxy_unpriced_requests_total",
    "anthropic_proxy_forward_",  # it has no forward proxy
    "cache_miss_cost_usd_total",  # its prompts miss the cache by chance only
    "anthropic_proxy_run_scrub_skipped_total",  # every body of the demo is searched
    "anthropic_proxy_worker_",  # it is a single process
    "anthropic_proxy_upstream_rtt_seconds",  # no connection is silent for long enough
    "anthropic_proxy_upstream_ratelimit_full_",  # a forecast takes 15 minutes
    "anthropic_proxy_label_cost_usd_total",  # it keeps no labels
    "anthropic_proxy_budget_",  # it has no budgets
    "ALERTS{",  # and no alert fires
}
PACE = 20.0  # times real time, so that the incident comes by soon
PATIENCE = 800.0  # seconds for all of them to be seen


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with capture_logs():
        yield


async def test_the_demo_fills_every_panel(certificate: Certificate, tmp_path: Path) -> None:
    async with (
        simulated(certificate) as upstream,
        proxying(
            upstream.url,
            certificate,
            scrub_mode=DEMO["scrub_mode"],
            scrub_hmac_key=DEMO["scrub_hmac_key"],
        ) as proxy,
    ):
        transport = Transport(ssl_context=proxy.trust(), proxies=ProxyEnvironment({}))
        load = asyncio.create_task(Load(proxy.url, pace=PACE, transport=transport).run())
        try:
            empty = await asyncio.to_thread(_empty_panels, proxy.at.dashboard_port, tmp_path)
        finally:
            load.cancel()
            await asyncio.gather(load, return_exceptions=True)
    assert empty == []


def _empty_panels(port: int, directory: Path) -> list[str]:
    """Return the expressions that give nothing, quiet ones aside, once patience is at its end."""
    awaited = {
        where: expr
        for where, expr in expressions().items()
        if not any(name in expr for name in QUIET)
    }
    end = time.monotonic() + PATIENCE
    with prometheus(directory, port) as server:
        while awaited and time.monotonic() < end:
            time.sleep(1)
            awaited = {w: expr for w, expr in awaited.items() if not server.numbers(expr)}
    return list(awaited)
