"""A request body cut into what is scanned and cached on its own, in the order of prompt caching.

Where the values lie is read off msgspec's `Raw` slices, which validate without building. What
msgspec refuses (lone surrogates, great depth) or merges (repeated names) is visited instead.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, partial
from itertools import accumulate, chain, groupby, repeat
from operator import add
from typing import Any, NamedTuple

import msgspec

from ...anthropic.elements import MOST_ELEMENTS, elements_of, list_type, read_list
from .spans import cut
from .strings import skipped_in_request
from .visitor import State, each_span, visit

_ORDER: dict[str | int, int] = {"tools": 0, "system": 1, "messages": 2}
_OTHER = len(_ORDER)

_ROOT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY = msgspec.json.Decoder(msgspec.Raw)
# A call of msgspec holds the interpreter for as long as it takes. So a large body goes through it
# only if little of it is punctuation.
QUICK = 1024 * 1024  # bytes that it reads in a few milliseconds
_LARGE = 128 * 1024  # bytes of a body whose messages are not read twice
_SLICES, _SLICE = 64, 64
_PUNCTUATION = re.compile(rb"(?<!\\)\"|[\[\]{}][,\[\]{}]|[0-9el],")
_DENSE, _DENSE_ESCAPES = 0.02, 0.2  # shares of a body's bytes
_SPACE = rb"[ \t\n\r]*"
_NAME = re.compile(_SPACE + rb"[{,]" + _SPACE + rb'"([^"\\]*)"' + _SPACE + rb":" + _SPACE)
_SEPARATOR = re.compile(_SPACE + rb"[\[,]" + _SPACE)
_MESSAGES = re.compile(rb'"messages"[ \t\n\r]*+:[ \t\n\r]*+\[[ \t\n\r]*+')
_REACH = 1024 * 1024  # bytes of a body in which its messages begin
_MARK = b"\xef\xbb\xbf"  # byte order mark
_MEMBER, _ELEMENT = 1, 2  # depths


class Unit(NamedTuple):
    """A value of the body: a tool, a system block, a message or another member."""

    start: int
    end: int
    path: tuple[str | int, ...]

    @property
    def state(self) -> State:
        """What it stands in."""
        return "tool" if self.path[0] == "tools" else "api"


_UNIT = partial(tuple.__new__, Unit)  # there are many: the quickest way to make one


class _Crowded(Exception):
    """A body has too many members to look at each; it starts at an offset."""

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self.start = start


class _Displaced(Exception):
    """A name is repeated or spelled with escapes: the slices do not tell where they lie."""


def units(body: bytes) -> list[Unit]:
    """Return the values of ``body`` in cache order, without those skipped; raises `NotJson`."""
    try:
        return _ordered(_quickly(body) or list(_visited(body)))
    except _Crowded as crowded:
        return [Unit(crowded.start, len(body), (0,))]


def quick_units(body: bytes) -> list[Unit] | None:
    """Return the same, None if they cannot be read off slices."""
    found = _quickly(body)
    return None if found is None else _ordered(found)


def first_message(body: bytes) -> int | None:
    """Return where the messages of a body seem to start; a reader of its members knows."""
    array = _MESSAGES.search(body, 0, _REACH)
    return None if array is None else array.end()


def _ordered(found: list[Unit]) -> list[Unit]:
    ordered: list[list[Unit]] = [[] for _ in range(_OTHER + 1)]
    for name, members in groupby(found, key=_member):
        if not _skipped(name):
            ordered[_ORDER.get(name, _OTHER)] += members
    return list(chain.from_iterable(ordered))


def _quickly(body: bytes) -> list[Unit] | None:
    """Return units read off slices, None if the body has to be visited."""
    if not is_quick(body):
        return None
    try:
        return _read_once(body) or list(_sliced(body))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, _Displaced):
        return None


def is_quick(body: bytes) -> bool:
    """Return True if msgspec takes a few milliseconds at most.

    That is, little of it is JSON's own punctuation, or escapes: samples tell.
    """
    if len(body) <= QUICK:
        return True
    step = len(body) // _SLICES
    sample = b"".join(body[start : start + _SLICE] for start in range(0, len(body), step))
    escapes = sample.count(b"\\") > _DENSE_ESCAPES * len(sample)
    return not escapes and len(_PUNCTUATION.findall(sample)) <= _DENSE * len(sample)


def _member(unit: Unit) -> str | int:
    return unit.path[0]


def _skipped(name: str | int) -> bool:
    return isinstance(name, str) and skipped_in_request(name.encode("utf-8", "replace"), "api")


def _read_once(body: bytes) -> list[Unit] | None:
    """Return units read off slices, reading the messages only once; None if it is small, or odd.

    Bytes that were read as an element stand where they are found again, and to the rest of the
    body they are like any other element. So the rest is read with a number instead of them.
    """
    start = first_message(body) if len(body) > _LARGE else None
    if start is None:
        return None
    try:
        read = elements_of(_messages().decode(body).messages)
        messages = list(_placed(body, "messages", start, read))
        end = messages[-1].end if messages else start
        rest = list(_sliced(b"".join((cut(body, 0, start), b"0", cut(body, end, len(body))))))
    except (msgspec.MsgspecError, _Displaced):
        return None
    number = Unit(start, start + 1, ("messages", 0))
    if number not in rest:
        return None
    at, size = rest.index(number), end - number.end
    behind = (Unit(one.start + size, one.end + size, one.path) for one in rest[at + 1 :])
    return [*rest[:at], *messages, *behind]


@cache
def _messages() -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(msgspec.defstruct("Body", [("messages", list_type())]))


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
    try:
        found = read_list(memoryview(body)[start:end])
    except msgspec.ValidationError:
        yield Unit(start, end, (name,))
        return
    separator = _SEPARATOR.match(body, start)
    yield from _placed(body, name, start if separator is None else separator.end(), found)


def _placed(body: bytes, name: str, cursor: int, found: Iterable[msgspec.Raw]) -> Iterable[Unit]:
    """Return the elements of a list, of which the first has to stand at ``cursor``."""
    texts = [memoryview(raw) for raw in found]
    return _evenly(body, name, cursor, texts) or _unevenly(body, name, cursor, texts)


def _evenly(body: bytes, name: str, cursor: int, texts: Sequence[memoryview]) -> list[Unit] | None:
    """Return the elements if the same separator stands behind each but the last: as nearly always.

    All loops are those of built-in functions: there may be thousands of elements.
    """
    separator = _SEPARATOR.match(body, cursor + len(texts[0])) if texts else None
    if separator is None:
        return None
    sizes, between = list(map(len, texts)), len(separator[0])
    starts = list(accumulate(map(between.__add__, sizes[:-1]), initial=cursor))
    ends = list(map(add, starts, sizes))
    if not all(map(body.startswith, repeat(separator[0]), ends[:-1])):
        return None
    if not all(map(body.startswith, texts, starts)):
        return None
    paths = zip(repeat(name, len(texts)), range(len(texts)), strict=True)
    return list(map(_UNIT, zip(starts, ends, paths, strict=True)))


def _unevenly(body: bytes, name: str, cursor: int, texts: Sequence[memoryview]) -> Iterator[Unit]:
    """Yield the elements, whatever spaces stand between them."""
    for index, text in enumerate(texts):
        if index:
            separator = _SEPARATOR.match(body, cursor)
            if separator is None:
                raise _Displaced
            cursor = separator.end()
        if not body.startswith(text, cursor):
            raise _Displaced
        begin, cursor = cursor, cursor + len(text)
        yield Unit(begin, cursor, (name, index))


def _visited(body: bytes) -> Iterator[Unit]:
    """Yield the same from a visit of the whole body."""
    start = len(_MARK) if body.startswith(_MARK) else 0
    elements: list[tuple[int, int]] = []  # of the member being read
    members = 0
    for depth, name, first, end in _values(body, start):
        if depth == _ELEMENT and len(elements) <= MOST_ELEMENTS:
            elements.append((first, end))
        elif depth == _MEMBER:
            members += 1
            if members > MOST_ELEMENTS:
                raise _Crowded(start)
            divided = name in _ORDER and body.startswith(b"[", first)
            if divided and len(elements) <= MOST_ELEMENTS:
                yield from (Unit(*one, (name, index)) for index, one in enumerate(elements))
            else:
                yield Unit(first, end, (name,))
            elements = []
        elif depth == 0 and not members:
            yield Unit(first, len(body), (0,))


def _values(body: bytes, start: int) -> Iterator[tuple[int, str | int, int, int]]:
    """Yield the depth, name and span of each value as it ends, down to members' elements."""
    begun = [0] * (_ELEMENT + 1)  # where those being read start
    for kind, first, end, inner in visit(body, start=start):
        frame = inner.outer if kind == "close" and inner.outer is not None else inner
        if frame.depth > _ELEMENT or kind == "key":
            continue
        if kind == "open":
            begun[frame.depth] = first
        elif kind == "strings":
            for index, span in enumerate(each_span(body, first, end), frame.index):
                yield frame.depth, index, span[0] - 1, span[1] + 1
        else:
            begin = begun[frame.depth] if kind == "close" else first
            yield frame.depth, frame.member_name(), begin, end
