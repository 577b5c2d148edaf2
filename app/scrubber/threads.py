"""Message threads: a request that leaves out what it said before (beta message-threads).

Its placeholders could stand for values that this request does not hold, so it cannot be scrubbed.
"""

import json
from typing import Any

from app.scrubber.automaton import compiled

_NAME = b'"thread"'
_ESCAPED = compiled("".join(rf"(?:{c}|\\u00{ord(c):x})" for c in "thread") + '"')


def is_threaded(body: bytes) -> bool:
    """Return True if a request body, or a request of a batch, has the member ``thread``."""
    if _NAME not in body and not (b"\\u00" in body and _ESCAPED.search(body)):
        return False
    try:
        root = json.loads(body, object_pairs_hook=_first)
    except (ValueError, RecursionError):
        return False
    if not isinstance(root, dict):
        return False
    batch = root.get("requests")
    requests = batch if isinstance(batch, list) else []
    params = [one.get("params") for one in requests if isinstance(one, dict)]
    return any(isinstance(one, dict) and one.get("thread") is not None for one in [root, *params])


def _first(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object whose repeated names keep what is not null."""
    made: dict[str, Any] = {}
    for name, one in pairs:
        if made.get(name) is None:
            made[name] = one
    return made
