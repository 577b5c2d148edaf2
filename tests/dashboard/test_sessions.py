"""Sessions in a browser: the table, one session's tree, a request's waterfall."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, Route, expect

from app.certificates import Certificate
from app.ledger.file import ledger_file
from app.ledger.rows import MICRO, NANO, Record
from simulator import Simulator
from tests.dashboard.axe import violations
from tests.dashboard.opened import Opened, opened
from tests.dashboard.test_hostile_text import HOSTILE
from tests.ledger.ledgers import NOON, SESSION, record, store, write
from tests.proxying import Running, proxying

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's

PAGE = "/dashboard/sessions"
IMAGE = HOSTILE.partition("<script>")[0]
NONE = "\N{EN DASH}"
SECOND = 1_000
PHONE: Any = {"width": 360, "height": 780}
TEXT_ENDS = """(cell) => {
  const text = document.createRange();
  text.selectNodeContents(cell);
  return text.getBoundingClientRect().right;
}"""
FIRST = {"prompt": "p1", "labels": "repo=acme/widgets"}
TREE = (
    record(started=NOON, request_class="auxiliary", model="claude-haiku-5"),
    record(**FIRST, started=NOON + SECOND, cache_verdict="first", cost=NANO // 100),
    record(
        **FIRST,
        started=NOON + 3 * SECOND,
        agent="agent-a",
        agent_type="Explore",
        duration=4 * MICRO,
        cost=NANO // 50,
    ),
    record(
        **FIRST,
        started=NOON + 4 * SECOND,
        agent="agent-b",
        agent_type="code-reviewer",
        parent_agent="agent-a",
    ),
    record(
        prompt="p2",
        started=NOON + 60 * SECOND,
        duration=10 * MICRO,
        tool_time=90 * MICRO,
        overhead_request=4_000,
        slot_wait=300_000,
        upstream_headers=1_200_000,
        first_token=2 * MICRO,
        longest_event_gap=1_500_000,
        longest_client_stall=400_000,
        attempts=1,
        cache_read=30_000,
        cache_verdict="tools_changed",
        cache_kind="tool",
        cache_block=3,
        cache_missed=9_000,
        cache_miss_cost=NANO // 4,
        cache_saved=-NANO // 10,
        context='{"tools":9000,"mcp__words__":3000,"messages":18000}',
        request_id="req_fake",
        window_5h_after=250_000,
    ),
)
WATERFALL = [
    ["Client's tools, before the request", "1 min 30 s"],
    ["Proxy", "4.00 ms"],
    ["Wait for an upstream slot", "300 ms"],
    ["Upstream, until the headers", "1.20 s"],
    ["Until the first token", "496 ms"],
    ["Streaming", "8.00 s"],
    ["Longest silence of upstream", "1.50 s"],
    ["Longest wait for the client", "400 ms"],
    ["Request", "10.0 s"],
]


@pytest_asyncio.fixture(loop_scope="session")
async def serving(
    upstream: Simulator, certificate: Certificate, tmp_path: Path
) -> AsyncIterator[Running]:
    """A proxy with a ledger of its own."""
    async with proxying(upstream.url, certificate, state_dir=tmp_path) as proxy:
        yield proxy


def fill(directory: Path, *records: Record) -> None:
    with store(ledger_file(directory)) as opened_store:
        for start in range(0, len(records), 500):
            write(opened_store, records[start : start + 500])


async def texts(rows: Locator, *cells: int) -> list[list[str]]:
    """Return the texts of chosen cells of each row."""
    found: list[list[str]] = await rows.evaluate_all(
        "(rows, cells) => rows.map((row) => cells.map((n) => row.cells[n].textContent))",
        list(cells),
    )
    return found


def summary(shown: Opened, name: str) -> Locator:
    return shown.page.locator("summary", has_text=name)


async def test_a_session_opens_to_its_tree_and_a_request_to_its_waterfall(
    serving: Running, browser: Browser, tmp_path: Path
) -> None:
    fill(tmp_path, *TREE, record(session="another", started=NOON - SECOND))
    async with opened(browser, serving.pages_url, PAGE) as shown:
        rows = shown.page.locator("#sessions tbody tr")
        await expect(rows).to_have_count(2)
        assert await texts(rows, 0, 1, 4, 5, 9) == [
            [SESSION, "acme/widgets", "5", "2", "$0.0300"],
            ["another", NONE, "1", "0", "<$0.0001"],
        ]
        assert await violations(shown) == []
        await shown.page.get_by_role("link", name=SESSION).click()
        await expect(shown.page).to_have_url(f"{serving.pages_url}{PAGE}#{SESSION}")
        await expect(shown.page.locator("#session-title")).to_be_focused()
        await expect(shown.metric("windows.5h")).to_have_text("25.0%")
        await summary(shown, "Prompt 1").click()
        await summary(shown, "Explore").click()
        within = shown.page.locator("details[open] details[open]", has=summary(shown, "Explore"))
        await expect(within.locator("summary", has_text="code-reviewer")).to_be_visible()
        await expect(within.locator("tbody tr")).to_have_count(1)
        await summary(shown, "Outside any prompt").click()
        await expect(shown.page.get_by_text("claude-haiku-5")).to_be_visible()
        main = shown.page.locator("details", has=summary(shown, "Prompt 2")).first
        await main.locator(".requests button").click()
        await _shows_the_request(main.locator(".request"))
        await _is_accessible_in_every_form(shown)


async def _shows_the_request(details: Locator) -> None:
    phases = details.locator(".waterfall tr")
    assert await texts(phases, 0, 2) == WATERFALL
    # The bars have the room that names and figures leave.
    widths = await phases.first.locator("th, td").evaluate_all(
        "(cells) => cells.map((cell) => cell.getBoundingClientRect().width)"
    )
    assert widths[1] > max(widths[0], widths[2])
    await expect(details).to_contain_text("Tools changed")
    await expect(details).to_contain_text("First difference: a tool, tool 4 of the prompt.")
    await expect(details).to_contain_text("9,000 tokens could have been read and were not")
    await expect(details).to_contain_text("$0.25 more")
    parts = details.locator(".bars tbody tr")
    assert await texts(parts, 0, 1, 2) == [
        ["Messages", "18,000", "60.0%"],
        ["Tools", "9,000", "30.0%"],
        ["MCP server words", "3,000", "10.0%"],
    ]


async def _is_accessible_in_every_form(shown: Opened) -> None:
    for scheme in ("light", "dark"):
        await shown.page.emulate_media(color_scheme=scheme)
        assert await violations(shown) == [], scheme
    await shown.page.set_viewport_size(PHONE)
    assert await violations(shown) == []
    assert await shown.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def test_the_keyboard_opens_a_request(
    serving: Running, browser: Browser, tmp_path: Path
) -> None:
    fill(tmp_path, *TREE)
    async with opened(browser, serving.pages_url, f"{PAGE}#{SESSION}") as shown:
        button = shown.page.locator(".requests button").first
        await expect(button).to_be_visible()
        await button.press("Enter")
        await expect(button).to_have_attribute("aria-expanded", "true")
        await expect(shown.page.locator(".request")).to_have_count(1)
        await button.press("Enter")
        await expect(shown.page.locator(".request")).to_have_count(0)
        await shown.page.get_by_role("link", name="All sessions").press("Enter")
        await expect(shown.page.locator("#sessions")).to_be_visible()
        await shown.page.go_back()
        await expect(shown.page.locator("#session-title")).to_contain_text(SESSION)


async def held(shown: Opened) -> asyncio.Event:
    """Hold the session's answers back until the event that is returned is set."""
    let_go = asyncio.Event()

    async def hold(route: Route) -> None:
        await let_go.wait()
        await route.continue_()

    await shown.page.route(f"**/ledger/sessions/{SESSION}?*", hold)
    return let_go


