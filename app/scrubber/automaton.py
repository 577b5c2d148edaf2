"""RE2 on bytes: linear time, and the interpreter's lock is released meanwhile."""

from collections.abc import Callable

import re2

_MEMORY = 64 * 2**20  # bytes an automaton may use before it starts again

BadPattern = re2.error


def compiled(pattern: str) -> "re2._Regexp":
    """Compile RE2 syntax for bytes; raises `BadPattern`."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MEMORY
    options.log_errors = False
    return re2.compile(pattern.encode(), options)


# What the binding's own `search` calls. The objects that it makes of a match take twice as long as
# nearly all searches.
_ANCHOR = re2._re2.RE2.Anchor  # noqa: SLF001 - a test compares both

Search = Callable[[bytes, int, int], int]


def search(pattern: "re2._Regexp", *, anchored: bool = False) -> Search:
    """Return what searches a stretch of a text: where the pattern first matches, -1 if nowhere.

    One that is ``anchored`` is looked for where the stretch starts only.
    """
    match = pattern._regexp.Match  # noqa: SLF001
    anchor = _ANCHOR.ANCHOR_START if anchored else _ANCHOR.UNANCHORED

    def first(text: bytes, start: int, end: int) -> int:
        at: int = match(anchor, text, start, min(end, len(text)))[0][0]
        return at

    return first
