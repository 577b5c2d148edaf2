"""The strip below the header: alerts come, say why, and nothing else moves."""

import asyncio
import re
import socket
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from app.certificates import Certificate
from simulator import Simulator
from tests.dashboard.opened import Opened, opened
from tests.dashboard.traffic import BAD, GOOD, HELD, play, snapshot
from tests.proxying import Running, proxying, until

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's

TIME = r"(\w{3} )?\d\d:\d\d"
FORECAST = re.compile(rf"Full at about {TIME} \({TIME} to the reset\)\.")
WIDTHS = [1440, 900, 390, 360]
ALERTS = [
    {
        "kind": "error_rate",
        "severity": "error",
        "message": "35% of the last 2,534 requests failed (20% the network, 15% upstream; most "
        "often: connect failed).",
        "since": 1_790_000_000.0,
    },
    {
        "kind": "active_requests",
        "severity": "warning",
        "message": "38 requests are running; the alert threshold is 10.",
        "since": 1_790_000_000.0,
    },
    {
        "kind": "scrub_skipped",
        "severity": "warning",
        "message": "3 request bodies over 10 MiB went to the API unscanned: raise "
        "ANTHROPIC_PROXY_SCRUB_MAX_BODY_SIZE, or set ANTHROPIC_PROXY_SCRUB_ON_SKIP=block.",
        "since": 1_790_000_000.0,
    },
    {
        "kind": "budget",
        "severity": "warning",
        "message": "84% of the budget for today is used: $25.20 of $30.00. 62% of the budget for "
        "repo=acme/widgets today is used: $24.80 of $40.00.",
        "since": 1_790_000_000.0,
    },
]


async def test_a_high_error_rate_is_told_in_a_sentence(proxy: Running, browser: Browser) -> None:
    async with opened(browser, proxy.pages_url) as shown:
        alert = shown.page.get_by_role("alert").filter(has_text="High error rate")
        await shown.live()
        await expect(alert).to_have_count(0)
        await play(proxy, *[GOOD] * 15, *[BAD] * 5)
        await expect(alert).to_contain_text("25% of the last 20 requests failed (all upstream).")
        await expect(alert.locator(".since")).to_contain_text(":")
        host = socket.gethostname()
        await expect(shown.page).to_have_title(f"▲ 1 · anthropic-proxy · {host}")


async def test_many_running_requests_are_told(
    upstream: Simulator, certificate: Certificate, browser: Browser
) -> None:
    async with (
        proxying(upstream.url, certificate, alert_active=2) as proxy,
        opened(browser, proxy.pages_url) as shown,
    ):
        alert = shown.page.get_by_role("alert")
        running = asyncio.create_task(play(proxy, *[HELD] * 3))
        await until(lambda: proxy.application.telemetry.active == 3)
        await expect(alert).to_contain_text("Many active requests")
        await expect(alert).to_contain_text("3 requests are running; the alert threshold is 2.")
        await shown.shows("requests.active", "3")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_the_reason_of_a_bad_gateway_is_told_in_the_banner_and_in_the_list(
    certificate: Certificate, browser: Browser
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    async with (
        proxying(f"https://127.0.0.1:{port}", certificate) as proxy,
        opened(browser, proxy.pages_url) as shown,
    ):
        await play(proxy, *[GOOD] * 20)
        await expect(shown.page.get_by_role("alert")).to_contain_text(
            "100% of the last 20 requests failed (all the network; most often: connect failed)."
        )
        status = shown.page.locator("#recent tbody tr").first.locator("td").first
        await expect(status).to_have_text("502 connect failed")


async def test_a_body_too_large_for_the_scrubber_is_warned_about(
    upstream: Simulator, certificate: Certificate, browser: Browser
) -> None:
    async with (
        proxying(upstream.url, certificate, scrub_mode="detect", scrub_max_body_size=100) as proxy,
        opened(browser, proxy.pages_url) as shown,
    ):
        await play(proxy, GOOD)
        alert = shown.page.get_by_role("alert")
        await expect(alert).to_have_attribute("data-severity", "warning")
        await expect(alert).to_contain_text("raise ANTHROPIC_PROXY_SCRUB_MAX_BODY_SIZE")


async def test_nothing_moves_when_alerts_come_and_go(proxy: Running, browser: Browser) -> None:
    await play(proxy, GOOD)
    document = await snapshot(proxy)
    document["instance"]["host"] = "laptop"  # so short that the header's line is nearly full
    idle = document | {"requests": document["requests"] | {"total": 0}, "uptime": 600.0}
    states = [*(document | {"alerts": alerts} for alerts in ([], ALERTS[2:], ALERTS)), idle]
    async with opened(browser, proxy.pages_url) as shown:
        tops: dict[int, set[float]] = {width: set() for width in WIDTHS}
        for state in states:
            await shown.feed(state)
            for width in WIDTHS:
                await shown.page.set_viewport_size({"width": width, "height": 800})
                tops[width].add(await _top(shown))
                for box in await shown.page.get_by_role("alert").all():
                    assert await box.evaluate("(box) => box.scrollHeight - box.clientHeight") <= 0
        assert [len(found) for found in tops.values()] == [1] * len(WIDTHS)


async def test_the_worst_alert_is_the_first_and_each_is_announced_once(
    proxy: Running, browser: Browser
) -> None:
    await play(proxy, GOOD)
    async with opened(browser, proxy.pages_url) as shown:
        await shown.feed(await snapshot(proxy) | {"alerts": ALERTS})
        kinds = await shown.page.get_by_role("alert").evaluate_all(
            "(boxes) => boxes.map((box) => [box.dataset.kind, box.dataset.severity])"
        )
        assert kinds == [[alert["kind"], alert["severity"]] for alert in ALERTS]


async def _top(shown: Opened) -> float:
    box = await shown.page.locator(".tiles").bounding_box()
    assert box is not None
    return box["y"]


async def test_a_budget_is_told_with_its_amounts_and_a_window_with_its_forecast(
    upstream: Simulator, certificate: Certificate, browser: Browser, tmp_path: Path
) -> None:
    budgets = "day:0.000001,session:5"
    async with (
        proxying(upstream.url, certificate, budgets=budgets, state_dir=tmp_path) as proxy,
        opened(browser, proxy.pages_url) as shown,
    ):
        await play(proxy, GOOD)
        alert = shown.page.get_by_role("alert")
        await expect(alert).to_have_attribute("data-severity", "error")
        await expect(alert).to_contain_text("Budget used")
        await expect(alert).to_contain_text("% of the budget for today is used: ")
        document = await snapshot(proxy)
        now = document["time"]
        full = {"estimate": now + 1_800, "earliest": now + 900, "latest": None}
        window = {"utilization": 0.8, "status": "allowed", "reset": now + 9_000, "shares": {}}
        windows = {"5h": window | {"forecast": full}, "7d": window | {"forecast": None}}
        await shown.feed(document | {"limits": document["limits"] | {"windows": windows}})
        five, seven = await shown.page.locator("#windows .forecast").all()
        await expect(five).to_have_text(FORECAST)
        await expect(seven).to_have_text("Not enough data to say when it will be full.")
