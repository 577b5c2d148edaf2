"""A small, endless load for the demo: a bit of everything, so that no panel stays empty.

The requests follow a fixed cycle and name their own steps in ``x-simulate``, which a
transparent proxy passes on to the simulator behind it.
"""

import asyncio
import itertools
import ssl
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from app.http2 import ProxyEnvironment, Transport

CONCURRENCY = 64  # requests under way; past it the load waits
TURNS = 6  # requests of a session, whose prompt grows and is cached
SILENCE = 30.0  # seconds without a byte after which an answer is given up
_TOOL = {
    "name": "Read",
    "description": "Reads a file from the working directory. " * 8,
    "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}},
}
_SYSTEM = "You are a simulated coding assistant. " * 40
_PROSE = "The proxy relays each event at once and counts what it costs on the way. " * 6


@dataclass(frozen=True, slots=True)
class Scenario:
    """One kind of request. ``leaves_after`` events the client goes away; ``step`` as in JSON."""

    model: str
    step: dict[str, Any]
    path: str = "/v1/messages"
    stream: bool = True
    prompt: str = "Explain what this function does."
    leaves_after: int | None = None
    retry_count: int = 0


def _slow(**step: Any) -> dict[str, Any]:
    return {"text": _PROSE, "delay": 0.3, "gap": 0.03, **step}


# The usual ones are listed more often; faults are few, as in earnest.
SCENARIOS = (
    Scenario("claude-opus-5-5", _slow(encoding="gzip", thinking="Let me think. " * 12)),
    Scenario("claude-sonnet-5-5", _slow(tool_use=["Read", {"path": "app/__init__.py"}])),
    Scenario("claude-haiku-5-5", {"text": "A title"}, stream=False),
    Scenario("claude-sonnet-5-5", _slow(gap=0.01)),
    Scenario("claude-sonnet-5-5", {}, path="/v1/messages/count_tokens", stream=False),
    Scenario("claude-opus-5-5", _slow(usage={"input": 812, "output": 950, "cache_read": 96000})),
    Scenario("claude-sonnet-5-5", _slow(status=529, times=2)),
    Scenario(
        "claude-haiku-4-5",
        _slow(encoding="br", usage={"input": 90, "output": 30, "server_tools": {"web_search": 2}}),
    ),
    Scenario("claude-sonnet-5-5", _slow(), leaves_after=20),
    Scenario("claude-opus-5-5", _slow(), prompt="Mail it to demo.person@example.com, please."),
    Scenario("claude-sonnet-5-5", {"status": 429, "headers": [["retry-after", "2"]]}),
    Scenario("claude-fable-5-1", _slow(delay=1.5, message_deltas=3, pings=5)),
    Scenario("claude-sonnet-5-5", _slow(fault="error_event", after=20)),
    Scenario("claude-sonnet-5-5", _slow(), retry_count=1),
    Scenario("claude-haiku-5-5", {"status": 500}, stream=False),
    Scenario("claude-opus-5-5", _slow(fault="reset", after=25)),
    Scenario("claude-sonnet-5-5", {"status": 400}, stream=False),
)


class Load:
    """The load on the proxy at ``url``: ``rate`` requests a second until `run` is cancelled."""

    def __init__(self, url: str, *, rate: float, verify: ssl.SSLContext) -> None:
        self._url = url
        self._interval = 1 / rate
        self._verify = verify

    async def run(self) -> None:
        """Send one request after the other, without waiting for their answers."""
        room = asyncio.Semaphore(CONCURRENCY)
        # Not httpx's own: cancelled in the middle of connecting, it leaves the socket open.
        transport = Transport(ssl_context=self._verify, proxies=ProxyEnvironment({}))
        async with (
            httpx.AsyncClient(base_url=self._url, transport=transport, timeout=SILENCE) as client,
            asyncio.TaskGroup() as running,
        ):
            for number, scenario in enumerate(itertools.cycle(SCENARIOS)):
                await room.acquire()
                task = running.create_task(send(client, scenario, number))
                task.add_done_callback(lambda _: room.release())
                await asyncio.sleep(self._interval)


async def send(client: httpx.AsyncClient, scenario: Scenario, number: int) -> None:
    """Send the request ``number`` and read its answer as far as the scenario does."""
    try:
        async with client.stream(
            "POST",
            scenario.path,
            headers=headers(scenario, number),
            content=msgspec.json.encode(body(scenario, number)),
        ) as response:
            chunks = 0
            async for _ in response.aiter_raw():
                chunks += 1
                if scenario.leaves_after is not None and chunks >= scenario.leaves_after:
                    return
    except httpx.HTTPError:
        pass  # a fault that was asked for, or a proxy that is not up yet


def headers(scenario: Scenario, number: int) -> dict[str, str]:
    """Return the request's headers."""
    return {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": "sk-demo-not-a-key",
        "x-claude-code-session-id": f"demo-{number // TURNS}",
        "x-stainless-retry-count": str(scenario.retry_count),
        "x-simulate": msgspec.json.encode(scenario.step).decode(),
        "x-simulate-key": str(number),
    }


def body(scenario: Scenario, number: int) -> dict[str, Any]:
    """Return the request's body: a session's prompt grows with each of its turns."""
    history: list[dict[str, Any]] = []
    for turn in range(number % TURNS):
        history += [
            {"role": "user", "content": f"Session {number // TURNS}, turn {turn}: {_PROSE}"},
            {"role": "assistant", "content": _PROSE},
        ]
    marked = {"type": "text", "text": scenario.prompt, "cache_control": {"type": "ephemeral"}}
    return {
        "model": scenario.model,
        "max_tokens": 4096,
        "stream": scenario.stream,
        "system": [{"type": "text", "text": _SYSTEM, "cache_control": {"type": "ephemeral"}}],
        "tools": [_TOOL],
        "messages": [*history, {"role": "user", "content": [marked]}],
    }
