"""The generated parts of pages: found by their markers, replaced by what the code says."""

import re
from pathlib import Path

from docs.generate.blocks import BLOCKS

DOCS = Path(__file__).parents[1]
PAGES = (DOCS.parent / "README.md", *sorted(DOCS.glob("*.md")))

_BLOCK = re.compile(r"(<!-- generated: ([a-z-]+) -->\n)(.*?)(<!-- /generated -->)", re.DOTALL)


def names(text: str) -> list[str]:
    """Return the names of a page's generated parts."""
    return [match[2] for match in _BLOCK.finditer(text)]


def filled(text: str) -> str:
    """Return the page with every generated part as the code has it now."""
    return _BLOCK.sub(lambda match: f"{match[1]}\n{BLOCKS[match[2]]()}\n\n{match[4]}", text)
