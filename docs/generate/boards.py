"""Drawings of Grafana's dashboards: each row's panels in their places."""

import json
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

BOARDS = Path(__file__).parents[2] / "grafana/dashboards"
SCALE = 4  # characters for each of Grafana's 24 columns
LINES = 2  # of a title

Panel = dict[str, Any]


def drawings() -> str:
    """Return both dashboards, row by row."""
    return "\n\n".join(_board(json.loads(file.read_text("utf-8"))) for file in files())


def files() -> list[Path]:
    """Return the files of the dashboards."""
    return sorted(BOARDS.glob("*.json"))


def rows(board: Panel) -> Iterator[tuple[str, list[Panel]]]:
    """Yield each row's title with its panels."""
    title, panels = "", list[Panel]()
    for panel in board["panels"]:
        if panel["type"] == "row":
            if panels:
                yield title, panels
            title, panels = panel["title"], []
        else:
            panels.append(panel)
    yield title, panels


def _board(board: Panel) -> str:
    name = board["title"].partition(": ")[2]
    parts = [f"### Dashboard: {name}"]
    for title, panels in rows(board):
        parts += [f"**{title}**", "```text\n" + drawing(panels) + "\n```"]
    return "\n\n".join(parts)


def drawing(panels: Sequence[Panel]) -> str:
    """Return the panels of a row as boxes; those of a line have the same height."""
    lines = list[str]()
    for _, group in groupby(panels, lambda panel: panel["gridPos"]["y"]):
        boxes = [_box(panel) for panel in group]
        lines += [" ".join(parts).rstrip() for parts in zip(*boxes, strict=True)]
    return "\n".join(lines)


def _box(panel: Panel) -> list[str]:
    """Return the lines of a panel, its title inside."""
    room = panel["gridPos"]["w"] * SCALE - 5
    title = textwrap.wrap(panel["title"], room)
    inside = [f"| {line.ljust(room)} |" for line in [*title, *[""] * LINES][:LINES]]
    border = f"+{'-' * (room + 2)}+"
    return [border, *inside, border]