async def test_a_session_that_comes_late_does_not_cover_the_list(
    serving: Running, browser: Browser, tmp_path: Path
) -> None:
    fill(tmp_path, *TREE)
    async with opened(browser, serving.pages_url, PAGE) as shown:
        let_go = await held(shown)
        await shown.page.get_by_role("link", name=SESSION).click()
        await expect(shown.page.locator("#list")).to_be_hidden()
        await shown.page.go_back()
        await expect(shown.page.locator("#list")).to_be_visible()
        async with shown.page.expect_response(f"**/ledger/sessions/{SESSION}?*"):
            let_go.set()
        await shown.page.evaluate("new Promise((then) => requestAnimationFrame(then))")
        await expect(shown.page.locator("#session")).to_be_hidden()
        await expect(shown.page.locator("#list")).to_be_visible()


async def test_a_slow_first_answer_is_said_to_be_awaited_until_it_comes(
    serving: Running, browser: Browser, tmp_path: Path
) -> None:
    fill(tmp_path, *TREE)
    async with opened(browser, serving.pages_url, PAGE) as shown:
        problem = shown.page.locator("#problem")
        let_go = await held(shown)
        await shown.page.get_by_role("link", name=SESSION).click()
        await expect(problem).to_have_text("Waiting for the ledger…")
        let_go.set()
        await expect(shown.page.locator("#session")).to_be_visible()
        await expect(problem).to_be_hidden()


