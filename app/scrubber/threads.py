"""Message threads: a request that leaves out what it said before (beta message-threads).

Its placeholders could stand for values that this request does not hold, so it cannot be scrubbed.
"""

import json
from collections.abc import Iterable
from typing import Any

from .automaton import compiled
from .document import Unit

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
    try:
        requests = json.loads(text, object_pairs_hook=_first)
    except (ValueError, RecursionError):
        return False
    if not isinstance(requests, list):
        return False
    params = [one.get("params") for one in requests if isinstance(one, dict)]
    return any(isinstance(one, dict) and one.get("thread") is not None for one in params)


def _first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose repeated names keep what is not null."""
    made: dict[str, Any] = {}
    for name, one in pairs:
        if made.get(name) is None:
            made[name] = one
    return made
