"""axe-core's judgement of a page."""

from pathlib import Path
from typing import Any

from playwright.async_api import expect

from tests.dashboard.opened import LOADS, Opened
from tests.programs import absent

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

# Figures are dimmed on purpose while there is no connection.
_RUN = """async (rules) => [
  await axe.run({ runOnly: { type: "tag", values: rules } }),
  document.body.classList.contains("lost"),
]"""


async def violations(shown: Opened) -> list[Any]:
    """Return what is wrong, seriously or worse, with the elements."""
    if not AXE.is_file():
        absent("axe-core is not installed: npm ci --prefix tests/dashboard")
    await shown.page.evaluate(AXE.read_text(encoding="utf-8"))
    for _ in range(LOADS):
        report, lost = await shown.page.evaluate(_RUN, RULES)
        if not lost:
            break
        await expect(shown.page.locator("body.lost")).to_have_count(0)
    else:
        raise AssertionError("the connection was lost during each examination")
    return [
        (found["id"], [node["html"] for node in found["nodes"]])
        for found in report["violations"]
        if found["impact"] in ("serious", "critical")
    ]
