"""Which part of the API a request is for: a closed set, fit for a metric label."""

import re

# The first that matches the path wins. Claude Code greets a gateway with HEAD on / or /api/hello.
_PATHS: tuple[tuple[str, str, re.Pattern[bytes]], ...] = tuple(
    (route, method, re.compile(pattern))
    for route, method, pattern in (
        ("messages", "", rb"/v1/messages"),
        ("count_tokens", "", rb"/v1/messages/count_tokens"),
        ("batches", "", rb"/v1/messages/batches(/.*)?"),
        ("files", "", rb"/v1/files(/.*)?"),
        ("models", "", rb"/v1/models(/.*)?"),
        ("hello", "", rb"/api/hello"),
        ("hello", "HEAD", rb"/"),
        ("event_logging", "", rb"/api/event_logging(/.*)?"),
    )
)
OTHER = "other"
ROUTES: tuple[str, ...] = (*dict.fromkeys(route for route, _, _ in _PATHS), OTHER)


def route(method: str, target: bytes) -> str:
    """Return the route of a request target; the query does not count (``?beta=true``)."""
    path = target.partition(b"?")[0]
    for name, only, pattern in _PATHS:
        if only in ("", method) and pattern.fullmatch(path):
            return name
    return OTHER
