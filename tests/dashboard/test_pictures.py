"""Pictures for people to look at, kept by CI."""

from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.dashboard.pictures import PICTURES, take
from tests.dashboard.traffic import SCENARIOS, play
from tests.proxying import Running

pytestmark = pytest.mark.asyncio(loop_scope="session")  # the browser's

ARTEFACTS = Path(__file__).parents[2] / "artefacts" / "dashboard"


async def test_pictures_are_taken_of_every_kind_of_screen(proxy: Running, browser: Browser) -> None:
    await play(proxy, *SCENARIOS)
    await take(browser, proxy.pages_url, ARTEFACTS)
    for name in PICTURES:
        picture = ARTEFACTS / f"dashboard-{name}.png"
        assert picture.read_bytes().startswith(b"\x89PNG")
