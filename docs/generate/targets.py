"""The targets of the Makefile."""

import re
from pathlib import Path

from docs.generate.markdown import code
from docs.generate.markdown import table as rows_of

MAKEFILE = Path(__file__).parents[2] / "Makefile"
_TARGET = re.compile(r"^([a-z-]+):.*?## (.*)$", re.MULTILINE)


def targets() -> list[tuple[str, str]]:
    """Return every target with its meaning, as ``make help`` lists them."""
    return _TARGET.findall(MAKEFILE.read_text("utf-8"))


def table() -> str:
    """Return the table of targets."""
    rows = [(code(f"make {name}"), meaning) for name, meaning in targets()]
    return rows_of(("Target", "What it does"), rows)
