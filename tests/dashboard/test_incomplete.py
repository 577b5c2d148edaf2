"""A page some of whose files could not be loaded."""

from collections.abc import Callable

import pytest
from playwright.async_api import Browser, Page, Route, expect

from tests.dashboard.opened import opened
from tests.proxying import Running, until

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's

NOTE = "#incomplete"


async def _give_up(page: Page, names: tuple[str, ...], lost: Callable[[str], bool]) -> None:
    """Let the browser give up the files of these names for which ``lost`` says so."""

    async def answer(route: Route) -> None:
        if lost(route.request.url):
            await route.abort("connectionreset")
        else:
            await route.continue_()

    for name in names:
        await page.route(f"**/{name}", answer)


@pytest.mark.parametrize("name", ["app.js", "format.js", "page.css"])
async def test_a_page_whose_file_was_lost_loads_itself_again(
    proxy: Running, browser: Browser, name: str
) -> None:
    lost: set[str] = set()

    def once(url: str) -> bool:
        first = url not in lost
        lost.add(url)
        return first

    async with opened(browser, proxy.pages_url, tolerated="ERR_") as shown:
        await _give_up(shown.page, (name,), once)
        loads, url = 0, shown.page.url

        def count(page: Page) -> None:
            nonlocal loads
            loads += page.url == url

        shown.page.on("load", count)
        await shown.goto(url)  # no reload, after which the page would wait for half a minute
        await until(lambda: loads > 1)
        await shown.live()
        await expect(shown.page.locator(NOTE)).to_be_hidden()
        assert len(lost) == 1


@pytest.mark.parametrize("page", ["/dashboard", "/dashboard/sessions", "/dashboard/history"])
async def test_a_page_without_any_script_says_that_it_is_not_complete(
    proxy: Running, browser: Browser, page: str
) -> None:
    async with opened(browser, proxy.pages_url, page, tolerated="ERR_") as shown:
        await expect(shown.page.locator(NOTE)).to_be_hidden()
        await _give_up(shown.page, ("*.js",), lambda _: True)
        await shown.page.reload()
        await expect(shown.page.locator(NOTE)).to_be_visible()


async def test_a_page_without_scripting_has_its_own_note(proxy: Running, browser: Browser) -> None:
    async with opened(browser, proxy.pages_url, java_script_enabled=False) as shown:
        await expect(shown.page.locator("noscript .notice")).to_be_visible()
        await expect(shown.page.locator(NOTE)).to_have_css("display", "none")
