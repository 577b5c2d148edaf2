"""Reads the members of a Messages request without building them: slices of its bytes.

Lists are read to a bounded length, so that an odd body does not cost seconds.
"""

import re
from itertools import takewhile

import msgspec

MOST_ELEMENTS = 4096
_SMALL = 64 * 1024  # bytes of a list that is read whatever it holds: a few milliseconds at most

_NULL = msgspec.Raw(b"null")
_NOTHING = msgspec.Raw()


class Unreadable(ValueError):
    """A body is not a Messages request that can be read."""


class Members(msgspec.Struct):
    """The members that matter to the cache, unparsed; null where absent."""

    model: str = ""
    messages: msgspec.Raw = _NULL
    system: msgspec.Raw = _NULL
    tools: msgspec.Raw = _NULL
    cache_control: msgspec.Raw = _NULL
    tool_choice: msgspec.Raw = _NULL
    thinking: msgspec.Raw = _NULL
    output_config: msgspec.Raw = _NULL
    speed: msgspec.Raw = _NULL
    context_management: msgspec.Raw = _NULL


class Message(msgspec.Struct):
    """The members of a message."""

    role: str = ""
    content: msgspec.Raw = _NULL
    output_config: msgspec.Raw = _NULL


class Tool(msgspec.Struct):
    """The members of a tool's definition."""

    name: str = ""


_TOOL_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}", re.ASCII)
_tool = msgspec.json.Decoder(Tool).decode
_members = msgspec.json.Decoder(Members).decode
_message = msgspec.json.Decoder(Message).decode
_list = msgspec.json.Decoder(list[msgspec.Raw]).decode
_long_list = msgspec.json.Decoder(
    msgspec.defstruct(
        "Elements",
        [(f"e{index}", msgspec.Raw, _NOTHING) for index in range(MOST_ELEMENTS)],
        array_like=True,
        forbid_unknown_fields=True,
    )
).decode


def given(raw: msgspec.Raw) -> bytes | None:
    """Return the bytes of a member, None for null or an absent one."""
    return None if raw is _NULL or raw == _NULL else bytes(raw)


def read_members(body: bytes) -> Members:
    """Return the members of a body; raises `Unreadable`."""
    try:
        return _members(body)
    except (ValueError, RecursionError) as exc:
        raise Unreadable("the body is not a Messages request") from exc


def read_message(raw: bytes) -> Message:
    """Return the members of a message; raises `Unreadable`."""
    try:
        return _message(raw)
    except (ValueError, RecursionError) as exc:
        raise Unreadable("a message is not an object") from exc


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
        found = msgspec.structs.astuple(_long_list(raw))
    except (ValueError, RecursionError) as exc:
        raise Unreadable("not a list, or too long a one") from exc
    return list(map(bytes, takewhile(_exists, found)))


def _exists(raw: msgspec.Raw) -> bool:
    return raw is not _NOTHING
