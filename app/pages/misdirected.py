"""API requests and tunnels on the pages' port: refused with what is correct."""

from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from .. import errors
from .guard import host_name
from .refusal import refusal

PREFIX = "/v1/"
TUNNEL = (
    "This port serves the proxy's pages and is no forward proxy: let HTTPS_PROXY name the port of "
    "ANTHROPIC_PROXY_FORWARD_PORT, or set ANTHROPIC_BASE_URL instead."
)


class Misdirected:
    """ASGI middleware of the pages' port; ``port`` returns the proxy's port, once it listens."""

    def __init__(self, app: ASGIApp, *, port: Callable[[], int | None]) -> None:
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse an API request or a tunnel; pass everything else on."""
        message = self._refused(scope) if scope["type"] == "http" else None
        if message is None:
            await self._app(scope, receive, send)
        else:
            await refusal(errors.Misdirected("misdirected", message))(scope, receive, send)

    def _refused(self, scope: Scope) -> str | None:
        if scope["method"] == "CONNECT":
            return TUNNEL
        return self._to_api(Headers(scope=scope)) if scope["path"].startswith(PREFIX) else None

    def _to_api(self, headers: Headers) -> str:
        name = host_name(headers.get("host", "")) or "localhost"
        host = f"[{name}]" if ":" in name else name
        return (
            "This port serves the proxy's pages. Send API requests to "
            f"https://{host}:{self._port() or 8443} (ANTHROPIC_BASE_URL)."
        )