async def test_refreshing_a_session_leaves_open_what_was_opened(
    serving: Running, browser: Browser, tmp_path: Path
) -> None:
    fill(tmp_path, *TREE)
    async with opened(browser, serving.pages_url, f"{PAGE}#{SESSION}") as shown:
        tree = shown.page.locator("#tree")
        newest, earlier = (tree.get_by_text(f"Prompt {number}") for number in (2, 1))
        await earlier.click()
        await tree.get_by_text("Explore").click()
        await newest.click()
        await expect(tree.get_by_text("code-reviewer")).to_be_visible()
        await expect(tree.locator("details[open]")).to_have_count(3)
        before = await tree.locator("> li").first.element_handle()
        assert before is not None
        await shown.page.get_by_role("button", name="Refresh").click()
        await shown.page.wait_for_function("element => !element.isConnected", arg=before)
        await expect(tree.get_by_text("code-reviewer")).to_be_visible()
        await expect(tree.locator("details[open]")).to_have_count(3)
        await expect(newest.locator("xpath=ancestor::details[1]")).not_to_have_attribute("open", "")


async def test_ten_thousand_sessions_come_fifty_at_a_time(
    serving: Running, browser: Browser, tmp_path: Path
) -> None:
    fill(
        tmp_path,
        *(record(session=f"s{n}", started=NOON + n, cost=n * 7919 % 10_000) for n in range(10_000)),
    )
    async with opened(browser, serving.pages_url, PAGE) as shown:
        rows = shown.page.locator("#sessions tbody tr")
        first = rows.first.locator("th")
        await expect(first).to_have_text("s9999")
        await shown.page.get_by_role("button", name="Next").click()
        await expect(first).to_have_text("s9949")
        await expect(rows).to_have_count(50)
        await shown.page.get_by_role("button", name="Cost").click()
        await expect(first).to_have_text(
            f"s{next(n for n in range(10_000) if n * 7919 % 10_000 == 9_999)}"
        )
        heading = shown.page.get_by_role("columnheader", name="Cost")
        await expect(heading).to_have_attribute("aria-sort", "descending")
        await expect(rows).to_have_count(50)


async def test_what_is_shown_stays_while_the_proxy_does_not_answer(
    serving: Running, browser: Browser, tmp_path: Path
) -> None:
    fill(tmp_path, *(record(session=f"s{n}", started=NOON + n) for n in range(120)))
    async with opened(browser, serving.pages_url, PAGE, tolerated="ERR_FAILED") as shown:
        first = shown.page.locator("#sessions tbody tr").first.locator("th")
        following = shown.page.get_by_role("button", name="Next")
        problem = shown.page.locator("#problem")
        await expect(first).to_have_text("s119")
        await shown.page.route("**/ledger/**", lambda route: route.abort())
        for _ in range(2):
            await following.click()
            await expect(problem).to_contain_text("does not answer")
        await expect(first).to_have_text("s119")
        await shown.page.unroute("**/ledger/**")
        await following.click()
        await expect(first).to_have_text("s69")
        await expect(problem).to_be_hidden()
        await shown.page.get_by_role("button", name="Previous").click()
        await expect(first).to_have_text("s119")


