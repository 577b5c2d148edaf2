"""Real requests through a real proxy: several models, streams, retries, errors, a cut."""

import asyncio
from typing import Any

import httpx

from simulator.load import Scenario, send
from tests.proxying import DEADLINE, Running

TEXT = "The proxy relays each event at once and counts what it costs on the way."
CACHED = {"input": 812, "output": 950, "cache_read": 96_000, "cache_write_5m": 1_200}

SCENARIOS = (
    Scenario("claude-opus-5-5", {"text": TEXT, "usage": CACHED}),
    Scenario(
        "claude-opus-5-5", {"text": TEXT, "encoding": "gzip", "thinking": "Let me think. " * 9}
    ),
    Scenario("claude-sonnet-5-5", {"text": TEXT}),
    Scenario("claude-sonnet-5-5", {"status": 529, "times": 2}),
    Scenario("claude-sonnet-5-5", {"status": 529, "times": 9}),
    Scenario("claude-haiku-5-5", {"text": "A title"}, stream=False),
    Scenario("claude-haiku-4-5", {"text": TEXT}, prompt="Mail it to demo.person@example.com."),
    Scenario("claude-sonnet-5-5", {}, path="/v1/messages/count_tokens", stream=False),
    Scenario("claude-sonnet-5-5", {"status": 429, "headers": [["retry-after", "2"]]}),
    Scenario("claude-haiku-5-5", {"status": 500}, stream=False),
    Scenario("claude-sonnet-5-5", {"text": TEXT, "fault": "error_event", "after": 9}),
    Scenario("claude-opus-5-5", {"text": TEXT, "fault": "reset", "after": 9}),
)
GOOD = Scenario("claude-sonnet-5-5", {"text": TEXT})
BAD = Scenario("claude-sonnet-5-5", {"status": 500}, stream=False)
HELD = Scenario("claude-sonnet-5-5", {"text": TEXT, "fault": "stall"})


async def play(proxy: Running, *scenarios: Scenario) -> None:
    """Send requests side by side, and wait until all of them have ended."""
    before = len(proxy.exchanges)
    async with proxy.client() as client:
        numbered = enumerate(scenarios, before)
        await asyncio.gather(*(send(client, scenario, number) for number, scenario in numbered))
    await proxy.ended(before + len(scenarios))


async def snapshot(proxy: Running) -> dict[str, Any]:
    """Return the dashboard's document once it has every request that has ended."""
    async with httpx.AsyncClient(base_url=proxy.pages_url) as client, asyncio.timeout(DEADLINE):
        while True:
            document: dict[str, Any] = (await client.get("/metrics")).json()
            if document["requests"]["total"] == len(proxy.exchanges):
                return document
            await asyncio.sleep(0.1)
