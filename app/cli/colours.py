"""Colours of the help, on a terminal only (https://no-color.org)."""

import os
import re
from typing import TextIO

BOLD, NAME, EXAMPLE, END = "\x1b[1m", "\x1b[36m", "\x1b[32m", "\x1b[0m"
USAGE = "usage:"
# What is coloured below a heading: names at the indentation of two, or whole examples.
_NAME = re.compile(r"^  (\S+(?: \S+)*)(?=  |$)")
_EXAMPLE = re.compile(r"^  (\S.*)$")
_BELOW = {
    "commands": (_NAME, NAME),
    "options": (_NAME, NAME),
    "positional arguments": (_NAME, NAME),
    "examples": (_EXAMPLE, EXAMPLE),
}


def wanted(stream: TextIO) -> bool:
    """Return True if ``stream`` is a terminal that shows colours, and nobody objects."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return not plain and stream.isatty()


def coloured(text: str) -> str:
    """Return a help text with colours. Without them it is the same, letter by letter."""
    heading, lines = "", list[str]()
    for line in text.splitlines():
        if line.startswith(USAGE):
            shown = f"{BOLD}{USAGE}{END}{line.removeprefix(USAGE)}"
        elif line.endswith(":") and not line.startswith(" "):
            heading = line.removesuffix(":")
            shown = f"{BOLD}{line}{END}"
        else:
            pattern, colour = _BELOW.get(heading, (None, ""))
            shown = pattern.sub(rf"  {colour}\1{END}", line) if pattern else line
        lines.append(shown)
    return "\n".join(lines) + "\n"
