"""A request body cut into what is scanned and cached on its own, in the order of prompt caching.

Where the values lie is read off msgspec's `Raw` slices, which validate without building. What
msgspec refuses (lone surrogates, great depth) or merges (repeated names) is walked instead.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from app.scrubber.strings import Place, skipped_in_request
from app.scrubber.walk import events, members

_ORDER: dict[str | int, int] = {"tools": 0, "system": 1, "messages": 2}
_OTHER = len(_ORDER)

_ROOT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_SPACE = rb"[ \t\n\r]*"
_MEMBER = re.compile(_SPACE + rb"[{,]" + _SPACE + rb'"([^"\\]*)"' + _SPACE + rb":" + _SPACE)
_ELEMENT = re.compile(_SPACE + rb"[\[,]" + _SPACE)
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Members = Iterator[tuple[str | int, int, int]]


class Unit(NamedTuple):
    """A value of the body: a tool, a system block, a message or another member."""

    start: int
    end: int
    path: tuple[str | int, ...]

    @property
    def place(self) -> Place:
        """Whether it is a tool's definition."""
        return Place(in_tools=self.path[:1] == ("tools",))


class _Displaced(Exception):
    """A name is repeated or spelled with escapes: the slices do not tell where they lie."""


def units(body: bytes) -> list[Unit]:
    """Return the values of ``body`` in cache order; raises `NotJson`."""
    try:
        found = list(_units(body, _sliced_members(body), _sliced_elements))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _Displaced):
        found = list(_units(body, _walked_members(body), members))
    return sorted(found, key=lambda unit: _ORDER.get(unit.path[0], _OTHER))


Elements = Callable[[bytes, int, int], Members]


def _units(body: bytes, root: Members, elements: Elements) -> Iterator[Unit]:
    for name, start, end in root:
        if isinstance(name, str) and skipped_in_request(name.encode("utf-8", "replace"), Place()):
            continue
        if name in _ORDER and body[start : start + 1] == b"[":
            for index, first, last in elements(body, start, end):
                yield Unit(first, last, (name, index))
        else:
            yield Unit(start, end, (name,))


def _walked_members(body: bytes) -> Members:
    start = len(_BYTE_ORDER_MARK) if body.startswith(_BYTE_ORDER_MARK) else 0
    if body[start:].lstrip(b" \t\n\r")[:1] not in (b"{", b"["):
        for _ in events(body, start):
            pass
        return iter([(0, start, len(body))])
    return members(body, start)


def _sliced_members(body: bytes) -> Members:
    cursor = 0
    for name, raw in _ROOT.decode(body).items():
        member = _MEMBER.match(body, cursor)
        if member is None or member[1] != name.encode():
            raise _Displaced
        cursor = member.end() + len(memoryview(raw))
        yield name, member.end(), cursor
    if cursor and body[cursor:].strip(b" \t\n\r") != b"}":
        raise _Displaced


def _sliced_elements(body: bytes, start: int, end: int) -> Members:
    cursor = start
    for index, raw in enumerate(_ELEMENTS.decode(memoryview(body)[start:end])):
        separator = _ELEMENT.match(body, cursor)
        if separator is None:
            raise _Displaced
        cursor = separator.end() + len(memoryview(raw))
        yield index, separator.end(), cursor
