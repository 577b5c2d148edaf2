"""Requests inside a tunnel that ends here: all of them are upstream's.

A tunnel to the API's host has none of the proxy's own pages in it, and whoever opened it has shown
the access token already.
"""

from contextlib import suppress

from starlette.types import ASGIApp, Receive, Scope, Send

from ..errors import ResponseCut
from ..wire.headers import TOKEN_HEADER


class Intercepted:
    """The ASGI application of intercepted connections; ``token`` is the access token, if any."""

    def __init__(self, proxy: ASGIApp, token: str | None) -> None:
        self._proxy = proxy
        self._shown = [] if token is None else [(TOKEN_HEADER, token.encode())]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Forward a request."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
            return
        if self._shown:
            scope["headers"] = [*self._shown, *scope["headers"]]
        with suppress(ResponseCut):  # reset, or its connection closed, by the server
            await self._proxy(scope, receive, send)
