"""The dashboard in a browser, watched for what must never happen."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.async_api import Browser, Error, Locator, Page, Request, Route, expect

WAIT = 120_000.0  # milliseconds that a condition may take on a busy machine
LOADS = 30  # times that a page is loaded at most while the machine's network changes

# Chromium gives up what it loads, from loopback too, when a network interface comes or goes. Tests
# of containers that run at the same time make interfaces.
NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"
# What a load ends with then, or the next one, when Chromium comes late with its page of the error.
# A load that waits for a password is sometimes not ended at all.
INTERRUPTED = (NETWORK_CHANGED, "is interrupted by another navigation", "Timeout")

expect.set_options(timeout=WAIT)

# What the page shows, taken at one moment: declared figures and tables, by name.
_READ = """() => {
  const cell = (e) => [e.textContent, e.dataset.value ?? null, e.dataset.mark ?? null];
  const rows = (table) => [...table.tBodies[0].rows].map((row) => [...row.cells].map(cell));
  const figures = [...document.querySelectorAll("[data-metric]")];
  return {
    figures: figures.map((e) => [e.dataset.metric, e.dataset.value ?? null, e.textContent]),
    tables: Object.fromEntries(
      [...document.querySelectorAll("table")].map((t) => [t.dataset.table ?? t.id, rows(t)])),
  };
}"""


@dataclass
class Opened:
    """A page. ``problems`` are console errors, exceptions and requests that went elsewhere.

    ``interrupted`` counts the requests that Chromium gave up because the network changed.
    """

    page: Page
    problems: list[str] = field(default_factory=list)
    interrupted: int = 0

    def metric(self, path: str) -> Locator:
        """Return the first figure of a place in the document."""
        return self.page.locator(f'[data-metric="{path}"]').first

    @property
    def link(self) -> Locator:
        return self.page.locator("#link")

    async def goto(self, url: str) -> None:
        """Load a page."""

        async def navigate() -> None:
            # From the same URL, one with a fragment would load nothing.
            await self.page.goto("about:blank")
            await self.page.goto(url)

        await self._load(navigate)

    async def reload(self) -> None:
        """Load the page again."""
        await self._load(self.page.reload)

    async def _load(self, navigate: Callable[[], Awaitable[object]]) -> None:
        for _ in range(LOADS):
            before = self.interrupted
            try:
                await navigate()
            except Error as error:
                if not any(words in error.message for words in INTERRUPTED):
                    raise
                continue
            if self.interrupted == before:
                return
        raise AssertionError("the network changed during each load of the page")

    async def live(self) -> None:
        """Wait until snapshots come."""
        await expect(self.link).to_have_attribute("data-state", "live")

    async def shows(self, path: str, text: str) -> None:
        """Wait until a figure says ``text``."""
        await expect(self.metric(path)).to_have_text(text)

    async def feed(self, document: dict[str, Any]) -> None:
        """Show a snapshot instead of the proxy's, after a reload, until the next one."""
        await self.page.unroute("**/metrics/stream")
        await self.page.route("**/metrics/stream", _answering(document))
        await self.reload()
        await self.live()

    async def read(self) -> dict[str, Any]:
        """Return what is shown now."""
        shown: dict[str, Any] = await self.page.evaluate(_READ)
        return shown


def _answering(document: dict[str, Any]) -> Callable[[Route], Awaitable[None]]:
    # The stream ends after its event; the page asks again after so many milliseconds.
    body = f"retry: 300\ndata: {json.dumps(document)}\n\n"

    async def answer(route: Route) -> None:
        await route.fulfill(content_type="text/event-stream", body=body)

    return answer


@asynccontextmanager
async def opened(
    browser: Browser,
    url: str,
    page: str = "/dashboard",
    *,
    tolerated: str | None = None,
    **options: Any,
) -> AsyncIterator[Opened]:
    """Open a page of the proxy at ``url``; at the end there must have been no problem.

    ``tolerated`` is a part of the messages that are none here.
    """
    context = await browser.new_context(ignore_https_errors=True, **options)
    context.set_default_timeout(WAIT)
    context.set_default_navigation_timeout(WAIT / 8)
    shown = Opened(await context.new_page())
    _watch(shown, urlsplit(url).netloc, tolerated)
    await shown.goto(url + page)
    yield shown
    await context.close()
    assert shown.problems == [], shown.problems  # this module's assertions are not rewritten


def _watch(shown: Opened, host: str, tolerated: str | None) -> None:
    def note(problem: str) -> None:
        if NETWORK_CHANGED not in problem and (tolerated is None or tolerated not in problem):
            shown.problems.append(problem)

    def requested(url: str) -> None:
        if urlsplit(url).netloc != host:
            note(f"request to {url}")

    def failed(request: Request) -> None:
        if request.failure == NETWORK_CHANGED:
            shown.interrupted += 1

    page = shown.page
    # A violated content security policy is an error on the console, too.
    page.on("console", lambda said: note(said.text) if said.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: note(str(error)))
    page.on("request", lambda request: requested(request.url))
    page.on("requestfailed", failed)