async def test_what_the_network_interrupts_is_asked_again(
    serving: Running, browser: Browser, tmp_path: Path
) -> None:
    cut: dict[str, int] = {}

    async def cut_twice(route: Route) -> None:
        path = urlsplit(route.request.url).path
        cut[path] = cut.get(path, 0) + 1
        if cut[path] < 3:
            await route.abort("internetdisconnected")
        else:  # not by Chromium, which a network that changes interrupts, too
            await route.fulfill(response=await route.fetch())

    fill(tmp_path, *TREE)
    async with opened(browser, serving.pages_url, tolerated="ERR_INTERNET") as shown:
        await shown.page.route("**/ledger/**", cut_twice)
        await shown.page.route("**/metrics", cut_twice)
        await shown.goto(f"{serving.pages_url}{PAGE}")
        await expect(shown.page.locator("#sessions tbody")).to_contain_text(SESSION)
        await expect(shown.page.locator("#instance")).to_be_visible()
        await expect(shown.page.locator("#problem")).to_be_hidden()
    assert set(cut) == {"/ledger/sessions", "/metrics"}
    assert min(cut.values()) >= 3  # more if the page was loaded again


async def test_a_link_leaves_the_focus_and_a_phone_shows_the_cost(
    serving: Running, browser: Browser, tmp_path: Path
) -> None:
    fill(tmp_path, *TREE)
    async with opened(browser, serving.pages_url, f"{PAGE}#{SESSION}", viewport=PHONE) as shown:
        await expect(shown.page.locator("#session-title")).to_contain_text(SESSION)
        await expect(shown.page.locator("#session-title")).not_to_be_focused()
        await shown.page.get_by_role("link", name="All sessions").click()
        cost = shown.page.locator("#sessions tbody td").last
        await expect(cost).to_have_text("$0.0300")
        box = await cost.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= PHONE["width"]


