"""Pictures for people to look at, kept by CI."""

from pathlib import Path

from playwright.async_api import Browser

from tests.dashboard.pictures import take
from tests.proxying import Running

ARTEFACTS = Path(__file__).parents[2] / "artefacts" / "dashboard"


async def test_pictures_are_taken_in_light_dark_and_phone_width(
    proxy: Running, browser: Browser
) -> None:
    await take(proxy, browser, ARTEFACTS, seconds=6.0)
    for name in ("light", "dark", "phone"):
        assert (ARTEFACTS / f"{name}.png").read_bytes().startswith(b"\x89PNG")
