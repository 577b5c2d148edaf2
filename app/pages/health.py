"""Liveness and readiness for load balancers and containers; they need no token."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from .exact import Exact

PATHS = frozenset({"/health", "/ready"})


def routes(ready: Callable[[], bool]) -> list[Route]:
    """Return ``/health``, which always answers 200, and ``/ready``, 503 while draining."""

    async def health(_: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async def readiness(_: Request) -> JSONResponse:
        if ready():
            return JSONResponse({"status": "ready"})
        return JSONResponse({"status": "draining"}, status_code=503)

    return [Exact("/health", health), Exact("/ready", readiness)]
