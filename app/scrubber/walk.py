"""Walks over JSON text (RFC 8259) that build nothing: its members, and its strings to scan.

Both are loops over tokens: depth costs memory, never recursion, a repeated name is met twice and a
lone surrogate is a string like any other.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from app.scrubber.escapes import value

_TOKEN = re.compile(
    rb'[ \t\n\r]*+(?:("(?:[^"\\]++|\\.)*+")|([{}\[\],:])|(-?[0-9][0-9.eE+-]*+|true|false|null|'
    rb"NaN|-?Infinity))",
    re.DOTALL,
)
_STRING, _ATOM = b'"', b"a"
_PAIRS = {b"}": b"{", b"]": b"["}

# (what is expected, what came) -> (the event, what is expected next)
_GRAMMAR: dict[tuple[str, bytes], tuple[str, str]] = {
    ("value", _STRING): ("string", "more"),
    ("value", _ATOM): ("atom", "more"),
    ("value", b"{"): ("open", "first key"),
    ("value", b"["): ("open", "first value"),
    ("first key", _STRING): ("key", "colon"),
    ("first key", b"}"): ("close", "more"),
    ("key", _STRING): ("key", "colon"),
    ("colon", b":"): ("", "value"),
    ("more", b","): ("", "next"),
    ("more", b"}"): ("close", "more"),
    ("more", b"]"): ("close", "more"),
    ("first value", b"]"): ("close", "more"),
}
_GRAMMAR |= {
    ("first value", came): then for (now, came), then in _GRAMMAR.items() if now == "value"
}


class NotJson(Exception):
    """The bytes are no JSON document."""


class Event(NamedTuple):
    """``kind`` is key, string, atom, open or close; ``mark`` the first byte's token."""

    kind: str
    mark: bytes
    start: int
    end: int


def events(text: bytes, start: int = 0, end: int | None = None) -> Iterator[Event]:
    """Yield the events of one JSON value; raises `NotJson` at the first fault."""
    end = len(text) if end is None else end
    open_marks: list[bytes] = []
    expected, position = "value", start
    while (token := _TOKEN.match(text, position, end)) is not None:
        position = token.end()
        group = token.lastindex or 0
        mark = _STRING if group == 1 else token[2] if group == 2 else _ATOM  # noqa: PLR2004 - groups
        kind, expected = _GRAMMAR.get((expected, mark)) or _fault(position)
        if kind == "open":
            open_marks.append(mark)
        elif kind == "close" and (not open_marks or open_marks.pop() != _PAIRS[mark]):
            _fault(position)
        if kind:
            yield Event(kind, mark, token.start(group), position)
        if expected == "next":
            if not open_marks:
                _fault(position)
            expected = "key" if open_marks[-1] == b"{" else "value"
    if open_marks or expected != "more" or text[position:end].strip(b" \t\n\r"):
        _fault(position)


def _fault(position: int) -> tuple[str, str]:
    raise NotJson(f"not JSON at byte {position}")


def members(
    text: bytes, start: int, end: int | None = None
) -> Iterator[tuple[str | int, int, int]]:
    """Yield the name or index, start and end of each direct member of the value; it may have none."""
    depth = 0
    name: str | int = -1
    first = start
    for kind, mark, begin, finish in events(text, start, end):
        if kind == "key" and depth == 1:
            name = value(text[begin + 1 : finish - 1])
        if kind in ("open", "string", "atom") and depth == 1:
            name, first = name + 1 if isinstance(name, int) else name, begin
        depth += {"open": 1, "close": -1}.get(kind, 0)
        if depth == 1 and kind in ("close", "string", "atom"):
            yield name, first, finish
        del mark
