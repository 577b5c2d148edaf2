"""History in a browser: two charts and a table of the same figures."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, Route, expect

from app.certificates import Certificate
from app.ledger.rows import NANO
from simulator import Simulator
from tests.dashboard.axe import violations
from tests.dashboard.opened import opened
from tests.dashboard.test_hostile_text import HOSTILE
from tests.dashboard.test_sessions import PHONE, fill, texts
from tests.ledger.ledgers import record
from tests.proxying import proxying

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's

PAGE = "/dashboard/history"
LONG = "claude-opus-5-5-" + "x" * 64
MODELS = ("claude-opus-5-5", LONG, HOSTILE)


async def test_the_history_of_three_months_is_a_chart_and_a_table(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, browser: Browser
) -> None:
    noon = datetime.now().astimezone().replace(hour=12, minute=0, second=0)
    ages = (120, 40, 40, 6, 1)
    fill(
        tmp_path,
        *(
            record(
                started=int((noon - timedelta(days=age)).timestamp() * 1_000),
                model=MODELS[number % 3],
                cost=(number + 1) * NANO,
                output=1_000,
                input=0,
            )
            for number, age in enumerate(ages)
        ),
    )
    async with (
        proxying(upstream.url, certificate, state_dir=tmp_path, ledger_days=200) as proxy,
        opened(browser, proxy.pages_url, PAGE) as shown,
    ):
        await expect(shown.metric("week.cost")).to_have_text("$9.00")
        await expect(shown.metric("all.cost")).to_have_text("$14.00")
        await expect(shown.metric("all.tokens")).to_have_text("4,000")
        days = [shown.page.locator(f"#{chart} .day") for chart in ("cost-chart", "token-chart")]
        for chart in days:
            await expect(chart).to_have_count(90)
        parts = shown.page.locator("#cost-chart .part")
        await expect(parts).to_have_count(4)
        rows = shown.page.locator("#days tbody tr")
        yesterday, *_ = await texts(rows, 0, 1, 2, 9)
        day = (noon - timedelta(days=1)).date().isoformat()
        assert yesterday == [day, "all models", "1", "$5.00"]
        await days[0].locator(f"xpath=self::*[@data-day='{day}']").hover(force=True)
        await expect(shown.page.locator("#cost-chart .readout")).to_contain_text("$5.00 · claude")
        await expect(shown.page.locator("#days tbody")).to_contain_text(HOSTILE)
        assert await shown.page.evaluate("document.querySelectorAll('main img').length") == 0
        for scheme in ("light", "dark"):
            await shown.page.emulate_media(color_scheme=scheme)
            assert await violations(shown) == [], scheme
        await shown.page.set_viewport_size(PHONE)
        assert await violations(shown) == []
        assert await shown.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def test_the_last_day_is_the_proxys_today_wherever_the_browser_is(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, browser: Browser
) -> None:
    async def answer(route: Route) -> None:
        await route.fulfill(json={"today": "2026-01-05", "days": [], "next": None})

    zone = {"timezone_id": "Pacific/Kiritimati"}
    async with (
        proxying(upstream.url, certificate, state_dir=tmp_path) as proxy,
        opened(browser, proxy.pages_url, PAGE, tolerated="404", **zone) as shown,
    ):
        await shown.page.route("**/ledger/days?*", answer)
        await shown.reload()
        days = shown.page.locator("#cost-chart .day")
        await expect(days).to_have_count(90)
        await expect(days.last).to_have_attribute("data-day", "2026-01-05")
