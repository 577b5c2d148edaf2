"""axe-core's judgement of a page."""

from pathlib import Path
from typing import Any

from tests.dashboard.opened import Opened
from tests.programs import absent

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


async def violations(shown: Opened) -> list[Any]:
    """Return what is wrong, seriously or worse, with the elements."""
    if not AXE.is_file():
        absent("axe-core is not installed: npm ci --prefix tests/dashboard")
    await shown.page.evaluate(AXE.read_text(encoding="utf-8"))
    report = await shown.page.evaluate(
        "(rules) => axe.run({ runOnly: { type: 'tag', values: rules } })", RULES
    )
    return [
        (found["id"], [node["html"] for node in found["nodes"]])
        for found in report["violations"]
        if found["impact"] in ("serious", "critical")
    ]
