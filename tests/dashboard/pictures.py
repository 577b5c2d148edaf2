"""Pictures of the pages: the dashboard light, dark, on a phone, on a wide screen; the others once.

``make pictures`` takes those of README and docs/, from a demo that it starts. It takes two minutes,
and a machine that does nothing else: the pictures show the proxy's own overhead.
"""

import asyncio
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from playwright.async_api import Browser, expect

from tests.dashboard.conftest import chromium
from tests.dashboard.opened import opened
from tests.ports import free_port

HOST = "laptop"  # no machine's real name
DESKTOP = {"width": 1440, "height": 900}
PICTURES: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": DESKTOP},
    "dark": {"color_scheme": "dark", "viewport": DESKTOP},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 780}},
    "wide": {"color_scheme": "light", "viewport": {"width": 2560, "height": 1300}},
}
README = ("light", "dark", "phone")
LOADED = 130.0  # seconds after which every figure is there, and the demo's overload is not
WHOLE = ("light", "dark")  # the whole page; of the others what the screen shows


async def take(
    browser: Browser, url: str, directory: Path, names: tuple[str, ...] = tuple(PICTURES)
) -> None:
    """Save pictures of the dashboard at ``url``, all of one moment."""
    async with httpx.AsyncClient() as client:
        document: dict[str, Any] = (await client.get(f"{url}/metrics")).json()
    document["instance"]["host"] = HOST
    for name in names:
        # Nothing moves, from the first moment on: a bar that has begun to grow would go on.
        async with opened(browser, url, reduced_motion="reduce", **PICTURES[name]) as shown:
            await shown.feed(document)
            await expect(shown.page.locator(".readout").first).to_contain_text("peak")
            file = directory / f"dashboard-{name}.png"
            await shown.page.screenshot(path=file, full_page=name in WHOLE)


async def take_ledger(browser: Browser, url: str, directory: Path) -> None:
    """Save pictures of a session and of the history; a request that missed the cache is open."""
    options: dict[str, Any] = {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}}
    name = f"document.querySelector('.host').textContent = {HOST!r}"
    session = await _session_with_a_miss(url)
    async with opened(browser, url, f"/dashboard/sessions#{session}", **options) as shown:
        await shown.page.locator("summary", has_text="agent").first.wait_for()
        missed = shown.page.locator(
            "table.requests tr", has=shown.page.locator("td[data-tone=warn]")
        )
        await missed.first.locator("button").click()
        await shown.page.locator("#instance").wait_for()
        await shown.page.evaluate(name)
        await shown.page.screenshot(path=directory / "session-light.png", full_page=True)
    async with opened(browser, url, "/dashboard/history", **options) as shown:
        await expect(shown.page.locator("#cost-chart .readout")).to_contain_text("highest")
        await shown.page.locator("#instance").wait_for()
        await shown.page.evaluate(name)
        await shown.page.screenshot(path=directory / "history-light.png")


async def _session_with_a_miss(url: str) -> str:
    """Return a session whose last prompt has agents, and a miss in the main conversation."""
    async with httpx.AsyncClient(base_url=f"{url}/ledger") as client:
        for found in (await client.get("sessions?limit=500")).json()["sessions"]:
            session: str = found["session"]
            (prompt,) = (await client.get(f"sessions/{session}/prompts?limit=1")).json()["prompts"]
            chosen = f"prompt={prompt['prompt'] or ''}&agent="
            requests = (await client.get(f"sessions/{session}/requests?{chosen}")).json()[
                "requests"
            ]
            missed = [one for one in requests if (one["cache"] or {}).get("missed")]
            if prompt["agent_count"] and missed:
                return session
    raise LookupError("the demo has no such session")


@contextmanager
def _demo() -> Iterator[str]:
    """Run the demo; yields the URL of its pages."""
    port = free_port()
    with tempfile.TemporaryDirectory() as home:
        places = {"HOME": home, "ANTHROPIC_PROXY_HOST": "127.0.0.1"}
        ports = {
            "ANTHROPIC_PROXY_PORT": str(free_port()),
            "ANTHROPIC_PROXY_DASHBOARD_PORT": str(port),
        }
        program = Path(sys.executable).with_name("anthropic-proxy")
        with subprocess.Popen([program, "demo"], env=os.environ | places | ports) as process:
            yield f"http://127.0.0.1:{port}"
            process.terminate()


async def _main(directory: Path) -> None:
    with _demo() as url:
        await asyncio.sleep(LOADED)
        async with chromium() as browser:
            await take(browser, url, directory, README)
            await take_ledger(browser, url, directory)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1])))
