"""The composition root: every part is made here and handed what it needs, in a request's order."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import ResponseCut
from app.exchange import Exchange, Progress
from app.http2 import Transport
from app.pages import health
from app.pages.guard import Guard
from app.proxy.admission import Admission
from app.proxy.pipeline import Proxy
from app.proxy.upstream import Upstream
from app.settings import Settings


class Application:
    """The ASGI application of the main port; ``dashboard`` is that of the plain one.

    The proxy's own paths, matched exactly, are pages; everything else goes to upstream.
    """

    def __init__(
        self, proxy: ASGIApp, pages: Starlette, *, admission: Admission, stop: Callable[[], None]
    ) -> None:
        self.admission = admission
        self.dashboard: ASGIApp = pages
        self.stop = stop
        self._proxy = proxy
        self._pages = pages
        self._own = frozenset(
            route.path.encode() for route in pages.routes if isinstance(route, Route)
        ) - {b"/"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or the lifespan."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
        elif scope["type"] == "lifespan" or scope["raw_path"] in self._own:
            await self._pages(scope, receive, send)
        else:
            await _visibly_cut(self._proxy, scope, receive, send)


async def _visibly_cut(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    try:
        await app(scope, receive, send)
    except ResponseCut:
        pass  # a response left unfinished is reset, or its connection closed, by the server
