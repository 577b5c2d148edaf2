"""The demo's load: a few developers at work, through the proxy at a URL.

A request names its own answer in ``x-simulate``, which a transparent proxy passes on to the
simulator behind it.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec

from . import weather
from .conversation import short
from .developer import Developer

DEVELOPERS = 5
SILENCE = 60.0  # seconds without a byte after which an answer is given up
RETRY_AFTER = 1.0  # seconds until a client tries again
RETRIED = frozenset({429, 500, 529})
TIMED = ("delay", "gap")  # members of a step that are durations


@dataclass(frozen=True, slots=True)
class Scenario:
    """One request. ``leaves_after`` events the client goes away; ``step`` as in JSON."""

    model: str
    step: dict[str, Any]
    path: str = "/v1/messages"
    stream: bool = True
    prompt: str = "Explain what this function does."
    leaves_after: int | None = None


class Load:
    """The load on the proxy at ``url`` until `run` is cancelled; ``pace`` is times real time.

    ``transport`` carries it; its owner is the load, which closes it. httpx's own will not do:
    cancelled while it connects, it leaves the socket open.

    State: ``_sent`` requests and ``_messages`` among them, ``_start`` of the day.
    """

    def __init__(
        self,
        url: str,
        *,
        transport: httpx.AsyncBaseTransport,
        developers: int = DEVELOPERS,
        pace: float = 1.0,
    ) -> None:
        self._url = url
        self._transport = transport
        self._developers = developers
        self._pace = pace
        self._sent = 0
        self._messages = 0
        self._start = time.monotonic()

    async def run(self) -> None:
        """Let the developers work, and have a change reviewed in the middle of each incident."""
        self._start = time.monotonic()
        self._client = httpx.AsyncClient(
            base_url=self._url, transport=self._transport, timeout=SILENCE
        )
        async with self._client, asyncio.TaskGroup() as working:
            for number in range(self._developers):
                working.create_task(Developer(self, number).work())
            reviewer = Developer(self, self._developers)
            await self.pause(weather.INCIDENT[0])
            while True:
                working.create_task(reviewer.review())
                await self.pause(weather.PERIOD)

    async def run_until(self, stop: asyncio.Event) -> None:
        """Run until ``stop`` is set; every connection is closed then."""
        tasks = working, stopping = (
            asyncio.create_task(self.run()),
            asyncio.create_task(stop.wait()),
        )
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.done():
                working.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def pause(self, seconds: float) -> None:
        """Wait in the time of the demo."""
        await asyncio.sleep(seconds / self._pace)

    async def send(
        self, body: bytes, headers: dict[str, str], step: dict[str, Any], path: str = "/v1/messages"
    ) -> None:
        """Send a request; once more, as a client does, when it fails."""
        elapsed = (time.monotonic() - self._start) * self._pace
        odd: dict[str, Any] = {}
        if path == "/v1/messages":
            self._messages += 1
            odd = weather.trouble(self._messages, elapsed)
        leaves = 12 if self._messages % weather.LEAVES == 0 else None
        status = await self._attempt(body, headers, step | odd, path, leaves)
        if status in RETRIED:
            await self.pause(RETRY_AFTER)
            again = headers | {"x-stainless-retry-count": "1"}
            await self._attempt(body, again, step, path, None)

    async def _attempt(
        self,
        body: bytes,
        headers: dict[str, str],
        step: dict[str, Any],
        path: str,
        leaves_after: int | None,
    ) -> int | None:
        self._sent += 1
        elapsed = (time.monotonic() - self._start) * self._pace
        known = weather.limits(elapsed, time.time())
        timed = {name: step[name] / self._pace for name in TIMED if name in step}
        told = step | timed | {"headers": [*known, *step.get("headers", ())]}
        return await _exchange(
            self._client, path, _headers(told, str(self._sent)) | headers, body, leaves_after
        )


async def send(client: httpx.AsyncClient, scenario: Scenario, number: int) -> None:
    """Send the request ``number`` and read its answer as far as the scenario does."""
    document = msgspec.json.decode(short(scenario.model, scenario.prompt))
    body = msgspec.json.encode(document | {"stream": scenario.stream})
    headers = _headers(scenario.step, str(number))
    await _exchange(client, scenario.path, headers, body, scenario.leaves_after)


async def _exchange(
    client: httpx.AsyncClient,
    path: str,
    headers: dict[str, str],
    body: bytes,
    leaves_after: int | None,
) -> int | None:
    """Return the status, or None when there was none."""
    status = None
    try:
        async with client.stream("POST", path, headers=headers, content=body) as response:
            status, chunks = response.status_code, 0
            async for _ in response.aiter_raw():
                chunks += 1
                if leaves_after is not None and chunks >= leaves_after:
                    break
    except httpx.HTTPError:
        pass  # a fault that was asked for, or a proxy that is not up yet
    return status


def _headers(step: dict[str, Any], key: str) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "x-api-key": "sk-demo-not-a-key",
        "x-simulate": msgspec.json.encode(step).decode(),
        "x-simulate-key": key,
    }
