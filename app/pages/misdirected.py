"""API requests on the pages' port: refused with the correct URL."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from .. import errors
from .guard import host_name
from .refusal import refusal

PREFIX = "/v1/"


class Misdirected:
    """ASGI middleware of the pages' port; ``port`` returns the proxy's port, once it listens."""

    def __init__(self, app: ASGIApp, *, port: Callable[[], int | None]) -> None:
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse an API request; pass everything else on."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._answer(Headers(scope=scope))(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _answer(self, headers: Headers) -> Response:
        name = host_name(headers.get("host", "")) or "localhost"
        host = f"[{name}]" if ":" in name else name
        message = (
            "This port serves the proxy's pages. Send API requests to "
            f"https://{host}:{self._port() or 8443} (ANTHROPIC_BASE_URL)."
        )
        return refusal(errors.Misdirected("misdirected", message))
