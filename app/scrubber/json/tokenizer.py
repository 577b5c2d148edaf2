"""JSON text as events (RFC 8259): what its tokens mean, without building anything.

A loop over tokens: depth costs memory, never recursion, a repeated name is met twice and a lone
surrogate is a string like any other.
"""

import re
from collections.abc import Iterator
from typing import NoReturn

from ..automaton import compiled

STRING, ATOM = b'"', b"a"

_SPACE = rb"[ \t\n\r]*+"
_STRING = rb'("(?>(?:[^"\\]++|\\.)*)")'
_ATOM = rb"(-?[0-9][0-9.eE+-]*+|true|false|null|NaN|-?Infinity)"
_TOKEN = re.compile(_SPACE + rb"(?:" + _STRING + rb"|([{}\[\],:])|" + _ATOM + rb")", re.DOTALL)
# Far down, brackets in a row are one token: nesting for its own sake must not cost.
_DEEP_TOKEN = re.compile(
    _SPACE + rb"(?:" + _STRING + rb"|([{},:]|\[++|\]++)|" + _ATOM + rb")", re.DOTALL
)
_DEEP = 8
_BRACKET, _BACKSLASH = 0x5B, 0x5C
# They end before the window does, so nothing is cut off.
_ITEM = re.compile(_SPACE + rb"," + _SPACE + _STRING + rb"(?=" + _SPACE + rb"[,\]])", re.DOTALL)
_ITEMS = re.compile(
    rb"(?>(?:" + _SPACE + rb"," + _SPACE + rb'"(?>(?:[^"\\]++|\\.)*)"(?=' + _SPACE + rb"[,\]]))+)",
    re.DOTALL,
)
_NAME = re.compile(_SPACE + rb"," + _SPACE + _STRING + _SPACE + rb":", re.DOTALL)
_WINDOW = 32 * 1024  # bytes in which `re` looks for a token: it holds the interpreter's lock
_SHORT = 512  # bytes of a token; a longer string is left to RE2, which is ten times as fast
_QUOTES = 256  # escaped ones in a string that are looked at one by one
_LONG_STRING = compiled(r'(?s)[ \t\n\r]*"(?:[^"\\]|\\.)*"')
_STRING_GROUP, _MARK_GROUP = 1, 2
_AFTER_COMMA = {b"{": "key", b"[": "value"}
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

Event = tuple[str, int, int]  # key, string, strings, atom, open or close; where it starts and ends


class NotJson(Exception):
    """The bytes are no JSON document."""


def events(text: bytes, start: int = 0) -> Iterator[Event]:  # noqa: C901 - one loop
    """Yield the events of one JSON value; raises `NotJson` at the first fault.

    An ``open`` or ``close`` of several bytes is as many brackets. ``strings`` are elements of an
    array, from the first one's quote to the last one's.
    """
    opened = bytearray()
    expected, position = "value", start
    while True:
        # What nearly all of a long text is made of, by one match each: `, "…"` and `, "…":`.
        while expected == "more" and opened:
            in_array = opened[-1] == _BRACKET
            short = (_ITEM if in_array else _NAME).match(text, position, position + _SHORT)
            if short is None:
                break
            (begin, end), position = short.span(1), short.end()
            if not in_array:
                expected = "value"
                yield "key", begin, end
                break
            items = _ITEMS.match(text, position, position + _WINDOW)
            position = position if items is None else items.end()
            yield ("string", begin, end) if items is None else ("strings", begin, position)
        token = _token(text, position, len(opened) - _DEEP)
        if token is None:
            break
        mark, begin, position = token
        kind, expected = _GRAMMAR.get((expected, mark)) or _fault(begin)
        if kind == "open":
            opened += text[begin:position]
        elif kind == "close":
            _close(opened, mark, position - begin, begin)
        elif expected == "next":
            expected = _AFTER_COMMA.get(bytes(opened[-1:])) or _fault(begin)
        if kind:
            yield kind, begin, position
    if opened or expected != "more" or text[position:].strip(b" \t\n\r"):
        _fault(position)


def string_end(text: bytes, start: int) -> int:
    """Return where the string ends whose first quote stands at ``start``, -1 if it does not."""
    end = text.find(STRING, start + 1)
    for _ in range(_QUOTES):
        if end < 0 or text[end - 1] != _BACKSLASH:
            return end + 1 or -1
        if text[end - 2] == _BACKSLASH:
            break
        end = text.find(STRING, end + 1)
    string = _LONG_STRING.match(text, start)
    return -1 if string is None else int(string.end())


def _token(text: bytes, position: int, spare: int) -> tuple[bytes, int, int] | None:
    """Return the next token's mark, start and end; it closes ``spare`` brackets at the most."""
    pattern = _DEEP_TOKEN if spare > 0 else _TOKEN
    token = pattern.match(text, position, position + _SHORT)
    if token is None or token.end() == position + _SHORT:
        string = _LONG_STRING.match(text, position)
        if string is not None:
            return STRING, text.index(STRING, position), string.end()
        token = pattern.match(text, position)
    if token is None:
        return None
    begin, end = token.span(token.lastindex or 0)
    if token.lastindex != _MARK_GROUP:
        return STRING if token.lastindex == _STRING_GROUP else ATOM, begin, end
    mark = token[_MARK_GROUP][:1]
    if mark == b"]" and end - begin > 1:
        end = begin + min(end - begin, spare)
    return mark, begin, end


def _close(opened: bytearray, mark: bytes, count: int, position: int) -> None:
    if not opened.endswith(_PAIRS[mark] * count):
        _fault(position)
    del opened[-count:]


def _fault(position: int) -> NoReturn:
    raise NotJson(f"not JSON at byte {position}")
