"""Pictures of the dashboard over a real run.

``python -m tests.dashboard.pictures DIRECTORY`` takes those of the README, in two minutes.
"""

import asyncio
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, async_playwright, expect

from app import certificates
from app.certificates import Certificate
from app.simulator.load import Scenario
from tests.dashboard.conftest import CHROMIUM
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
PHONE = {"width": 360, "height": 780}
DESKTOP = {"width": 1440, "height": 900}


async def take(proxy: Running, browser: Browser, directory: Path, seconds: float) -> None:
    """Save light, dark and phone pictures after so much traffic, the dark one with an alert."""
    await _traffic(proxy, seconds)
    await _shoot(browser, proxy, directory / "light.png", color_scheme="light", viewport=DESKTOP)
    await _shoot(browser, proxy, directory / "phone.png", color_scheme="light", viewport=PHONE)
    await play(proxy, *[BAD] * (len(proxy.exchanges) // 8 + 20))
    async with opened(browser, proxy.pages_url) as shown:
        await expect(shown.page.get_by_role("alert")).to_be_visible()
    await _shoot(browser, proxy, directory / "dark.png", color_scheme="dark", viewport=DESKTOP)


async def _traffic(proxy: Running, seconds: float) -> None:
    """Send waves of requests, now more, now fewer, with a few of every kind of failure."""
    chance = random.Random(6)  # noqa: S311 - the same waves every time
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    await play(proxy, *SCENARIOS)
    level = 4.0
    while loop.time() < end:
        level = min(12.0, max(1.0, level + chance.uniform(-1.5, 1.6)))
        wave = [chance.choice(USUAL) for _ in range(round(level))]
        if chance.random() < 0.2:
            wave.append(chance.choice(SCENARIOS))
        await play(proxy, *wave)
        await asyncio.sleep(0.5)


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
            async_playwright() as playwright,
            simulated(certificate) as upstream,
            proxying(
                upstream.url,
                certificate,
                scrub_mode="pseudonymize",
                scrub_hmac_key="0" * 64,
                log_level="error",
            ) as proxy,
        ):
            browser = await playwright.chromium.launch(
                executable_path=CHROMIUM, args=["--no-sandbox"]
            )
            await take(proxy, browser, directory, seconds=95.0)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
