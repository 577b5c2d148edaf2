"""Which strings of a request are scanned: all, except those of a list.

A block type or member nobody has heard of is scanned. Skipped are the members that the API itself
reads, and those that a client has to send back unchanged.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from .escapes import value
from .spans import Span
from .walk import events

# Values under these names, where they are the API's. In a tool's input a name may mean anything
# (`metadata`, `aws_access_key_id`): nothing is skipped there. Blocks inside of a block (a tool's
# result, a document's content) have a type, and none of the other names.
_SKIPPED = frozenset(
    b"model role type stop_sequences temperature top_p max_tokens top_k stream metadata "
    b"input_schema".split()
)
_SKIPPED_IN_RESULT = frozenset((b"type",))
_ECHOED = re.compile(rb"thinking|redacted_thinking|signature|encrypted_\w+")
_PROTOCOL = re.compile(rb"id|\w*_id|cache_control|authorization_token")
_IN_TOOLS = frozenset((b"name", b"description"))
_OPAQUE = frozenset((b"base64", b"redacted_thinking"))  # types whose `data` is no text
_IN_RESULT = 2  # contents around a block in a block
_BLOCK_DEPTH = 2  # a content block is an object in a member of its message

# (path of the parent, name or index); the outermost is (None, 0), the unit itself.
Path = tuple[Any, str | int] | None


class Text(NamedTuple):
    """The inside of a string, between its quotes. ``block`` grows from block to block."""

    span: Span
    block: int
    path: Path


# There may be millions: the quickest way to make one.
_SPAN = partial(tuple.__new__, Span)
_TEXT = partial(tuple.__new__, Text)


class Place(NamedTuple):
    """Where a member stands: in a tool's input, in tool definitions, in a block's content.

    ``contents`` counts the `content` members around it: a message's, then a block's.
    """

    in_input: bool = False
    in_tools: bool = False
    contents: int = 0

    def inside(self, name: bytes | None) -> "Place":
        """Return the place of what stands under ``name`` here."""
        contents = min(_IN_RESULT, self.contents + (name == b"content"))
        return Place(self.in_input or name == b"input", self.in_tools, contents)


ANYWHERE = Place()
Rule = Callable[[bytes, Place], bool]  # whether a member of that name is skipped there


def skipped_in_answer(name: bytes, place: Place) -> bool:
    """Skip what the client sends back and upstream checks."""
    return not place.in_input and _ECHOED.fullmatch(name) is not None


def skipped_in_request(name: bytes, place: Place) -> bool:
    """Skip that, and what is the API's own."""
    if place.in_input:
        return False
    return (
        name in (_SKIPPED_IN_RESULT if place.contents == _IN_RESULT else _SKIPPED)
        or (place.in_tools and name in _IN_TOOLS)
        or _PROTOCOL.fullmatch(name) is not None
        or skipped_in_answer(name, place)
    )


class _Frame:
    """An open object or array, and how its strings are taken."""

    __slots__ = ("data", "index", "kinds", "name", "path", "place", "skipped")

    def __init__(self, path: Path, place: Place, *, skipped: bool) -> None:
        self.path = path
        self.place = place
        self.skipped = skipped  # nothing in here is scanned
        self.name: bytes | None = None  # of the member being read, in an object
        self.index = -1  # of the element being read, in an array
        self.kinds: list[bytes] = []  # every `type` member: a repeated one must not hide text
        self.data: list[int] = []  # where the `data` strings went

    def skips(self, rule: Rule) -> bool:
        """Whether the member being read is skipped."""
        return self.skipped or (self.name is not None and rule(self.name, self.place))

    def inner(self, rule: Rule) -> "_Frame":
        """Return the frame of the member being read."""
        return _Frame(self.member(), self.place.inside(self.name), skipped=self.skips(rule))

    def member(self) -> Path:
        """Return the path of the member being read."""
        name = self.index if self.name is None else self.name.decode("utf-8", "replace")
        return (self.path, name)


def strings(text: bytes, rule: Rule = skipped_in_request, place: Place = ANYWHERE) -> list[Text]:
    """Return the strings of a JSON value that ``rule`` does not skip, in order.

    ``place`` is where the value stands. Raises `walk.NotJson`.
    """
    return list(each_string(text, rule, place))


def each_string(text: bytes, rule: Rule, place: Place) -> Iterator[Text]:  # noqa: C901 - one loop
    """Yield the same one by one: a large text may hold millions."""
    frame = _Frame(None, place, skipped=False)
    outer: list[_Frame] = []
    taken: list[Text | None] = []  # held back while it is open whether a `data` is text
    block = undecided = 0
    for kind, start, end in events(text):
        if kind == "close":
            for _ in range(start, end):
                undecided -= _drop_opaque(frame, taken)
                frame = outer.pop()
        elif kind == "key":
            frame.name = _unescaped(text[start + 1 : end - 1])
            if not frame.skipped:
                taken.append(Text(Span(start + 1, end - 1), block, frame.path))
        elif kind == "string" and frame.name is None and not taken and not frame.skipped:
            frame.index += 1
            yield _TEXT((_SPAN((start + 1, end - 1)), block, (frame.path, frame.index)))
            continue
        else:
            if frame.name is None:
                frame.index += 1
            if kind == "open":
                block += len(outer) == _BLOCK_DEPTH
                for _ in range(start, end):
                    outer.append(frame)
                    frame = frame.inner(rule)
            elif kind == "string":
                one = Text(Span(start + 1, end - 1), block, frame.member())
                undecided += _take(frame, one, text, taken, skipped=frame.skips(rule))
        if taken and not undecided:
            yield from filter(None, taken)
            taken.clear()
    yield from filter(None, taken)


def _take(
    frame: _Frame, one: Text, text: bytes, taken: list[Text | None], *, skipped: bool
) -> bool:
    """Take a string; return True if it is the first of its object that may be no text."""
    if frame.name == b"type":
        frame.kinds.append(text[slice(*one.span)])
    if skipped:
        return False
    first = frame.name == b"data" and not frame.data
    if frame.name == b"data":
        frame.data.append(len(taken))
    taken.append(one)
    return first


def _unescaped(name: bytes) -> bytes:
    return value(name).encode("utf-8", "surrogateescape") if b"\\" in name else name


def _drop_opaque(frame: _Frame, taken: list[Text | None]) -> bool:
    """Drop an object's data if it is no text; return True if that was undecided."""
    if frame.data and frame.kinds and not frame.place.in_input and _OPAQUE.issuperset(frame.kinds):
        for index in frame.data:
            taken[index] = None
    return bool(frame.data)
