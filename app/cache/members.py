"""Reads the members of a Messages request without building them: slices of its bytes.

Lists are read to a bounded length, so that an odd body does not cost seconds.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import msgspec

from ..anthropic.elements import elements_of, list_type, read_list

_SMALL = 64 * 1024  # bytes that are read whatever they hold: a few milliseconds at most

_NULL = msgspec.Raw(b"null")


class Unreadable(ValueError):
    """A body is not a Messages request that can be read."""


class Members(msgspec.Struct):
    """The members that matter to the cache except for the messages, unparsed; null where absent."""

    model: str = ""
    system: msgspec.Raw = _NULL
    tools: msgspec.Raw = _NULL
    cache_control: msgspec.Raw = _NULL
    tool_choice: msgspec.Raw = _NULL
    thinking: msgspec.Raw = _NULL
    output_config: msgspec.Raw = _NULL
    speed: msgspec.Raw = _NULL
    context_management: msgspec.Raw = _NULL


class _Small(Members, kw_only=True):
    messages: list[msgspec.Raw]


class Message(NamedTuple):
    """The members of a message: its content is a list of blocks, or of its only text."""

    role: str
    blocks: list[bytes]
    output_config: bytes | None


class _Message(msgspec.Struct):
    role: str = ""
    content: msgspec.Raw = _NULL
    output_config: msgspec.Raw = _NULL


class Tool(msgspec.Struct):
    """The members of a tool's definition."""

    name: str = ""


_USUAL = tuple((role, b'{"role":"%b","content":' % role.encode()) for role in ("user", "assistant"))
_TOOL_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
_tool = msgspec.json.Decoder(Tool).decode
_small = msgspec.json.Decoder(_Small).decode
_message = msgspec.json.Decoder(_Message).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode


def given(raw: msgspec.Raw) -> bytes | None:
    """Return the bytes of a member, None for null or an absent one."""
    return None if raw is _NULL or raw == _NULL else bytes(raw)


def read_members(body: bytes) -> tuple[Members, list[bytes]]:
    """Return the members of a body, and its messages; raises `Unreadable`.

    A small body is read in one go.
    """
    try:
        if len(body) <= _SMALL:
            small = _small(body)
            return small, list(map(bytes, small.messages))
        large = _large()(body)
        return large, list(map(bytes, elements_of(large.messages)))
    except (ValueError, RecursionError) as exc:
        raise Unreadable("the body is not a Messages request") from exc


@cache
def _large() -> Callable[[bytes], Any]:
    """Return what reads a body of any size, and the list of its messages in the same pass."""
    kind = msgspec.defstruct("Large", [("messages", list_type())], bases=(Members,), kw_only=True)
    return msgspec.json.Decoder(kind).decode


def read_message(raw: bytes) -> Message:
    """Return the members of a message; raises `Unreadable`."""
    usual = _usual(raw)
    if usual is not None:
        return usual
    try:
        message = _message(raw)
    except (ValueError, RecursionError) as exc:
        raise Unreadable("a message is not an object") from exc
    content = given(message.content) or b"[]"
    blocks = elements(content) if content.startswith(b"[") else [content]
    return Message(message.role, blocks, given(message.output_config))


def _usual(raw: bytes) -> Message | None:
    """Return a message as clients write it, with a role and content only; None for any other.

    It is valid JSON already. So its content is a text if the next quote is that at the end, and a
    list if it can be read as one.
    """
    for role, start in _USUAL:
        if raw.startswith(start):
            content = raw[len(start) : -1]
            if content.startswith(b'"'):
                whole = content.find(b'"', 1) == len(content) - 1
                return Message(role, [content], None) if whole else None
            try:
                return Message(role, elements(content), None)
            except Unreadable:
                return None
    return None


def read_tool_name(raw: bytes) -> str | None:
    """Return the name of a tool; None for one that could be anything else."""
    try:
        name = _tool(raw).name
    except (ValueError, RecursionError):
        return None
    return name if _TOOL_NAME.fullmatch(name) else None


def elements(raw: bytes) -> list[bytes]:
    """Return the elements of a list; raises `Unreadable` if it is none, or too long."""
    try:
        if len(raw) <= _SMALL:
            return list(map(bytes, _list(raw)))
        return list(map(bytes, read_list(raw)))
    except (ValueError, RecursionError) as exc:
        raise Unreadable("not a list, or too long a one") from exc
