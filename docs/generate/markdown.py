"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; what would end a cell or begin a tag is escaped, except in code."""
    lines = [header, ["---"] * len(header), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def code(text: str) -> str:
    """Return text as code."""
    return f"`{text}`"


def _cell(text: str) -> str:
    if text.startswith("`"):
        return text.replace("|", r"\|")
    return text.replace("|", r"\|").replace("<", r"\<")
