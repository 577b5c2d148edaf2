"""The alert banner comes, says why and by whose doing, and goes."""

import asyncio

from playwright.async_api import Browser, expect

from app.certificates import Certificate
from app.simulator import Simulator
from tests.dashboard.opened import opened
from tests.dashboard.traffic import BAD, GOOD, HELD, play
from tests.proxying import Running, proxying, until


async def test_a_high_error_rate_is_told_until_it_has_passed(
    proxy: Running, browser: Browser
) -> None:
    async with opened(browser, proxy.pages_url) as shown:
        alert = shown.page.get_by_role("alert")
        await shown.live()
        await expect(alert).to_have_count(0)
        await play(proxy, *[GOOD] * 15, *[BAD] * 5)
        await expect(alert).to_contain_text("High error rate")
        await expect(alert).to_contain_text("25% of the last 20 requests failed (all upstream).")
        await expect(alert.locator(".since")).to_contain_text(":")
        await expect(alert.locator("[data-source=upstream]")).to_have_text("25.0%")
        await expect(alert.locator("[data-source=proxy]")).to_have_text("0%")
        await expect(shown.page).to_have_title("▲ 1 · anthropic-proxy")
        await play(proxy, *[GOOD] * 80)
        await expect(alert).to_have_count(0)
        await expect(shown.page).to_have_title("anthropic-proxy")


async def test_too_many_running_requests_are_told_until_they_have_ended(
    upstream: Simulator, certificate: Certificate, browser: Browser
) -> None:
    async with (
        proxying(upstream.url, certificate, alert_active=2) as proxy,
        opened(browser, proxy.pages_url) as shown,
    ):
        alert = shown.page.get_by_role("alert")
        running = asyncio.create_task(play(proxy, *[HELD] * 3))
        await until(lambda: proxy.application.telemetry.active == 3)
        await expect(alert).to_contain_text("Many requests running")
        await expect(alert).to_contain_text("3 requests are running; more than 2 are unusual.")
        await expect(alert.locator(".sources")).to_be_hidden()
        await shown.shows("requests.active", "3")
        running.cancel()
        await expect(alert).to_have_count(0)


async def test_the_proxy_s_own_errors_are_told_from_upstream_s(
    upstream: Simulator, certificate: Certificate, browser: Browser
) -> None:
    async with (
        proxying(upstream.url, certificate, max_active_requests=1) as proxy,
        opened(browser, proxy.pages_url) as shown,
    ):
        for _ in range(5):
            await play(proxy, BAD)
        running = asyncio.create_task(play(proxy, HELD))
        await until(lambda: proxy.application.telemetry.active == 1)
        await play(proxy, *[GOOD] * 15)  # no room for them
        alert = shown.page.get_by_role("alert")
        await expect(alert.locator("[data-source=proxy]")).to_have_text("75.0%")
        await expect(alert.locator("[data-source=upstream]")).to_have_text("25.0%")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
