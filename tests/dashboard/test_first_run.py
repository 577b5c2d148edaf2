"""A proxy that nobody has used yet says how to use it."""

import pytest
from playwright.async_api import Browser, expect

from tests.dashboard.opened import opened
from tests.dashboard.traffic import GOOD, play
from tests.proxying import Running

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's


async def test_an_unused_proxy_shows_what_points_claude_code_at_it(
    proxy: Running, browser: Browser
) -> None:
    lines = [
        f"export ANTHROPIC_BASE_URL=https://localhost:{proxy.at.port}",
        f"export NODE_EXTRA_CA_CERTS={proxy.at.certificate.cert_file}",
    ]
    url = proxy.pages_url.replace("127.0.0.1", "localhost")
    async with opened(browser, url) as shown:
        await shown.live()
        await expect(shown.page.locator("#first pre")).to_have_text("\n".join(lines))
        await play(proxy, GOOD)
        await expect(shown.page.locator("#first")).to_be_hidden()
        await expect(shown.page.locator("#calm")).to_be_visible()


@pytest.mark.parametrize("contained", [False, True])
async def test_on_this_machine_a_container_s_ca_is_downloaded(
    proxy: Running, browser: Browser, contained: bool
) -> None:
    script = """async (instance) => {
      const { showFirstSteps } = await import("/dashboard/instance.js");
      showFirstSteps(document.querySelector("#first"), { instance });
      const hidden = document.querySelector("#fetch-ca").hidden;
      return [hidden, document.querySelector("#first pre").textContent];
    }"""
    instance = {"port": 8443, "ca_file": "~/ca.crt", "contained": contained}
    async with opened(browser, proxy.pages_url) as shown:
        hidden, commands = await shown.page.evaluate(script, instance)
    assert hidden is not contained
    assert ("$PWD/anthropic-proxy-ca.crt" in commands) is contained


async def test_without_data_no_class_of_errors_is_broken_into_two_lines(
    proxy: Running, browser: Browser
) -> None:
    async with opened(browser, proxy.pages_url, viewport={"width": 1280, "height": 800}) as shown:
        await shown.live()
        rows = shown.page.locator("[data-table=errors] tbody tr")
        await expect(rows.first).to_contain_text("no data")
        heights = await rows.evaluate_all("rows => rows.map((row) => row.offsetHeight)")
    assert max(heights) < 1.5 * min(heights)


PLACES: list[tuple[dict[str, str], int | None, list[str]]] = [
    ({"protocol": "http:", "hostname": "[::1]"}, 8443, ["https://[::1]:8443", "a/ca.crt"]),
    (
        {"protocol": "https:", "hostname": "proxy", "host": "proxy:18443"},
        8443,
        ["https://proxy:18443", "a/ca.crt"],
    ),
    ({"protocol": "http:", "hostname": "proxy"}, None, []),
]


async def test_the_address_is_the_one_that_this_browser_reaches(
    proxy: Running, browser: Browser
) -> None:
    script = """async (places) => {
      const { commands } = await import("/dashboard/instance.js");
      return places.map(([place, port]) => commands({ port }, place, "a/ca.crt"));
    }"""
    async with opened(browser, proxy.pages_url) as shown:
        said = await shown.page.evaluate(script, [[place, port] for place, port, _ in PLACES])
    for lines, (*_, values) in zip(said, PLACES, strict=True):
        assert [line.partition("=")[2] for line in lines] == values
