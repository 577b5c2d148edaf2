"""Pictures of a dashboard: light, dark, on a phone, on a wide screen.

``python -m tests.dashboard.pictures DIRECTORY URL`` takes those of the README from the demo that
runs at URL, such as http://localhost:9090, a few minutes after its start.
"""

import asyncio
import sys
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, expect

from tests.dashboard.conftest import chromium
from tests.dashboard.opened import opened

HOST = "laptop"  # no machine's real name
DESKTOP = {"width": 1440, "height": 900}
PICTURES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": DESKTOP},
    "dark": {"color_scheme": "dark", "viewport": DESKTOP},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 780}},
    "wide": {"color_scheme": "light", "viewport": {"width": 2560, "height": 1300}},
}
WHOLE = ("light", "dark")  # the whole page; of the others what the screen shows


async def take(browser: Browser, url: str, directory: Path) -> None:
    """Save every picture of the dashboard at ``url``, all of one moment."""
    async with httpx.AsyncClient() as client:
        document: dict[str, Any] = (await client.get(f"{url}/metrics")).json()
    document["instance"]["host"] = HOST
    for name, options in PICTURES.items():
        # Nothing moves, from the first moment on: a bar that has begun to grow would go on.
        async with opened(browser, url, reduced_motion="reduce", **options) as shown:
            await shown.feed(document)
            await expect(shown.page.locator(".readout").first).to_contain_text("peak")
            file = directory / f"dashboard-{name}.png"
            await shown.page.screenshot(path=file, full_page=name in WHOLE)


async def _main(directory: Path, url: str) -> None:
    async with chromium() as browser:
        await take(browser, url, directory)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2]))
