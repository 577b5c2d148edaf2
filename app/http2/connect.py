"""Making a connection: DNS, TCP, perhaps CONNECT, TLS and ALPN (RFC 9113 §3.2)."""

import asyncio
import base64
import ipaddress
import ssl
from collections.abc import Callable
from typing import Any

import httpx

from app.http2.connection import Connection
from app.http2.proxies import Origin

HAPPY_EYEBALLS = 0.25  # seconds before the other address family is tried too (RFC 8305 §5)
SHUTDOWN = 1.0  # seconds for the peer's close_notify; the loop's 30 would keep dead sockets
ANSWER_LIMIT = 16 * 1024  # bytes of a proxy's answer to CONNECT


class NotHttp2(httpx.ConnectError):
    """The peer speaks HTTP/1.1 (ALPN, RFC 7301); nothing was sent to it."""


async def connect(
    origin: Origin,
    proxy: httpx.Proxy | None,
    context: ssl.SSLContext,
    make: Callable[[], Connection],
) -> Connection:
    """Return a connection that has not written its preface yet.

    Raises `NotHttp2`, `httpx.ProxyError`, or `httpx.ConnectError` with the text of the system
    or of OpenSSL: a certificate that fails its check ends it before a byte of HTTP is sent.
    """
    # On every connect, since httpcore sets its own on the context that both share.
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        transport, connection = await (
            _direct(origin, context, make)
            if proxy is None
            else _tunnelled(origin, proxy, context, make)
        )
    except httpx.TransportError:
        raise
    except Exception as exc:  # whatever fails here, nothing was sent
        raise httpx.ConnectError(str(exc) or type(exc).__name__) from exc
    if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
        transport.abort()
        raise NotHttp2(f"{origin.authority} does not speak HTTP/2")
    if connection.draining:
        raise httpx.ConnectError("the peer closed the connection at once")
    return connection


async def _direct(
    origin: Origin, context: ssl.SSLContext, make: Callable[[], Connection]
) -> tuple[asyncio.Transport, Connection]:
    loop = asyncio.get_running_loop()
    options: dict[str, Any] = {"ssl": context, "ssl_shutdown_timeout": SHUTDOWN}
    # uvloop has no such option; an address needs no race, and one that is cancelled may leave
    # its socket open (asyncio before 3.13).
    if isinstance(loop, asyncio.BaseEventLoop) and not _is_address(origin.host):
        options["happy_eyeballs_delay"] = HAPPY_EYEBALLS
    made: tuple[asyncio.Transport, Connection] = await loop.create_connection(
        make, origin.host, origin.port, **options
    )
    return made


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


async def _tunnelled(
    origin: Origin, proxy: httpx.Proxy, context: ssl.SSLContext, make: Callable[[], Connection]
) -> tuple[asyncio.Transport, Connection]:
    loop = asyncio.get_running_loop()
    secure = proxy.url.scheme == "https"
    raw, tunnel = await loop.create_connection(
        _Tunnel,
        proxy.url.host,
        proxy.url.port or (443 if secure else 80),
        ssl=(proxy.ssl_context or ssl.create_default_context()) if secure else None,
    )
    try:
        raw.write(_connect_request(origin, proxy))
        await tunnel.established()
        connection = make()
        transport = await loop.start_tls(
            raw,
            connection,
            context,
            server_hostname=origin.host,
            ssl_shutdown_timeout=SHUTDOWN,
        )
    except BaseException:
        raw.abort()
        raise
    if transport is None:
        raise httpx.ProxyError("the proxy closed the connection")
    connection.connection_made(transport)
    return transport, connection


def _connect_request(origin: Origin, proxy: httpx.Proxy) -> bytes:
    """Return a CONNECT request, with the credentials of the proxy's URL (RFC 9110 §9.3.6)."""
    lines = [f"CONNECT {origin.authority} HTTP/1.1", f"Host: {origin.authority}"]
    if proxy.raw_auth is not None:
        credentials = base64.b64encode(b":".join(proxy.raw_auth)).decode("ascii")
        lines.append(f"Proxy-Authorization: Basic {credentials}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


class _Tunnel(asyncio.Protocol):
    """Reads the proxy's answer. State: ``_answer`` so far, ``_done`` resolves to its status."""

    def __init__(self) -> None:
        self._answer = b""
        self._done: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def established(self) -> None:
        """Wait for a 2xx; raises `httpx.ProxyError` with the proxy's words otherwise."""
        status = await self._done
        if not status.startswith("2"):
            raise httpx.ProxyError(status)

    def data_received(self, data: bytes) -> None:
        self._answer += data
        if b"\r\n\r\n" in self._answer and not self._done.done():
            line = self._answer.split(b"\r\n", 1)[0].decode("latin-1")
            self._done.set_result(line.partition(" ")[2])
        elif len(self._answer) > ANSWER_LIMIT:
            self._fail("the proxy's answer is too long")

    def eof_received(self) -> None:
        self._fail("the proxy closed the connection")

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail("the proxy closed the connection" if exc is None else str(exc))

    def _fail(self, message: str) -> None:
        if not self._done.done():
            self._done.set_exception(httpx.ProxyError(message))
