"""Pictures of the dashboard over a real run.

``python -m tests.dashboard.pictures DIRECTORY`` takes those of the README, in a few minutes.
"""

import asyncio
import random
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, expect

from app import certificates
from app.certificates import Certificate
from app.simulator.load import Scenario
from tests.dashboard.conftest import chromium
from tests.dashboard.opened import opened
from tests.dashboard.traffic import BAD, SCENARIOS, TEXT, play
from tests.proxying import Running, proxying, simulated

USUAL = (
    Scenario(
        "claude-opus-5-5",
        {"text": TEXT * 3, "usage": {"input": 640, "output": 2_150, "cache_read": 71_000}},
    ),
    Scenario("claude-sonnet-5-5", {"text": TEXT, "delay": 0.3, "thinking": "Let me think. " * 40}),
    Scenario("claude-haiku-5-5", {"text": "A title"}, stream=False),
)
PERIOD = 1.0  # seconds from wave to wave, about
RARELY = 0.2  # the chance that a wave has something odd in it
ALARMING = 0.15  # the share of failures at which the alert is certain
PHONE = {"width": 360, "height": 780}
DESKTOP = {"width": 1440, "height": 900}


async def take(proxy: Running, browser: Browser, directory: Path, seconds: float) -> None:
    """Save light, dark and phone pictures after so much traffic, the dark one with an alert."""
    chance = random.Random(6)
    await play(proxy, *SCENARIOS)
    for size in _waves(chance, round(seconds / PERIOD)):
        await _wave(proxy, chance, size, chance.sample(SCENARIOS, chance.random() < RARELY))
    await _shoot(browser, proxy, directory / "light.png", color_scheme="light", viewport=DESKTOP)
    await _shoot(browser, proxy, directory / "phone.png", color_scheme="light", viewport=PHONE)
    while _failed(proxy) < ALARMING:
        await _wave(proxy, chance, 2, [BAD] * 8)
    async with opened(browser, proxy.pages_url) as shown:
        await expect(shown.page.get_by_role("alert")).to_be_visible()
    await _shoot(browser, proxy, directory / "dark.png", color_scheme="dark", viewport=DESKTOP)


def _waves(chance: random.Random, count: int) -> Iterator[int]:
    """Yield how many requests come at a time: now more, now fewer."""
    level = 4.0
    for _ in range(count):
        level = min(12.0, max(1.0, level + chance.uniform(-1.5, 1.6)))
        yield round(level)


async def _wave(
    proxy: Running, chance: random.Random, size: int, failures: Sequence[Scenario]
) -> None:
    wave = [chance.choice(USUAL) for _ in range(size)]
    await play(proxy, *wave, *failures)
    await asyncio.sleep(PERIOD / 2)


def _failed(proxy: Running) -> float:
    return sum(exchange.failure is not None for exchange in proxy.exchanges) / len(proxy.exchanges)


async def _shoot(browser: Browser, proxy: Running, file: Path, **options: Any) -> None:
    async with opened(browser, proxy.pages_url, **options) as shown:
        await shown.live()
        # Where bars and charts have come to rest.
        await shown.page.emulate_media(reduced_motion="reduce")
        await expect(shown.page.locator(".readout").first).to_contain_text("peak")
        await shown.page.screenshot(path=file, full_page="phone" not in file.name)


async def _main(directory: Path) -> None:
    with tempfile.TemporaryDirectory() as state:
        certificate: Certificate = certificates.ensure(Path(state), ("localhost", "127.0.0.1"))
        async with (
            chromium() as browser,
            simulated(certificate) as upstream,
            proxying(
                upstream.url,
                certificate,
                scrub_mode="pseudonymize",
                scrub_hmac_key="0" * 64,
                log_level="error",
            ) as proxy,
        ):
            await take(proxy, browser, directory, seconds=95.0)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
