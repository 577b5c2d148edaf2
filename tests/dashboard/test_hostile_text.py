"""Text from the wire stays text, and the page cannot be made to run anything."""

import base64
import json
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Route, expect

from tests.dashboard.opened import opened
from tests.dashboard.traffic import SCENARIOS, play
from tests.proxying import MESSAGE, Running

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's

HOSTILE = '<img src=x onerror="window.hacked = 1"><script>window.hacked = 1</script>&lt;b&gt;\'"'
# The mappings whose names come from elsewhere.
OPEN = (
    ("requests", "by_model"),
    ("requests", "by_status"),
    ("errors", "by_type"),
    ("errors", "by_class"),
    ("streams", "ends"),
    ("scrub", "matches"),
    ("scrub", "restored"),
    ("scrub", "skipped"),
)


async def test_hostile_models_paths_and_errors_of_real_requests_stay_text(
    proxy: Running, browser: Browser
) -> None:
    error = {"type": "error", "error": {"type": HOSTILE, "message": HOSTILE}}
    step = {
        "status": 400,
        "body": base64.b64encode(json.dumps(error).encode()).decode(),
        "headers": [["request-id", HOSTILE]],
    }
    headers = {"x-simulate": json.dumps(step), "content-type": "application/json"}
    async with proxy.client() as client:
        for path in ("/v1/messages", "/v1/<script>window.hacked=1</script>"):
            await client.post(path, headers=headers, json=MESSAGE | {"model": HOSTILE})
    await proxy.ended(2)
    async with opened(browser, proxy.pages_url) as shown:
        await shown.shows("requests.total", "2")
        assert await _injected(shown.page) == [0, 0, 0]


async def test_hostile_strings_anywhere_in_a_snapshot_stay_text(
    proxy: Running, browser: Browser
) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body=event)

    await play(proxy, *SCENARIOS)
    async with opened(browser, proxy.pages_url) as shown, httpx.AsyncClient() as client:
        await shown.shows("requests.total", str(len(SCENARIOS)))
        document = (await client.get(f"{proxy.pages_url}/metrics")).json()
        event = f"data: {json.dumps(_hostile(document))}\n\n"
        await shown.page.route("**/metrics/stream", answer)
        await shown.reload()
        await shown.shows("version", HOSTILE)
        for place in (
            "#recent",
            "[data-table=models]",
            "[data-table=statuses]",
            "#windows",
            "#kinds",
        ):
            await expect(shown.page.locator(place)).to_contain_text(HOSTILE)
        await expect(shown.page.get_by_role("alert")).to_contain_text(HOSTILE)
        assert await _injected(shown.page) == [0, 0, 0]


async def test_an_inline_script_does_not_run(proxy: Running, browser: Browser) -> None:
    add = """() => {
      const script = document.createElement("script");
      script.textContent = "window.hacked = 1";
      document.body.append(script);
    }"""
    async with opened(browser, proxy.pages_url) as shown:
        await shown.live()
        await shown.page.evaluate(add)
        assert await shown.page.evaluate("() => window.hacked") is None
        assert "Content Security Policy" in shown.problems.pop()


async def _injected(page: Any) -> list[int]:
    """Return how many foreign elements there are, and whether one of them ran."""
    found: list[int] = await page.evaluate(
        """() => [
          document.querySelectorAll("main img, main script, header script").length,
          document.querySelectorAll("main b").length,
          window.hacked ?? 0,
        ]"""
    )
    return found


def _hostile(document: dict[str, Any]) -> dict[str, Any]:
    """Return a snapshot with a hostile string wherever there is one, and as further names."""
    for section, mapping in OPEN:
        document[section][mapping][HOSTILE] = 7
    document["tokens"]["by_model"][HOSTILE] = {"input": 1, "output": 2}
    document["limits"]["kinds"][HOSTILE] = {"limit": 4, "remaining": 3}
    document["limits"]["windows"][HOSTILE] = {
        "utilization": 0.5,
        "status": HOSTILE,
        "reset": 9e9,
        "forecast": None,
        "shares": {HOSTILE: 0.5},
    }
    document["alerts"] = [{"kind": HOSTILE, "severity": HOSTILE, "message": HOSTILE, "since": 0.0}]
    hostile: dict[str, Any] = _replace(document)
    return hostile


def _replace(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _replace(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_replace(item) for item in value]
    return HOSTILE if isinstance(value, str) else value
