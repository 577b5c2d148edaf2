"""Message threads: a request that leaves out what it said before (beta message-threads).

Its placeholders could stand for values that this request does not hold, so it cannot be scrubbed.
"""

from collections.abc import Iterable

from ..automaton import compiled
from ..json.document import Unit
from ..json.spans import cut, holds
from ..json.tokenizer import NotJson
from ..json.visitor import steps, visit

_PARAMS = 3  # depth of a request's `params` in a batch
_NAME = b'"thread"'
_ESCAPED = compiled("".join(rf"(?:{c}|\\u00{ord(c):x})" for c in "thread") + '"')


def is_threaded(body: bytes, members: Iterable[Unit]) -> bool:
    """Return True if a request body, or a request of a batch, has the member ``thread``."""
    return any(
        body[member.start : member.end] != b"null"
        if member.path[0] == "thread"
        else _in_batch(cut(body, member.start, member.end))
        for member in members
        if member.path[0] in ("thread", "requests")
    )


def _in_batch(text: bytes) -> bool:
    if not holds(text, _NAME) and not (holds(text, b"\\u00") and _ESCAPED.search(text)):
        return False
    try:
        return any(
            frame.depth == _PARAMS
            and frame.name == b"thread"
            and kind not in ("key", "close")
            and steps(frame.path)[-1] == "params"
            and text[start:end] != b"null"
            for kind, start, end, frame in visit(text)
        )
    except NotJson:
        return False
