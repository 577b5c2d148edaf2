"""Which part of the API a request is for: a closed set, fit for a metric label."""

import re

_PATHS = {
    "messages": r"/v1/messages",
    "count_tokens": r"/v1/messages/count_tokens",
    "batches": r"/v1/messages/batches(?:/.*)?",
    "files": r"/v1/files(?:/.*)?",
    "models": r"/v1/models(?:/.*)?",
    "hello": r"/api/hello",
    "event_logging": r"/api/event_logging(?:/.*)?",
}
_PATH = re.compile("|".join(f"(?P<{name}>{path})" for name, path in _PATHS.items()).encode())

OTHER = "other"
ROUTES = (*_PATHS, OTHER)


def route(method: str, target: bytes) -> str:
    """Return which of `ROUTES` a request is for; the query does not count (``?beta=true``).

    Only ``HEAD`` makes ``/`` a greeting: Claude Code asks so whether a gateway is there.
    """
    path = target.partition(b"?")[0]
    if path == b"/" and method == "HEAD":
        return "hello"
    match = _PATH.fullmatch(path)
    return (match.lastgroup if match else None) or OTHER


def is_billed(method: str, route: str) -> bool:
    """Return True if a successful answer is billed by the usage that it announces."""
    return method == "POST" and route == "messages"
