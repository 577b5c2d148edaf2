"""axe-core's judgement, and what it cannot judge: width, keyboard, motion."""

import pytest
from playwright.async_api import Browser, expect

from tests.dashboard.axe import violations
from tests.dashboard.opened import opened
from tests.dashboard.traffic import BAD, SCENARIOS, play
from tests.proxying import Running

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's

WIDTHS = {"desktop": 1440, "tablet": 900, "phone": 360}


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
async def test_axe_finds_nothing_serious(proxy: Running, browser: Browser, width: int) -> None:
    await play(proxy, *SCENARIOS, *[BAD] * 20)  # with the banner
    size = {"width": width, "height": 800}
    async with opened(browser, proxy.pages_url, viewport=size) as shown:
        await expect(shown.page.get_by_role("alert")).to_be_visible()
        await shown.page.emulate_media(color_scheme="light")
        assert await violations(shown) == []
        await shown.page.emulate_media(color_scheme="dark")
        assert await violations(shown) == []


async def test_axe_finds_nothing_serious_before_anything_has_happened(
    proxy: Running, browser: Browser
) -> None:
    async with opened(browser, proxy.pages_url) as shown:
        await shown.live()
        assert await violations(shown) == []


async def test_a_phone_needs_no_sideways_scrolling(proxy: Running, browser: Browser) -> None:
    await play(proxy, *SCENARIOS, *[BAD] * 20)
    size = {"width": 360, "height": 780}
    async with opened(browser, proxy.pages_url, viewport=size) as shown:
        await expect(shown.page.get_by_role("alert")).to_be_visible()
        assert await shown.page.evaluate("document.documentElement.scrollWidth") <= 360


async def test_the_keyboard_reaches_and_moves_the_long_table(
    proxy: Running, browser: Browser
) -> None:
    await play(proxy, *SCENARIOS, *SCENARIOS)
    async with opened(browser, proxy.pages_url) as shown:
        await shown.shows("requests.total", str(2 * len(SCENARIOS)))
        frame = shown.page.get_by_role("region", name="Table of requests")
        for _ in range(8):
            await shown.page.keyboard.press("Tab")
            if await frame.evaluate("(element) => element === document.activeElement"):
                break
        await expect(frame).to_be_focused()
        await shown.page.keyboard.press("End")
        await expect(frame).not_to_have_js_property("scrollTop", 0)


async def test_nothing_moves_for_who_asks_for_reduced_motion(
    proxy: Running, browser: Browser
) -> None:
    async with opened(browser, proxy.pages_url, reduced_motion="reduce") as shown:
        await shown.live()
        moving = await shown.page.evaluate(
            """() => [...document.querySelectorAll("*")].filter((element) =>
              [null, "::before", "::after"].some((part) =>
                getComputedStyle(element, part).transitionDuration !== "0s")).length"""
        )
    assert moving == 0
