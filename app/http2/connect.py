"""Making a connection: DNS, TCP, perhaps CONNECT, TLS and ALPN (RFC 9113 §3.2)."""

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable
from typing import TypeVar

import httpx

from app.http2.connection import Connection
from app.http2.dial import Resolver, dial
from app.http2.proxies import Origin, address, proxy_port

SHUTDOWN = 1.0  # seconds for the peer's close_notify; the loop's 30 would keep dead sockets
P = TypeVar("P", bound=asyncio.BaseProtocol)

ANSWER_LIMIT = 16 * 1024  # bytes of a proxy's answer to CONNECT


class NotHttp2(httpx.ConnectError):
    """The peer speaks HTTP/1.1 (ALPN, RFC 7301); nothing was sent to it."""


async def connect(
    origin: Origin,
    proxy: httpx.Proxy | None,
    context: ssl.SSLContext,
    make: Callable[[], Connection],
    resolver: Resolver,
) -> Connection:
    """Return a connection that has not written its preface yet.

    Raises `NotHttp2`, `httpx.ProxyError`, or `httpx.ConnectError` with the text of the system
    or of OpenSSL: a certificate that fails its check ends it before a byte of HTTP is sent.
    """
    # On every connect, since httpcore sets its own on the context that both share.
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        transport, connection = await (
            _direct(origin, context, make, resolver)
            if proxy is None
            else _tunnelled(origin, proxy, context, make, resolver)
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
    origin: Origin,
    context: ssl.SSLContext,
    make: Callable[[], Connection],
    resolver: Resolver,
) -> tuple[asyncio.Transport, Connection]:
    dialled = await dial(origin.host, origin.port, resolver)
    return await _wrapped(dialled, make, context, origin.host)


async def _wrapped(
    dialled: socket.socket,
    make: Callable[[], P],
    context: ssl.SSLContext | None,
    host: str,
) -> tuple[asyncio.Transport, P]:
    """Give a socket to the loop, with TLS if there is a context."""
    secure = context is not None
    try:
        made: tuple[asyncio.Transport, P] = await asyncio.get_running_loop().create_connection(
            make,
            sock=dialled,
            ssl=context,
            server_hostname=host if secure else None,
            ssl_shutdown_timeout=SHUTDOWN if secure else None,
        )
    except BaseException:
        dialled.close()
        raise
    return made


async def _tunnelled(
    origin: Origin,
    proxy: httpx.Proxy,
    context: ssl.SSLContext,
    make: Callable[[], Connection],
    resolver: Resolver,
) -> tuple[asyncio.Transport, Connection]:
    loop = asyncio.get_running_loop()
    raw, tunnel = await _reach(proxy, resolver)
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


async def _reach(proxy: httpx.Proxy, resolver: Resolver) -> "tuple[asyncio.Transport, _Tunnel]":
    """Connect to a proxy; a failure names it, without the credentials of its URL."""
    secure = proxy.url.scheme == "https"
    context = (proxy.ssl_context or ssl.create_default_context()) if secure else None
    host = proxy.url.host
    try:
        dialled = await dial(host, proxy_port(proxy), resolver)
        return await _wrapped(dialled, _Tunnel, context, host)
    except OSError as exc:
        raise httpx.ProxyError(f"no connection to {address(proxy)}: {exc}") from exc


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
