"""A request body cut into what is scanned and cached on its own, in the order of prompt caching.

Where the values lie is read off msgspec's `Raw` slices, which validate without building. What
msgspec refuses (lone surrogates, great depth) or merges (repeated names) is walked instead.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from .escapes import value
from .strings import ANYWHERE, Place, skipped_in_request
from .walk import events

_ORDER: dict[str | int, int] = {"tools": 0, "system": 1, "messages": 2}
_OTHER = len(_ORDER)

_ROOT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY = msgspec.json.Decoder(msgspec.Raw)
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_SPACE = rb"[ \t\n\r]*"
_NAME = re.compile(_SPACE + rb"[{,]" + _SPACE + rb'"([^"\\]*)"' + _SPACE + rb":" + _SPACE)
_SEPARATOR = re.compile(_SPACE + rb"[\[,]" + _SPACE)
_MARK = b"\xef\xbb\xbf"  # byte order mark
_MEMBER_OF_ROOT, _ELEMENT = 1, 2  # depths


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
    """Return the values of ``body`` in cache order, without those skipped; raises `NotJson`."""
    try:
        found = list(_sliced(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _Displaced):
        found = list(_walked(body))
    found = [unit for unit in found if not _skipped(unit.path[0])]
    return sorted(found, key=lambda unit: _ORDER.get(unit.path[0], _OTHER))


def _skipped(name: str | int) -> bool:
    return isinstance(name, str) and skipped_in_request(name.encode("utf-8", "replace"), ANYWHERE)


def _sliced(body: bytes) -> Iterator[Unit]:
    """Yield units read off slices.

    Their lengths are known, their places are not: those are right if a value begins and ends at
    each, with nothing but names and punctuation between.
    """
    cursor = 0
    for name, raw in _ROOT.decode(body).items():
        member = _NAME.match(body, cursor)
        if member is None or member[1] != name.encode():
            raise _Displaced
        cursor = member.end() + len(memoryview(raw))
        if name in _ORDER and body[member.end() : member.end() + 1] == b"[":
            yield from _sliced_elements(body, name, member.end(), cursor)
        else:
            _ANY.decode(memoryview(body)[member.end() : cursor])
            yield Unit(member.end(), cursor, (name,))
    if cursor and body[cursor:].strip(b" \t\n\r") != b"}":
        raise _Displaced


def _sliced_elements(body: bytes, name: str, start: int, end: int) -> Iterator[Unit]:
    cursor = start
    for index, raw in enumerate(_ELEMENTS.decode(memoryview(body)[start:end])):
        separator = _SEPARATOR.match(body, cursor)
        if separator is None:
            raise _Displaced
        cursor = separator.end() + len(memoryview(raw))
        yield Unit(separator.end(), cursor, (name, index))


def _walked(body: bytes) -> Iterator[Unit]:
    """Yield the same from a walk over the whole body."""
    depth, index = 0, -1
    name: str | int = -1
    begun: list[int] = []  # where the values being read start: root, member, element
    divided = False  # the member being read is an array whose elements are units
    for kind, start, end in events(body, len(_MARK) if body.startswith(_MARK) else 0):
        if kind == "key":
            if depth == 1:
                name = value(body[start + 1 : end - 1])
            continue
        if kind != "close" and depth <= _ELEMENT:
            begun[depth:] = [start]
            if depth == _MEMBER_OF_ROOT:
                name = name if isinstance(name, str) else name + 1
                divided, index = name in _ORDER and body[start : start + 1] == b"[", -1
            index += depth == _ELEMENT
        depth += {"open": end - start, "close": start - end}.get(kind, 0)
        if kind != "open" and depth == _ELEMENT and divided:
            yield Unit(begun[depth], end, (name, index))
        elif kind != "open" and depth == _MEMBER_OF_ROOT and not divided:
            yield Unit(begun[depth], end, (name,))
    if not begun[1:]:
        yield Unit(begun[0], len(body), (0,))  # a string or a number alone
