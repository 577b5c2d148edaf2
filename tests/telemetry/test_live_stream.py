"""A stream through a real proxy, seen from outside while it runs."""

import asyncio

from simulator.load import Scenario, send
from tests.proxying import Running, until

WORDS = 200
HELD = Scenario("claude-fable-5-2", {"text": "word " * WORDS, "fault": "stall", "after": 100})


async def test_a_running_stream_shows_its_start_its_model_and_its_tokens(
    proxy: Running,
) -> None:
    telemetry = proxy.application.telemetry

    def value(name: str, **labels: str) -> float:
        telemetry.collect()
        return telemetry.registry.get_sample_value(f"anthropic_proxy_{name}", labels) or 0.0

    async with proxy.client() as client:
        running = asyncio.create_task(send(client, HELD, 0))
        await until(lambda: value("output_tokens_live_total") > 50)

        assert value("output_tokens_live_total") <= 5 * WORDS / 4
        assert value("requests_started_total", route="messages") == 1
        labels = {"model": "claude-fable-5-2", "type": "output"}
        assert telemetry.registry.get_sample_value("anthropic_proxy_tokens_total", labels) == 0
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await proxy.ended()

    before = value("output_tokens_live_total")
    assert before > 50
    assert value("output_tokens_live_total") >= before
