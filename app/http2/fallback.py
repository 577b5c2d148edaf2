"""HTTP/1.1 for origins that speak nothing better: httpx's own transport."""

import asyncio
import ssl
from typing import Any

import httpx

from app.network.dial import SOCKET_OPTIONS
from app.network.proxies import address

_FRAMING = {b"content-length", b"transfer-encoding"}


class Http1:
    """Stock HTTP/1.1 transports, one per proxy. State: ``_transports`` by the proxy's URL.

    ``concurrency`` is the number of requests at a time, each on a connection of its own.
    """

    def __init__(self, context: ssl.SSLContext, *, concurrency: int, keepalive: int) -> None:
        self._context = context
        self._limits = httpx.Limits(
            max_connections=concurrency, max_keepalive_connections=keepalive
        )
        self._transports: dict[str | None, httpx.AsyncHTTPTransport] = {}

    async def send(self, request: httpx.Request, proxy: httpx.Proxy | None) -> httpx.Response:
        """Send a request with the framing HTTP/1.1 needs; raises httpx's errors."""
        wait = SlotWait()
        prepared = _prepared(request)
        prepared.extensions["trace"] = wait.trace
        try:
            response = await self._transport(proxy).handle_async_request(prepared)
        except httpx.ConnectError as exc:
            if proxy is None:
                raise
            raise httpx.ProxyError(f"no connection by way of {address(proxy)}: {exc}") from exc
        response.extensions |= {
            "stream_id": None,
            "reused": None,
            "slot_wait": wait.seconds,
            "connect_time": None,
        }
        return response

    async def aclose(self) -> None:
        """Close every connection."""
        for transport in self._transports.values():
            await transport.aclose()

    def _transport(self, proxy: httpx.Proxy | None) -> httpx.AsyncHTTPTransport:
        key = None if proxy is None else str(proxy.url)
        if key not in self._transports:
            self._transports[key] = httpx.AsyncHTTPTransport(
                verify=self._context,
                http1=True,
                http2=False,
                limits=self._limits,
                proxy=proxy,
                socket_options=SOCKET_OPTIONS,
            )
        return self._transports[key]


class SlotWait:
    """How long a request waited for a connection to be free for it, in seconds.

    httpcore tells of each step of a request; the first one, connecting or sending, is taken only
    with a connection assigned. State: ``seconds``, None before that.
    """

    def __init__(self) -> None:
        self.seconds: float | None = None
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()

    async def trace(self, _: str, __: dict[str, Any]) -> None:
        """Take note of the first step."""
        if self.seconds is None:
            self.seconds = self._clock() - self._began


class _Exact(httpx.URL):
    """A URL whose target is sent byte for byte.

    httpcore would send the ``target`` extension to a proxy as well, as the target of CONNECT.
    """

    def __init__(self, url: httpx.URL, target: bytes) -> None:
        super().__init__(url)
        self._target = target

    @property
    def raw_path(self) -> bytes:
        return self._target


def _prepared(request: httpx.Request) -> httpx.Request:
    """Announce chunks where there is a body and no length (RFC 9112 §6.1)."""
    headers = list(request.headers.raw)
    empty = isinstance(request.stream, httpx.ByteStream) and not b"".join(request.stream)
    if not empty and not _FRAMING & {name.lower() for name, _ in headers}:
        headers.append((b"transfer-encoding", b"chunked"))
    extensions = dict(request.extensions)
    target = extensions.pop("target", None) or request.url.raw_path
    prepared = httpx.Request(
        "POST", request.url, headers=headers, stream=request.stream, extensions=extensions
    )
    prepared.method = request.method  # the constructor would upper-case it
    prepared.url = _Exact(request.url, target)
    return prepared