async def test_a_phone_shows_when_a_session_was_last_seen_beside_its_cost(
    serving: Running, browser: Browser, tmp_path: Path
) -> None:
    long = "0a5d2f34-6b1e-4c7a-9f00-0123456789ab"
    fill(tmp_path, record(session=long, labels=f"repo=acme/{long}", started=NOON, cost=NANO // 50))
    async with opened(browser, serving.pages_url, PAGE, viewport=PHONE) as shown:
        for row in ("thead tr", "tbody tr"):
            seen = shown.page.locator(f"#sessions {row} > :nth-child(4)")
            cost = shown.page.locator(f"#sessions {row} > :last-child")
            await expect(cost).to_be_visible()
            box = await cost.bounding_box()
            assert box is not None
            assert await seen.evaluate(TEXT_ENDS) <= box["x"], row


async def test_hostile_names_in_the_ledger_stay_text(
    serving: Running, browser: Browser, tmp_path: Path
) -> None:
    columns = ("model", "agent_type", "prompt", "route", "error_reason")
    names = dict.fromkeys(columns, HOSTILE) | {"session": IMAGE}
    context = json.dumps({IMAGE: 5})
    hostile = {
        "labels": f"repo={HOSTILE}".replace(",", ""),
        "request_id": HOSTILE,
        "cache_verdict": HOSTILE,
        "cache_kind": "constructor",
        "failed": 1,
        "context": context,
    }
    fill(
        tmp_path,
        record(**names, **hostile),
        record(**names, **hostile, agent="a", parent_agent="b"),
        record(**names, **hostile, agent="b", parent_agent="a"),
    )
    async with opened(browser, serving.pages_url, PAGE) as shown:
        await expect(shown.page.locator("#sessions tbody")).to_contain_text(HOSTILE)
        await shown.page.locator("#sessions tbody a").click()
        await expect(shown.page.locator("#session-title")).to_contain_text(IMAGE)
        # Each is the other's parent: both are still shown.
        agents = summary(shown, HOSTILE)
        await expect(agents).to_have_count(2)
        await agents.first.click()
        for button in await shown.page.locator(".requests button").all():
            await button.click()
        await expect(shown.page.locator("#tree")).to_contain_text(HOSTILE)
        foreign = "document.querySelectorAll('main img, main script, main b').length"
        assert await shown.page.evaluate(f"[{foreign}, window.hacked ?? 0]") == [0, 0]


REFUSALS = {
    401: "ANTHROPIC_PROXY_PAGES_TOKEN",
    403: "under this name",
    503: "busy",
    500: "status 500",
}


@pytest.mark.parametrize("page", [PAGE, "/dashboard/history"])
async def test_without_a_ledger_the_pages_say_so(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, browser: Browser, page: str
) -> None:
    async with (
        proxying(upstream.url, certificate, ledger=False) as proxy,
        opened(browser, proxy.pages_url, page, tolerated="status of") as shown,
    ):
        problem = shown.page.locator("#problem")
        await expect(problem).to_contain_text("No ledger is kept")
        assert await violations(shown) == []
        for status, words in REFUSALS.items():
            await _refuse(shown, status)
            await shown.reload()
            await expect(problem).to_contain_text(words)
    empty = tmp_path / "empty"
    async with (
        proxying(upstream.url, certificate, state_dir=empty) as proxy,
        opened(browser, proxy.pages_url, page, tolerated="404") as shown,
    ):
        found = shown.page.locator("#problem, #sessions tbody, #days tbody")
        await expect(found.filter(has_text="No ").first).to_be_visible()


async def _refuse(shown: Opened, status: int) -> None:
    async def refuse(route: Route) -> None:
        await route.fulfill(status=status, json={"error": "refused"})

    await shown.page.unroute("**/ledger/**")
    await shown.page.route("**/ledger/**", refuse)


async def test_a_session_that_is_not_there_is_named_as_such_and_the_token_is_enough(
    upstream: Simulator, certificate: Certificate, tmp_path: Path, browser: Browser
) -> None:
    fill(tmp_path, *TREE)
    options: dict[str, Any] = {"state_dir": tmp_path, "pages_token": "fake-token"}
    login: Any = {"username": "anyone", "password": "fake-token"}
    async with (
        proxying(upstream.url, certificate, **options) as proxy,
        opened(
            browser, proxy.url, f"{PAGE}#no%body", tolerated="404", http_credentials=login
        ) as shown,
    ):
        await expect(shown.page.locator("#problem")).to_contain_text("no requests of this session")
        await shown.page.evaluate(f"location.hash = {SESSION!r}")
        await expect(summary(shown, "Prompt 2")).to_be_visible()
        await expect(shown.page.locator("#problem")).to_be_hidden()


TIMED = {"tool_time": None, "overhead_request": 0.001, "slot_wait": None, "upstream_headers": 0.5}
NEVER = dict.fromkeys(("longest_event_gap", "longest_byte_gap", "longest_client_stall"))
PHASES: list[tuple[dict[str, Any], list[tuple[str, float, float]]]] = [
    # Refused by the proxy itself: nothing was sent.
    (
        {"duration": 0.2, "attempts": 0, "timings": {"first_token": None, "first_byte": None}},
        [("Until the end", 0.0, 0.2)],
    ),
    # Not streamed, and no content: only the first byte is known.
    (
        {"duration": 1, "attempts": 1, "timings": TIMED | {"first_byte": 0.6, "first_token": None}},
        [
            ("Proxy", 0.0, 0.001),
            ("Upstream, until the headers", 0.001, 0.5),
            ("Until the first token", 0.501, 0.099),
            ("Streaming", 0.6, 0.4),
        ],
    ),
    # The proxy tried again: what is left before the last attempt came first.
    (
        {"duration": 9, "attempts": 3, "timings": TIMED | {"first_byte": 7, "first_token": 8}},
        [
            ("Earlier attempts and pauses", 0.0, 7.499),
            ("Proxy", 7.499, 0.001),
            ("Upstream, until the headers", 7.5, 0.5),
            ("Streaming", 8.0, 1.0),
        ],
    ),
]


async def test_the_phases_of_a_request_add_up_to_its_duration(
    serving: Running, browser: Browser, tmp_path: Path
) -> None:
    fill(tmp_path)
    script = """async (requests) => {
      const { phases } = await import("/dashboard/waterfall.js");
      return requests.map((request) => phases(request)
        .map(({ name, start, length }) => [name, start, length]));
    }"""
    empty = dict.fromkeys(("tool_time", "overhead_request", "slot_wait", "upstream_headers"))
    asked = [case | {"timings": empty | NEVER | case["timings"]} for case, _ in PHASES]
    async with opened(browser, serving.pages_url, PAGE) as shown:
        found = await shown.page.evaluate(script, asked)
    for phases, (case, wanted) in zip(found, PHASES, strict=True):
        assert [name for name, *_ in phases] == [name for name, *_ in wanted]
        for (_, *got), (_, *right) in zip(phases, wanted, strict=True):
            assert got == pytest.approx(right)
        assert sum(length for *_, length in phases) == pytest.approx(case["duration"])
