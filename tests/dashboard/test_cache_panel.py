"""The panel of the prompt cache: verdicts, what misses cost, and advice in words."""

from typing import Any

import pytest
from playwright.async_api import Browser

from app.cache.verdict import REASONS
from tests.cache.bodies import TOOLS, assistant, body, user
from tests.dashboard.opened import opened
from tests.dashboard.traffic import snapshot
from tests.proxying import Running

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's

A, B, C = user("u1"), assistant("a1"), user("u2")
HEADERS = {"x-claude-code-session-id": "session-1", "x-claude-code-request-class": "main"}


async def ask(proxy: Running, *bodies: bytes) -> None:
    async with proxy.client() as client:
        for sent in bodies:
            before = len(proxy.exchanges)
            await client.post("/v1/messages", content=sent, headers=HEADERS)
            await proxy.ended(before + 1)


async def test_verdicts_dollars_and_advice_are_shown(proxy: Running, browser: Browser) -> None:
    await ask(proxy, body(A), body(A, B, C), body(A, B, C, tools=TOOLS[:2]))
    async with opened(browser, proxy.pages_url) as shown:
        await shown.shows("requests.total", "3")
        rows = [[text for text, *_ in row] for row in (await shown.read())["tables"]["cache"]]
    assert [row[:2] for row in rows] == [["Tools changed", "1"], ["Hit", "1"], ["First", "1"]]
    assert rows[0][2].startswith("$0.0")
    assert "a tool, tool 3 of the prompt" in rows[0][3]
    assert "MCP servers" in rows[0][3]


@pytest.mark.parametrize(
    ("reason", "case", "words"),
    [
        ("lookback", {"distance": 24}, "12 parallel tool calls pushed the cache mark out of reach"),
        ("messages_changed", {"block": 5, "kind": "user"}, "a block of role user, block 6"),
        ("params_changed", {"kind": "thinking"}, "thinking changed."),
        ("lookback", None, "More than 20 blocks"),
    ],
)
async def test_advice_names_the_latest_case(
    proxy: Running, browser: Browser, reason: str, case: dict[str, Any] | None, words: str
) -> None:
    await ask(proxy, body(A))
    document = await snapshot(proxy)
    document["cache"]["verdicts"] |= {reason: 1, "first": 0}
    shown_case = {"verdict": reason, "kind": None, "block": None, "distance": None}
    document["recent"][0]["cache"] = None if case is None else shown_case | case
    async with opened(browser, proxy.pages_url) as shown:
        await shown.feed(document)
        await shown.shows("requests.total", "1")
        ((*_, (advice, *_)),) = (await shown.read())["tables"]["cache"]
    assert words in advice


async def test_every_verdict_has_a_name_and_advice(proxy: Running, browser: Browser) -> None:
    await ask(proxy, body(A))
    document = await snapshot(proxy)
    document["cache"]["verdicts"] = dict.fromkeys(REASONS, 1)
    async with opened(browser, proxy.pages_url) as shown:
        await shown.feed(document)
        await shown.shows("requests.total", "1")
        rows = (await shown.read())["tables"]["cache"]
    assert len(rows) == len(REASONS)
    assert all(name[0] not in REASONS and len(advice[0]) > 20 for name, _, _, advice in rows)
