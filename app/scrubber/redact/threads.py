"""Message threads: a request that leaves out what it said before (beta message-threads).

Its placeholders could stand for values that this request does not hold, so it cannot be scrubbed.
"""

from collections.abc import Iterable

from ..automaton import compiled
from ..json.document import Unit
from ..json.escapes import value
from ..json.walk import NotJson, events

_PARAMS = 3  # depth of the members of a request's `params` in a batch
_NAME = b'"thread"'
_ESCAPED = compiled("".join(rf"(?:{c}|\\u00{ord(c):x})" for c in "thread") + '"')


def is_threaded(body: bytes, members: Iterable[Unit]) -> bool:
    """Return True if a request body, or a request of a batch, has the member ``thread``."""
    return any(
        body[member.start : member.end] != b"null"
        if member.path[0] == "thread"
        else _in_batch(body[member.start : member.end])
        for member in members
        if member.path[0] in ("thread", "requests")
    )


def _in_batch(text: bytes) -> bool:
    if _NAME not in text and not (b"\\u00" in text and _ESCAPED.search(text)):
        return False
    depth, names = 0, [""] * _PARAMS
    found = False  # the value of such a member is next
    try:
        for kind, start, end in events(text):
            if found and text[start:end] != b"null":
                return True
            found = False
            if kind == "key" and depth <= _PARAMS:
                names[depth - 1] = value(text[start + 1 : end - 1])
                found = depth == _PARAMS and names[1:] == ["params", "thread"]
            depth += {"open": end - start, "close": start - end}.get(kind, 0)
    except NotJson:
        return False
    return False
