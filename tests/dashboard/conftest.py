"""A real browser for the dashboard's tests: one for all of them, and so one event loop."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from app.certificates import Certificate
from simulator import Simulator
from tests.programs import require
from tests.proxying import Running, proxying, simulated

# Debian has one without windows of its own, which cost as much as the pages that are shown.
BROWSERS = ("chromium-headless-shell", "chromium")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Run Chromium."""
    name = next(filter(shutil.which, BROWSERS), BROWSERS[0])
    program = require(name, name)
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield launched
        await launched.close()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium. What a test opens in it shares nothing with other tests: `opened`."""
    async with chromium() as launched:
        yield launched


@pytest_asyncio.fixture(loop_scope="session")
async def upstream(certificate: Certificate) -> AsyncIterator[Simulator]:
    """A simulated upstream on the browser's loop."""
    async with simulated(certificate) as simulator:
        yield simulator


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(upstream: Simulator, certificate: Certificate) -> AsyncIterator[Running]:
    """A proxy on the browser's loop."""
    async with proxying(upstream.url, certificate) as running:
        yield running
