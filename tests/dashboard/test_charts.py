"""The two time series."""

import re

import pytest
from playwright.async_api import Browser, expect

from tests.dashboard.opened import opened
from tests.dashboard.traffic import GOOD, play
from tests.proxying import Running

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's

# How many pixels of a chart's canvas have its series' colour, as painted.
_PAINTED = """(figure) => {
  const canvas = figure.querySelector("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
  const hex = getComputedStyle(figure).getPropertyValue("--series").trim();
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  let painted = 0;
  for (let at = 0; at < data.length; at += 4) {
    const near = (n, want) => Math.abs(data[at + n] - want) < 8;
    if (data[at + 3] > 200 && near(0, r) && near(1, g) && near(2, b)) painted += 1;
  }
  return painted;
}"""
CHARTS = ("requests_per_second", "output_tokens_per_second")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_charts_draw_in_the_colours_of_the_scheme(
    proxy: Running, browser: Browser, scheme: str
) -> None:
    async with opened(browser, proxy.pages_url, color_scheme=scheme) as shown:
        await shown.live()
        await play(proxy, *[GOOD] * 5)
        for name in CHARTS:
            figure = shown.page.locator(f'[data-chart="{name}"]')
            await expect(figure.locator(".readout")).not_to_contain_text("peak 0 ")
            assert await figure.evaluate(_PAINTED) > 30


async def test_a_chart_says_in_words_what_it_shows(proxy: Running, browser: Browser) -> None:
    await play(proxy, *[GOOD] * 5)
    async with opened(browser, proxy.pages_url) as shown:
        canvas = shown.page.locator('[data-chart="requests_per_second"] canvas')
        await expect(canvas).to_have_attribute("role", "img")
        await expect(canvas).to_have_accessible_name(
            re.compile(r"^Requests per second, last 90 seconds: now .+ · peak .+ · mean ")
        )


async def test_the_history_survives_a_reload(proxy: Running, browser: Browser) -> None:
    async with opened(browser, proxy.pages_url) as shown:
        readout = shown.page.locator('[data-chart="requests_per_second"] .readout')
        await shown.live()
        await play(proxy, *[GOOD] * 5)
        await shown.shows("requests.total", "5")  # with the last sample that has one of them
        await expect(readout).not_to_contain_text("peak 0 ")
        await expect(readout).to_contain_text("now 0 ")
        peak = (await readout.inner_text()).split(" · ")[1]
        await shown.reload()
        await expect(readout).to_contain_text(peak)


async def test_the_pointer_reads_one_sample(proxy: Running, browser: Browser) -> None:
    async with opened(browser, proxy.pages_url) as shown:
        await shown.live()
        figure = shown.page.locator('[data-chart="requests_per_second"]')
        box = await figure.locator(".u-over").bounding_box()
        assert box is not None
        await shown.page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] / 2)
        await expect(figure.locator(".readout")).to_contain_text("· now")
        other = shown.page.locator('[data-chart="output_tokens_per_second"] .readout')
        await expect(other).to_contain_text("· now")


async def test_the_scale_has_no_tick_that_nothing_was_measured_by(
    proxy: Running, browser: Browser
) -> None:
    script = """async (all) => {
      const { measured } = await import("/dashboard/charts.js");
      return all.map((values) => measured({ data: [[], values] }, [0, 0.5, 1]));
    }"""
    async with opened(browser, proxy.pages_url) as shown:
        ticks = await shown.page.evaluate(script, [[], [0, 0], [0, 0.2]])
    assert ticks == [[0, None, None], [0, None, None], [0, 0.5, 1]]
