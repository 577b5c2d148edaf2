"""The line to the proxy, when it breaks."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, expect

from app.certificates import Certificate
from simulator import Simulator
from tests.dashboard.opened import opened
from tests.dashboard.traffic import GOOD, play, snapshot
from tests.proxying import DEADLINE, Running, proxying

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's


async def test_the_page_comes_back_after_the_proxy_was_started_again(
    upstream: Simulator, certificate: Certificate, browser: Browser
) -> None:
    async with proxying(upstream.url, certificate) as first:
        port, url = first.at.dashboard_port, first.pages_url
        page = opened(browser, url, tolerated="ERR_")
        shown = await page.__aenter__()
        await play(first, *[GOOD] * 3)
        await shown.shows("requests.total", "3")
    await expect(shown.link).to_have_attribute("data-state", "reconnecting")
    await expect(shown.link).to_have_text("Reconnecting…")
    async with proxying(upstream.url, certificate, dashboard_port=port) as second:
        await shown.live()
        await shown.shows("requests.total", "0")
        await play(second, GOOD)
        await shown.shows("requests.total", "1")
        await page.__aexit__(None, None, None)


async def test_the_page_comes_back_after_a_refusal(proxy: Running, browser: Browser) -> None:
    refusing = asyncio.Event()

    async def refuse(route: Route) -> None:
        refusing.set()
        await route.fulfill(status=503, body="Too many clients watch this stream")

    async with opened(browser, proxy.pages_url, tolerated="503") as shown:
        await shown.live()
        await shown.page.route("**/metrics/stream", refuse)
        await shown.reload()
        await asyncio.wait_for(refusing.wait(), DEADLINE)
        await expect(shown.link).to_have_text("Connecting…")
        await expect(shown.page.locator("#waiting")).to_be_visible()
        await expect(shown.page.locator("#calm")).to_be_hidden()  # nobody knows that yet
        await shown.page.unroute("**/metrics/stream", refuse)
        await shown.live()
        await expect(shown.page.locator("#waiting")).to_be_hidden()


async def test_tabs_that_nobody_sees_leave_the_browsers_connections_to_others(
    proxy: Running, browser: Browser
) -> None:
    """A browser has six to a server; the tabs still ask for what their titles show."""
    async with opened(browser, proxy.pages_url) as shown:
        tabs = [shown.page, *[await shown.page.context.new_page() for _ in range(6)]]
        for tab in tabs:
            await tab.goto(f"{proxy.pages_url}/dashboard")
            await expect(tab.locator("#link")).to_have_attribute("data-state", "live")
            await _see(tab, hidden=True)
        await play(proxy, GOOD)
        total = tabs[0].locator('[data-metric="requests.total"]').first
        await expect(total).to_have_text("1")
        async with tabs[0].expect_request("**/metrics/stream"):
            await _see(tabs[0], hidden=False)
        await play(proxy, GOOD)
        await expect(total).to_have_text("2")


async def _see(tab: Page, *, hidden: bool) -> None:
    """Hide or show a tab; without a window of its own, a browser sees all of them."""
    await tab.evaluate(
        """(hidden) => {
          Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
          document.dispatchEvent(new Event("visibilitychange"));
        }""",
        hidden,
    )


STATES = [
    (False, None, "connecting", "Connecting…"),
    (True, None, "connecting", "Connecting…"),
    (True, 1.4, "live", "Live"),
    (True, 7.9, "stale", "Stale"),
    (False, 0.2, "reconnecting", "Reconnecting…"),
    (False, 61.0, "reconnecting", "Reconnecting…"),
]


async def test_the_state_of_the_line_is_said_in_words(proxy: Running, browser: Browser) -> None:
    script = """async (cases) => {
      const { linkState } = await import("/dashboard/link.js");
      return cases.map(([open, age]) => linkState(open, age)).map(({ name, text }) => [name, text]);
    }"""
    async with opened(browser, proxy.pages_url) as shown:
        said = await shown.page.evaluate(script, [[is_open, age] for is_open, age, *_ in STATES])
    assert said == [[name, text] for *_, name, text in STATES]


async def test_figures_from_before_the_connection_was_lost_are_dimmed_and_dated(
    proxy: Running, browser: Browser
) -> None:
    await play(proxy, *[GOOD] * 3)
    document = await snapshot(proxy)
    async with opened(browser, proxy.pages_url, tolerated="ERR_FAILED") as shown:
        await shown.page.clock.install()
        await shown.page.route("**/metrics/stream", _answering_once(document))
        await shown.reload()
        await shown.shows("requests.total", "3")
        tiles, lost = shown.page.locator(".tiles"), shown.page.locator("#lost")
        await expect(lost).to_be_hidden()
        await expect(tiles).to_have_css("opacity", "1")
        await shown.page.clock.fast_forward(42_000)
        await expect(lost).to_contain_text("No connection to the proxy.")
        await expect(lost).to_contain_text("42 s ago")
        await expect(tiles).to_have_css("opacity", "0.5")


async def test_nothing_moves_when_data_stop(proxy: Running, browser: Browser) -> None:
    document = await snapshot(proxy)
    document["instance"] |= {"host": "laptop", "simulated": True}  # with every mark of the header
    places: dict[int, set[tuple[float, float]]] = {width: set() for width in (1440, 900, 360)}
    async with opened(browser, proxy.pages_url, tolerated="ERR_FAILED") as shown:
        await shown.page.clock.install()
        await shown.page.route("**/metrics/stream", _answering_once(document))
        await shown.reload()
        await expect(shown.page.locator("#demo")).to_be_visible()
        for seconds, strip in ((0, "first"), (2, "first"), (42, "lost")):
            await shown.page.clock.fast_forward(seconds * 1_000)
            await expect(shown.page.locator("#strip")).to_have_attribute("data-shows", strip)
            for width, found in places.items():
                await shown.page.set_viewport_size({"width": width, "height": 800})
                tiles, link = shown.page.locator(".tiles"), shown.link
                found.add(
                    (await tiles.evaluate(_BOX + ".top"), await link.evaluate(_BOX + ".width"))
                )
        await expect(shown.link).to_have_text("Reconnecting…")
    assert [len(found) for found in places.values()] == [1] * len(places)


_BOX = "(element) => element.getBoundingClientRect()"


def _answering_once(document: dict[str, Any]) -> Callable[[Route], Awaitable[None]]:
    """Send one snapshot; then the connection is lost, and every further one fails."""
    event = f"retry: 600000\ndata: {json.dumps(document)}\n\n"
    answered: list[str] = []

    async def answer(route: Route) -> None:
        if answered:
            await route.abort()
        else:
            answered.append(route.request.url)
            await route.fulfill(content_type="text/event-stream", body=event)

    return answer
