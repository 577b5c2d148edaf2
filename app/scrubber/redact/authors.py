"""Who wrote what in a request: the model, or others.

The model never saw a value, so it wrote placeholders. Its earlier words are its own, and so are its
thoughts, which the client sends back unchanged. All else is foreign: messages of others, and
results that upstream put into the model's own.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from ..json.spans import Span
from ..json.tokenizer import NotJson
from ..json.visitor import Frame, State, visit

Author = Literal["model", "other"]

LONGEST_ANSWER = 512 * 1024  # bytes of a message that a model may have written
# Blocks of an assistant's message that are the model's own words, and their members that are.
_OWN = {
    b"text": b"text",
    b"tool_use": b"input",
    b"server_tool_use": b"input",
    b"mcp_tool_use": b"input",
    b"compaction": b"content",
}
_THOUGHTS = frozenset((b"thinking", b"redacted_thinking"))
_MESSAGE, _CONTENT, _BLOCK = 1, 2, 3  # depths


class _Message(msgspec.Struct):
    role: str = ""


_ROLE = msgspec.json.Decoder(_Message)


def author(unit: bytes) -> Author:
    """Return who wrote a message."""
    if len(unit) > LONGEST_ANSWER:
        return "other"
    try:
        return "model" if _ROLE.decode(unit).role == "assistant" else "other"
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "other"


class Writer:
    """Who wrote a unit that stands in ``state``: read off it when that is asked for first."""

    __slots__ = ("_author", "_unit")

    def __init__(self, unit: bytes, state: State) -> None:
        self._unit = unit
        self._author: Author | None = None if state == "api" else "other"

    @property
    def author(self) -> Author:
        """Who it was."""
        if self._author is None:
            self._author = author(self._unit)
        return self._author


def foreign_spans(message: bytes) -> list[Span]:
    """Return where in a message of the model foreign words stand, in order."""
    try:
        return list(_foreign(message))
    except (NotJson, _Repeated):
        return [Span(0, len(message))]


class _Repeated(Exception):
    """A name is repeated, which could hide a text."""


def _foreign(message: bytes) -> Iterator[Span]:
    names: dict[Frame, set[bytes]] = {}  # of the message and the block being read
    member: bytes | None = None  # of the block
    held: list[tuple[bytes | None, Span]] = []  # strings in it, by the member
    for kind, start, end, frame in visit(message):
        if kind == "key" and frame.depth in (_MESSAGE, _BLOCK) and frame.name is not None:
            if frame.name in names.setdefault(frame, set()):
                raise _Repeated
            names[frame].add(frame.name)
            member = frame.name
        if kind == "close" and frame.depth == _BLOCK:
            yield from _not_own(frame, held)
            names.pop(frame, None)
            held, member = [], None
        elif kind in ("key", "string", "strings") and frame.depth > _CONTENT:
            held.append((member, Span(start, end)))
        elif kind in ("key", "string", "strings") and frame.depth == _CONTENT:
            yield Span(start, end)  # no block at all


def _not_own(block: Frame, held: list[tuple[bytes | None, Span]]) -> Iterator[Span]:
    kind = block.types[0] if len(block.types) == 1 else b""
    if kind in _THOUGHTS:
        return
    own = _OWN.get(kind)
    for member, span in held:
        if member is None or member != own:
            yield span
