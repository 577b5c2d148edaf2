"""Claude Code's hints about a request, in header fields: never content, but chosen by the client.

``x-claude-code-*`` values are percent-encoded. Lists have the form ``Bash=99;Read=4``. What does
not look like the word, id or number it should be is left out, and everything is bounded.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

import msgspec

from ..wire.trace_context import TRACEPARENT, TraceContext, parse

# The names of fields that others read as well.
SESSION_ID = b"x-claude-code-session-id"
AGENT_ID = b"x-claude-code-agent-id"
REQUEST_CLASS = b"x-claude-code-request-class"
COMPACTION = b"x-claude-code-compaction"
CONTEXT_COMPACTED = b"x-claude-code-context-compacted"

VALUE_LIMIT = 4096  # bytes of one field
ENTRIES = 32  # of a list
LONGEST = 86_400_000  # milliseconds that a tool may have run: a day

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}", re.ASCII)
_TOOL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}", re.ASCII)
_MILLISECONDS = re.compile(r"\d{1,12}(?:\.\d{1,6})?", re.ASCII)


class Hints(msgspec.Struct, frozen=True):
    """Each field is None, or empty, when the client did not say it as it should.

    ``prev_tool_durations`` are names of tools and milliseconds; a name may come several times.
    """

    client_request_id: str | None = None
    trace: TraceContext | None = None
    request_class: str | None = None
    agent_type: str | None = None
    parent_agent_id: str | None = None
    prompt_id: str | None = None
    compaction: str | None = None
    context_compacted: str | None = None
    prev_tool_durations: tuple[tuple[str, int], ...] = ()

    @property
    def trace_id(self) -> str | None:
        """The id of the client's trace."""
        return None if self.trace is None else self.trace.trace_id


def read_hints(headers: Mapping[bytes, bytes]) -> Hints:
    """Read a request's fields (names in lower case)."""
    found: dict[str, Any] = {}
    for name, (field, read) in _FIELDS.items():
        value = headers.get(name)
        if value is not None and len(value) <= VALUE_LIMIT:
            found[field] = read(value.decode("latin-1").strip())
    return Hints(**found)


def _word(value: str) -> str | None:
    word = unquote(value)
    return word if WORD.fullmatch(word) else None


def _durations(value: str) -> tuple[tuple[str, int], ...]:
    pairs = (entry.partition("=") for entry in value.split(";")[:ENTRIES])
    read = ((unquote(name.strip()), taken.strip()) for name, _, taken in pairs)
    return tuple(
        (name, min(round(float(taken)), LONGEST))
        for name, taken in read
        if _TOOL.fullmatch(name) and _MILLISECONDS.fullmatch(taken)
    )


_FIELDS: Mapping[bytes, tuple[str, Callable[[str], Any]]] = {
    b"x-client-request-id": ("client_request_id", _word),
    TRACEPARENT: ("trace", parse),
    REQUEST_CLASS: ("request_class", _word),
    b"x-claude-code-agent-type": ("agent_type", _word),
    b"x-claude-code-parent-agent-id": ("parent_agent_id", _word),
    b"x-claude-code-prompt-id": ("prompt_id", _word),
    COMPACTION: ("compaction", _word),
    CONTEXT_COMPACTED: ("context_compacted", _word),
    b"x-claude-code-prev-tool-durations": ("prev_tool_durations", _durations),
}
