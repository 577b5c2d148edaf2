"""What the page shows is what the proxy counted."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.dashboard.opened import Opened, opened
from tests.dashboard.traffic import SCENARIOS, play
from tests.proxying import DEADLINE, Running, until

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's

PASSING = ("time", "uptime", "rates", "cost.per_hour")  # change although nothing happens
SHARES = {  # figures that are no data while there is nothing that they are a share of
    "error_rate_5m.total": "error_rate_5m.requests",
    "error_rate.total": "requests.total",
    "tokens.cache_hit_ratio": "tokens.total",
}

TOOLS = "server_tools"
# As in the table.
TOKENS = ("input", "cache_read", "cache_write_5m", "cache_write_1h", "output", "estimated")

Json = dict[str, Any]


def pick(document: Json, path: str) -> Any:
    found: Any = document
    for key in path.split("."):
        found = found[key]
    return None if path in SHARES and pick(document, SHARES[path]) == 0 else found


async def test_every_figure_is_that_of_the_snapshot_it_came_with(
    proxy: Running, browser: Browser
) -> None:
    await play(proxy, *SCENARIOS)
    async with recorded(proxy) as documents, opened(browser, proxy.pages_url) as shown:
        await shown.shows("requests.total", str(len(SCENARIOS)))
        read, document = await moment(shown, documents)
    assert len(read["figures"]) > 30
    for path, value, text in read["figures"]:
        expected = pick(document, path)
        if expected is None:
            assert (value, text) == (None, "no data"), path
        elif isinstance(expected, str):
            assert value == text == expected, path
        else:
            assert float(value) == expected, path


async def test_the_page_equals_metrics_once_all_is_quiet(proxy: Running, browser: Browser) -> None:
    await play(proxy, *SCENARIOS, *SCENARIOS)
    async with opened(browser, proxy.url) as shown:
        await shown.shows("requests.total", str(2 * len(SCENARIOS)))
        read = await shown.read()
    async with httpx.AsyncClient() as client:
        document = (await client.get(f"{proxy.pages_url}/metrics")).json()
    for path, value, _ in read["figures"]:
        expected = pick(document, path)
        if isinstance(expected, int | float) and not path.startswith(PASSING):
            assert float(value) == expected, path
    assert_tables(read["tables"], document)


def assert_tables(tables: dict[str, list[Any]], document: Json) -> None:
    requests, tokens, cost = document["requests"], document["tokens"], document["cost"]
    assert column(tables["statuses"], 2) == requests["by_status"]
    assert set(requests["by_status"]) >= {"200", "429", "500", "529"}
    assert values(tables["tokens"], 1) == [*(tokens["by_type"][kind] for kind in TOKENS), None]
    assert values(tables["tokens"], 2) == [cost["by_type"][kind] for kind in (*TOKENS, TOOLS)]
    assert sum(filter(None, values(tables["tokens"], 2))) == pytest.approx(cost["total"])
    assert values(tables["ends"], 1) == list(document["streams"]["ends"].values())
    assert values(tables["errors"], 3) == list(document["errors"]["by_class"].values())
    seen = {kind: count for kind, count in document["errors"]["by_type"].items() if count}
    assert column(tables["errorTypes"], 1) == seen
    assert values(tables["errorTypes"], 1) == sorted(seen.values(), reverse=True)
    assert column(tables["models"], 1) == requests["by_model"]
    assert column(tables["models"], 7) == cost["by_model"]
    assert column(tables["models"], 5) == {
        model: used["output"] + used["estimated"] for model, used in tokens["by_model"].items()
    }
    kinds = document["limits"]["kinds"]
    assert column(tables["kinds"], 1) == {kind: said["remaining"] for kind, said in kinds.items()}
    assert_recent(tables["recent"], document["recent"])


def assert_recent(rows: list[Any], recent: list[Json]) -> None:
    assert len(rows) == len(recent) == 2 * len(SCENARIOS)
    fields = ("time", "time_to_first_token", "duration", "input_tokens", "output_tokens", "cost")
    for at, name in zip((0, 3, 4, 5, 6, 7), fields, strict=True):
        assert values(rows, at) == [row[name] for row in recent], name
    assert [row[6][2] for row in rows] == [row[7][2] for row in rows]
    assert [row[6][2] == "estimated" for row in rows] == [row["estimated"] for row in recent]
    assert any(row["estimated"] for row in recent)
    assert [row[8][1] for row in rows] == [row["request_id"] for row in recent]
    assert {row[1][0] for row in rows} == {
        "200", "429", "500", "529", "200 cut by upstream", "200 error event"
    }  # fmt: skip


def column(rows: list[Any], at: int) -> dict[str, float]:
    """Return a column by the rows' heads."""
    return dict(zip((row[0][1] for row in rows), values(rows, at), strict=True))


def values(rows: list[Any], at: int) -> list[float | None]:
    return [None if row[at][1] is None else float(row[at][1]) for row in rows]


async def test_a_fresh_proxy_says_no_data_instead_of_0(proxy: Running, browser: Browser) -> None:
    async with opened(browser, proxy.pages_url) as shown:
        await shown.live()
        for path in SHARES:
            await shown.shows(path, "no data")
        await shown.shows("latency.time_to_first_token.p50", "no data")
        await shown.shows("requests.total", "0")
        await expect(shown.page.locator("#recent tbody")).to_have_text("No requests yet")
        await expect(shown.page.locator("#windows .used").first).to_have_text("no data")
        classes = (await shown.read())["tables"]["errors"]
    assert {(row[1][0], row[2][0], row[3][0]) for row in classes} == {("no data", "no data", "0")}


async def test_the_windows_of_a_subscription_have_bars_and_countdowns(
    proxy: Running, browser: Browser
) -> None:
    await play(proxy, *SCENARIOS)
    async with opened(browser, proxy.pages_url) as shown:
        await shown.shows("requests.total", str(len(SCENARIOS)))
        async with httpx.AsyncClient() as client:
            windows = (await client.get(f"{proxy.pages_url}/metrics")).json()["limits"]["windows"]
        for name in ("5h", "7d"):
            window = shown.page.locator(f'#windows [data-window="{name}"]')
            used = window.locator(".used")
            await expect(used).to_have_attribute("data-value", str(windows[name]["utilization"]))
            await expect(used).to_contain_text("%")
            await expect(window.locator(".status")).to_have_text("allowed")
            await expect(window.locator(".reset")).to_contain_text("resets in ")


@asynccontextmanager
async def recorded(proxy: Running) -> AsyncIterator[dict[float, Json]]:
    """Follow the event stream beside the page; documents by their time."""
    documents: dict[float, Json] = {}

    async def follow() -> None:
        async with (
            httpx.AsyncClient(timeout=DEADLINE) as client,
            client.stream("GET", f"{proxy.pages_url}/metrics/stream") as answer,
        ):
            async for line in answer.aiter_lines():
                if line.startswith("data: "):
                    document = json.loads(line.removeprefix("data: "))
                    documents[document["time"]] = document

    following = asyncio.create_task(follow())
    await until(lambda: bool(documents))
    try:
        yield documents
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def moment(shown: Opened, documents: dict[float, Json]) -> tuple[Json, Json]:
    """Return what is shown, and the document that it was made from."""
    read = await shown.read()
    time = next(float(value) for path, value, _ in read["figures"] if path == "time")
    await until(lambda: time in documents)
    return read, documents[time]
