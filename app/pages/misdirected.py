"""API requests on the pages' port: a first-minute mistake, answered with the right URL."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..anthropic.errors import envelope
from ..wire.headers import ERROR_HEADER
from .guard import host_name

PREFIX = "/v1/"
STATUS = 421  # Misdirected Request (RFC 9110 §15.5.20)


class Misdirected:
    """ASGI middleware of the pages' port; ``port`` tells the proxy's, once it listens."""

    def __init__(self, app: ASGIApp, *, port: Callable[[], int | None]) -> None:
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer an API request; let everything else through."""
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
        return Response(
            envelope("invalid_request_error", message),
            status_code=STATUS,
            headers={ERROR_HEADER.decode(): "misdirected"},
            media_type="application/json",
        )
