"""Which strings of a request are scanned: all of them, but for a list.

A block type or member nobody has heard of is scanned. What is skipped is what the API itself
reads, and what a client has to send back unchanged.
"""

import re
from typing import Any, NamedTuple

from app.scrubber.scan import Span
from app.scrubber.walk import events

# Values under these names, wherever they stand.
_SKIPPED = frozenset(
    b"model role type stop_sequences temperature top_p max_tokens top_k stream metadata "
    b"input_schema".split()
)
# Likewise, but not in a tool's input, where a name may mean anything (`aws_access_key_id`).
_PROTOCOL = re.compile(
    rb"thinking|redacted_thinking|signature|encrypted_\w+|id|\w*_id|cache_control|"
    rb"authorization_token"
)
_IN_TOOLS = frozenset((b"name", b"description"))
_OPAQUE = frozenset((b"base64", b"redacted_thinking"))  # types whose `data` is no text
_BLOCK_DEPTH = 2  # a content block is an element of a member of its message

# (path of the parent, name or index); the outermost is (None, 0), the unit itself.
Path = tuple[Any, str | int] | None


class Text(NamedTuple):
    """The inside of a string, between its quotes. ``block`` grows from block to block."""

    span: Span
    block: int
    path: Path


class _Frame:
    """An open object or array, and how its strings are taken."""

    __slots__ = ("data", "free", "index", "kinds", "name", "path", "skipped", "tools")

    def __init__(self, path: Path, *, skipped: bool, free: bool, tools: bool) -> None:
        self.path = path
        self.skipped = skipped  # nothing in here is scanned
        self.free = free  # in a tool's input
        self.tools = tools  # in tool definitions
        self.name: bytes | None = None  # of the member being read, in an object
        self.index = -1  # of the element being read, in an array
        self.kinds: list[bytes] = []  # every `type` member: a repeated one must not hide text
        self.data: list[int] = []  # where the `data` strings went

    def skips(self) -> bool:
        """Whether the member being read is skipped."""
        name = self.name
        return self.skipped or (
            name is not None
            and (
                name in _SKIPPED
                or (self.tools and name in _IN_TOOLS)
                or (not self.free and _PROTOCOL.fullmatch(name) is not None)
            )
        )

    def inner(self) -> "_Frame":
        """Return the frame of the member being read."""
        return _Frame(
            self.member(),
            skipped=self.skips(),
            free=self.free or self.name == b"input",
            tools=self.tools or (self.name == b"tools" and not self.free),
        )

    def member(self) -> Path:
        """Return the path of the member being read."""
        name = self.index if self.name is None else self.name.decode("utf-8", "replace")
        return (self.path, name)


def skipped_member(name: str) -> bool:
    """Whether a member of the request itself is skipped."""
    frame = _Frame(None, skipped=False, free=False, tools=False)
    frame.name = name.encode("utf-8", "replace")
    return frame.skips()


def strings(text: bytes, *, tools: bool = False) -> list[Text]:
    """Return the strings of a unit that are scanned, in order; ``tools``: it is a definition."""
    frame = _Frame(None, skipped=False, free=False, tools=tools)
    outer: list[_Frame] = []
    taken: list[Text | None] = []
    block = 0
    for kind, _, start, end in events(text):
        if kind == "close":
            _drop_opaque(frame, taken)
            frame = outer.pop()
            continue
        if kind == "key":
            frame.name = text[start + 1 : end - 1]
            if not frame.skipped:
                taken.append(Text(Span(start + 1, end - 1), block, frame.path))
            continue
        if frame.name is None:
            frame.index += 1
        block += len(outer) == _BLOCK_DEPTH
        if kind == "open":
            outer.append(frame)
            frame = frame.inner()
        elif kind == "string":
            _take(frame, Text(Span(start + 1, end - 1), block, frame.member()), text, taken)
    return [one for one in taken if one is not None]


def _take(frame: _Frame, one: Text, text: bytes, taken: list[Text | None]) -> None:
    if frame.name == b"type":
        frame.kinds.append(text[slice(*one.span)])
    if frame.skips():
        return
    if frame.name == b"data":
        frame.data.append(len(taken))
    taken.append(one)


def _drop_opaque(frame: _Frame, taken: list[Text | None]) -> None:
    if frame.data and frame.kinds and _OPAQUE.issuperset(frame.kinds):
        for index in frame.data:
            taken[index] = None
