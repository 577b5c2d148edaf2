"""How figures are written, by the page's own script."""

import pytest
from playwright.async_api import Browser

from tests.dashboard.opened import opened
from tests.proxying import Running

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's

CASES = [
    ("count", 0, "0"),
    ("count", 999_999, "999,999"),
    ("count", 1_234_567, "1.23M"),
    ("bytes", 0, "0 B"),
    ("bytes", 999, "999 B"),
    ("bytes", 1_500, "1.50 kB"),
    ("bytes", 12_345_678, "12.3 MB"),
    ("bytes", 5e15, "5,000 TB"),
    ("percent", 0, "0%"),
    ("percent", 0.1234, "12.3%"),
    ("percent", 1, "100%"),
    ("money", 0, "$0.00"),
    ("money", 0.00004, "<$0.0001"),
    ("money", 0.0123, "$0.0123"),
    ("money", 12.345, "$12.35"),
    ("money", 1.005, "$1.01"),
    ("money", 1.115, "$1.12"),
    ("money", 1234.5, "$1,235"),
    ("rate", 0, "0"),
    ("rate", 4.567, "4.57"),
    ("rate", 456.7, "457"),
    ("latency", 0.000361, "0.36 ms"),
    ("latency", 0.4, "400 ms"),
    ("latency", 1.6, "1.60 s"),
    ("latency", 75, "1 min 15 s"),
    ("duration", 0.4, "0 s"),
    ("duration", 3600, "1 h"),
    ("duration", 3725, "1 h 2 min"),
    ("duration", 273_600, "3 d 4 h"),
    ("clock", 86_399, "23:59:59"),
    ("text", "<b>", "<b>"),
]


async def test_every_format_writes_as_people_read(proxy: Running, browser: Browser) -> None:
    script = """async (cases) => {
      const { format } = await import("/dashboard/format.js");
      return cases.map(([name, value]) => format(value, name));
    }"""
    async with opened(browser, proxy.pages_url, timezone_id="UTC") as shown:
        written = await shown.page.evaluate(script, [[name, value] for name, value, _ in CASES])
    assert written == [text for _, _, text in CASES]


async def test_the_parts_of_an_amount_add_up_to_it_as_shown(
    proxy: Running, browser: Browser
) -> None:
    cases: list[tuple[list[float | None], list[str | None]]] = [
        ([0.335, 0.335, 0.33], ["$0.34", "$0.33", "$0.33"]),
        ([1.004, 1.004, 1.004], ["$1.01", "$1.00", "$1.00"]),
        ([0.29, 0.57], ["$0.29", "$0.57"]),
        ([12.5, 0.001, None, 0.0], ["$12.50", "<$0.01", None, "$0.00"]),
        ([0.01231, 0.00001], ["$0.0123", "<$0.0001"]),
        ([], []),
    ]
    script = """async (cases) => {
      const { moneyParts } = await import("/dashboard/format.js");
      const total = (parts) => parts.reduce((sum, part) => sum + (part ?? 0), 0);
      return cases.map((parts) => moneyParts(parts, total(parts)));
    }"""
    async with opened(browser, proxy.pages_url) as shown:
        written = await shown.page.evaluate(script, [amounts for amounts, _ in cases])
    assert written == [texts for _, texts in cases]


async def test_a_model_that_is_none_or_one_of_many_is_named_in_words(
    proxy: Running, browser: Browser
) -> None:
    names = {
        "none": "no model",
        "other": "other models",
        "claude-opus-5-5": "claude-opus-5-5",
        "constructor": "constructor",  # clients choose names
    }
    script = """async (names) => {
      const { modelName } = await import("/dashboard/format.js");
      return names.map(modelName);
    }"""
    async with opened(browser, proxy.pages_url) as shown:
        assert await shown.page.evaluate(script, [*names]) == [*names.values()]
