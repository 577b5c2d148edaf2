"""Making a connection: DNS, TCP, perhaps CONNECT, TLS and ALPN (RFC 9113 §3.2, RFC 7301)."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Literal, Protocol, TypeVar

import httpx

from ..tls import DirectTls
from ..wire.origin import Origin
from .abort import abort
from .dial import Resolver, dial
from .proxies import address, credentials, proxy_port
from .words import words

SHUTDOWN = 1.0  # seconds for the peer's close_notify; the loop's 30 would keep dead sockets
ANSWER_LIMIT = 16 * 1024  # bytes of a proxy's answer to CONNECT

Spoken = Literal["h2", "http/1.1"]


class Connecting(Protocol):
    """A connection, as whoever makes it sees it: an `asyncio.Protocol` of either HTTP version."""

    draining: bool  # whether it may carry no request any more

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket; nothing is written before it is used."""


C = TypeVar("C", bound=Connecting)


class OtherProtocol(httpx.ConnectError):
    """The peer chose the other version of HTTP by ALPN; nothing was sent to it."""


def offer(context: ssl.SSLContext, *, http2: bool) -> None:
    """Let a context offer what the transport speaks; the same for all of its connections."""
    context.sslobject_class = DirectTls
    context.set_alpn_protocols(["h2", "http/1.1"] if http2 else ["http/1.1"])


async def connect(
    origin: Origin,
    proxy: httpx.Proxy | None,
    context: ssl.SSLContext,
    make: Callable[[], C],
    resolver: Resolver,
    *,
    spoken: Spoken,
) -> C:
    """Return a connection that speaks ``spoken`` and has written nothing yet.

    Raises `OtherProtocol`, `httpx.ProxyError`, or `httpx.ConnectError` with the text of the system
    or of OpenSSL: a certificate that fails its check ends it before a byte of HTTP is sent.
    """
    try:
        transport, connection = await _route(origin, proxy, context, make, resolver)
    except httpx.TransportError:
        raise
    except Exception as exc:  # any failure here: nothing was sent
        raise httpx.ConnectError(words(exc)) from exc
    if _negotiated(transport) != spoken:
        abort(transport)
        raise OtherProtocol(f"{origin.authority} does not speak {spoken}")
    if connection.draining:
        raise httpx.ConnectError("the peer closed the connection at once")
    return connection


def _negotiated(transport: asyncio.Transport) -> str:
    """Return what ALPN decided; a peer without it speaks HTTP/1.1 (RFC 7301 §3.1)."""
    tls = transport.get_extra_info("ssl_object")
    return (None if tls is None else tls.selected_alpn_protocol()) or "http/1.1"


async def _route(
    origin: Origin,
    proxy: httpx.Proxy | None,
    context: ssl.SSLContext,
    make: Callable[[], C],
    resolver: Resolver,
) -> tuple[asyncio.Transport, C]:
    """Connect directly, through a tunnel, or to the proxy itself (RFC 9112 §3.2.2, §3.2.3)."""
    secure = origin.scheme == "https"
    if proxy is None:
        return await _direct(origin, context if secure else None, make, resolver)
    if secure:
        return await _tunnelled(origin, proxy, context, make, resolver)
    return await _reach(proxy, make, resolver)


async def _direct(
    origin: Origin,
    context: ssl.SSLContext | None,
    make: Callable[[], C],
    resolver: Resolver,
) -> tuple[asyncio.Transport, C]:
    dialled = await dial(origin.host, origin.port, resolver)
    return await _wrapped(dialled, make, context, origin.host)


async def _wrapped(
    dialled: socket.socket,
    make: Callable[[], Any],
    context: ssl.SSLContext | None,
    host: str,
) -> tuple[asyncio.Transport, Any]:
    """Give a socket to the loop, with TLS if there is a context."""
    secure = context is not None
    try:
        return await asyncio.get_running_loop().create_connection(
            make,
            sock=dialled,
            ssl=context,
            server_hostname=host if secure else None,
            ssl_shutdown_timeout=SHUTDOWN if secure else None,
        )
    except BaseException:
        # Not closed here: the loop's transport may still own the descriptor, and the next socket
        # would get it. The end that this makes is what the transport closes it for.
        with suppress(OSError):
            dialled.shutdown(socket.SHUT_RDWR)
        raise


async def _tunnelled(
    origin: Origin,
    proxy: httpx.Proxy,
    context: ssl.SSLContext,
    make: Callable[[], C],
    resolver: Resolver,
) -> tuple[asyncio.Transport, C]:
    raw, _ = await open_tunnel(origin, proxy, resolver)
    try:
        connection = make()
        transport = await asyncio.get_running_loop().start_tls(
            raw,
            connection,  # type: ignore[arg-type] # an asyncio.Protocol, see `Connecting`
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


async def open_tunnel(
    origin: Origin, proxy: httpx.Proxy, resolver: Resolver
) -> tuple[asyncio.Transport, bytes]:
    """Return a transport to an origin, through a proxy, and what has come from there already.

    Raises `httpx.ProxyError`.
    """
    raw, tunnel = await _reach(proxy, _Tunnel, resolver)
    try:
        raw.write(_connect_request(origin, proxy))
        await tunnel.established()
    except BaseException:
        raw.abort()
        raise
    return raw, tunnel.first


async def _reach(
    proxy: httpx.Proxy, make: Callable[[], Any], resolver: Resolver
) -> tuple[asyncio.Transport, Any]:
    """Connect to a proxy; a failure names it, without the credentials of its URL."""
    secure = proxy.url.scheme == "https"
    context = (proxy.ssl_context or ssl.create_default_context()) if secure else None
    host = proxy.url.host
    try:
        dialled = await dial(host, proxy_port(proxy), resolver)
        return await _wrapped(dialled, make, context, host)
    except OSError as exc:
        raise httpx.ProxyError(f"no connection to {address(proxy)}: {words(exc)}") from exc


def _connect_request(origin: Origin, proxy: httpx.Proxy) -> bytes:
    """Return a CONNECT request, with the credentials of the proxy's URL (RFC 9110 §9.3.6)."""
    authority = origin.authority.encode("ascii")
    lines = [b"CONNECT %b HTTP/1.1" % authority, b"Host: %b" % authority]
    if (basic := credentials(proxy)) is not None:
        lines.append(b"Proxy-Authorization: " + basic)
    return b"\r\n".join([*lines, b"", b""])


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

    @property
    def first(self) -> bytes:
        """The first bytes of the tunnel, behind the answer."""
        return self._answer.partition(b"\r\n\r\n")[2]

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
        self._fail("the proxy closed the connection" if exc is None else words(exc))

    def _fail(self, message: str) -> None:
        if not self._done.done():
            self._done.set_exception(httpx.ProxyError(message))
