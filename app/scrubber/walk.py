"""JSON text as events (RFC 8259), without building anything.

A loop over tokens: depth costs memory, never recursion, a repeated name is met twice and a lone
surrogate is a string like any other.
"""

import re
from collections.abc import Iterator
from typing import NoReturn

STRING, ATOM = b'"', b"a"

_SPACE = rb"[ \t\n\r]*+"
_STRING = rb'("(?:[^"\\]++|\\.)*+")'
_ATOM = rb"(-?[0-9][0-9.eE+-]*+|true|false|null|NaN|-?Infinity)"
_TOKEN = re.compile(_SPACE + rb"(?:" + _STRING + rb"|([{}\[\],:])|" + _ATOM + rb")", re.DOTALL)
# Far down, brackets in a row are one token: nesting for its own sake must not cost.
_DEEP_TOKEN = re.compile(
    _SPACE + rb"(?:" + _STRING + rb"|([{},:]|\[++|\]++)|" + _ATOM + rb")", re.DOTALL
)
_DEEP = 8
_STRING_GROUP, _MARK_GROUP = 1, 2
_PAIRS = {b"}": b"{", b"]": b"["}

# (what is expected, what came) -> (the event, what is expected next)
_GRAMMAR: dict[tuple[str, bytes], tuple[str, str]] = {
    ("value", STRING): ("string", "more"),
    ("value", ATOM): ("atom", "more"),
    ("value", b"{"): ("open", "first key"),
    ("value", b"["): ("open", "first value"),
    ("first key", STRING): ("key", "colon"),
    ("first key", b"}"): ("close", "more"),
    ("key", STRING): ("key", "colon"),
    ("colon", b":"): ("", "value"),
    ("more", b","): ("", "next"),
    ("more", b"}"): ("close", "more"),
    ("more", b"]"): ("close", "more"),
    ("first value", b"]"): ("close", "more"),
}
_GRAMMAR |= {
    ("first value", came): then for (now, came), then in _GRAMMAR.items() if now == "value"
}

Event = tuple[str, int, int]  # key, string, atom, open or close; where its token starts and ends


class NotJson(Exception):
    """The bytes are no JSON document."""


def events(text: bytes, start: int = 0) -> Iterator[Event]:
    """Yield the events of one JSON value; raises `NotJson` at the first fault.

    An ``open`` or ``close`` of several bytes is as many brackets.
    """
    opened = bytearray()
    expected, position = "value", start
    while True:
        deep = len(opened) > _DEEP
        token = (_DEEP_TOKEN if deep else _TOKEN).match(text, position)
        if token is None:
            break
        group = token.lastindex
        begin, position = token.span(group or 0)
        mark = STRING if group == _STRING_GROUP else ATOM
        if group == _MARK_GROUP:
            mark = text[begin : begin + 1]
            if mark == b"]" and position - begin > 1:
                position = begin + min(position - begin, len(opened) - _DEEP)
        kind, expected = _GRAMMAR.get((expected, mark)) or _fault(begin)
        if kind == "open":
            opened += text[begin:position]
        elif kind == "close":
            _close(opened, mark, position - begin, begin)
        elif expected == "next":
            if not opened:
                _fault(begin)
            expected = "key" if opened[-1:] == b"{" else "value"
        if kind:
            yield kind, begin, position
    if opened or expected != "more" or text[position:].strip(b" \t\n\r"):
        _fault(position)


def _close(opened: bytearray, mark: bytes, count: int, position: int) -> None:
    if not opened.endswith(_PAIRS[mark] * count):
        _fault(position)
    del opened[-count:]


def _fault(position: int) -> NoReturn:
    raise NotJson(f"not JSON at byte {position}")
