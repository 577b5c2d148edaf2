"""What a designer would see: lines, widths, hints."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.dashboard.opened import opened
from tests.dashboard.traffic import SCENARIOS, play, snapshot
from tests.proxying import Running

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's

# The vertical places of the tiles' figures, by the row of tiles that they are in.
_FIGURES = """() => {
  const rows = {};
  for (const tile of document.querySelectorAll(".tile")) {
    const figure = tile.querySelector(".figure").getBoundingClientRect();
    (rows[tile.getBoundingClientRect().top] ??= []).push(figure.top);
  }
  return Object.values(rows);
}"""


async def test_the_figures_of_a_row_of_tiles_stand_on_one_line(
    proxy: Running, browser: Browser
) -> None:
    async with opened(browser, proxy.pages_url) as shown:
        await shown.live()
        for width in (2560, 1440, 1000, 360):
            await shown.page.set_viewport_size({"width": width, "height": 900})
            rows = await shown.page.evaluate(_FIGURES)
            assert sum(map(len, rows)) == 8
            for tops in rows:
                assert max(tops) - min(tops) < 0.5, width


async def test_a_wide_screen_is_used(proxy: Running, browser: Browser) -> None:
    await play(proxy, *SCENARIOS)
    async with opened(browser, proxy.pages_url, viewport={"width": 2560, "height": 1300}) as shown:
        await shown.live()
        for place in (".tiles", ".panels", ".tables"):
            box = await shown.page.locator(place).bounding_box()
            assert box is not None
            assert box["width"] > 2400
        columns = "(panels) => getComputedStyle(panels).gridTemplateColumns.split(' ').length"
        assert await shown.page.locator(".panels").evaluate(columns) == 7


async def test_a_table_wider_than_a_phone_says_so_until_its_end(
    proxy: Running, browser: Browser
) -> None:
    await play(proxy, *SCENARIOS)
    size = {"width": 360, "height": 780}
    async with opened(browser, proxy.pages_url, viewport=size) as shown:
        await shown.shows("requests.total", str(len(SCENARIOS)))
        hint = shown.page.locator("#recent-title .hint")
        await expect(hint).to_be_visible()
        await shown.page.locator(".tall").evaluate("(frame) => { frame.scrollLeft = 9999; }")
        await expect(hint).to_be_hidden()
        await shown.page.set_viewport_size({"width": 1900, "height": 780})
        await expect(shown.page.locator(".hint").first).to_be_hidden()


SCRUBBERS: list[tuple[dict[str, Any], str, str]] = [
    ({"mode": "off"}, "Scrubber off", "Off: requests are forwarded unchanged."),
    ({"mode": "detect"}, "Scrubber counts only", "Detect: "),
    ({"mode": "pseudonymize", "restore": True}, "Scrubber on", "restored in responses."),
    ({"mode": "pseudonymize"}, "Scrubber on", "Responses keep the placeholders."),
]


async def test_the_page_says_how_the_scrubber_is_set_up(proxy: Running, browser: Browser) -> None:
    document = await snapshot(proxy)
    async with opened(browser, proxy.pages_url) as shown:
        names = shown.page.locator("#detectors")
        for settings, pill, state in SCRUBBERS:
            document["scrub"] |= {"restore": False, "detectors": ["email", "jwt"]} | settings
            await shown.feed(document)
            await expect(shown.page.locator("#scrub-pill")).to_have_text(pill)
            await expect(shown.page.locator("#scrub-state")).to_contain_text(state)
            await names.get_by_text("2 detectors").click()
            await expect(names).to_contain_text("email, jwt")
        document["scrub"]["detectors"] = []
        await shown.feed(document)
        await expect(names).to_be_hidden()


async def test_a_demo_says_that_it_is_one(proxy: Running, browser: Browser) -> None:
    document = await snapshot(proxy)
    document["instance"] |= {"simulated": True, "host": "fake-host"}
    async with opened(browser, proxy.pages_url) as shown:
        await shown.live()
        await expect(shown.page.locator("#demo")).to_be_hidden()
        await shown.feed(document)
        await expect(shown.page.locator("#demo")).to_have_text("Demo: simulated responses")
        await expect(shown.page).to_have_title("anthropic-proxy demo · fake-host")
        await expect(shown.metric("instance.host")).to_have_text("fake-host")


AGES = [
    ("2026-08", None),
    ("2026-07", "119"),
    ("2026-08-20", "99"),
    ("2026-09-20", None),
    ("of old", None),
]


async def test_an_old_price_list_is_warned_about(proxy: Running, browser: Browser) -> None:
    document = await snapshot(proxy)
    document["time"] = 1_795_780_800.0  # 2026-11-27, noon
    async with opened(browser, proxy.pages_url) as shown:
        warning = shown.page.locator("#old-prices")
        for as_of, days in AGES:
            await shown.feed(document | {"prices_as_of": as_of})
            if days is None:
                await expect(warning).to_be_hidden()
            else:
                await expect(warning).to_contain_text(f"The price list is {days} days old")
