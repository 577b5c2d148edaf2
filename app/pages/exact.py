"""Routes to one path each, without the pattern that Starlette compiles for it in 0.4 ms."""

from collections.abc import Callable
from typing import Any

from starlette.routing import Route, get_name, request_response


class Exact(Route):
    """A `Route` for GET and HEAD to a path without parameters. No URL is made of its name."""

    def __init__(self, path: str, endpoint: Callable[..., Any]) -> None:
        self.path = path
        self.endpoint, self.name = endpoint, get_name(endpoint)
        self.app = request_response(endpoint)
        self.methods = {"GET", "HEAD"}
        self.path_regex: Any = _Whole(path)


class _Whole:
    """The pattern of one text, and its match."""

    def __init__(self, text: str) -> None:
        self._text = text

    def match(self, text: str) -> "_Whole | None":
        return self if text == self._text else None

    def groupdict(self) -> dict[str, str]:
        return {}
