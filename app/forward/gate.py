"""Reads the request for a tunnel from an accepted connection, decides and answers.

The head is taken from the socket to its last byte and no further: what follows it belongs to the
tunnel, and to TLS where the tunnel ends here.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from .. import errors
from ..anthropic.errors import answer
from ..errors import ProxyFailure
from ..network.bare import answer_and_end, readable
from ..proxy.admission import FAILED_TOKEN_DELAY
from .head import LIMIT, ConnectRequest, check_begun, end_of, parse, presents
from .policy import Policy
from .reach import Reach
from .target import Target
from .tunnel import Direction, Tunnel
from .tunnels import Tunnels

HEAD_TIMEOUT = 10.0  # seconds for a whole head
MOST_HEADS = 256  # that may be unfinished; past them, the oldest is refused if it is slow
SLOW = 3.0  # seconds: of many that come at once, none is
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class Observer(Protocol):
    """Observes the forward proxy, for the metrics."""

    def decided(self, result: str) -> None:
        """Count a request: ``intercepted``, ``tunnelled`` or the reason of its refusal."""

    def tunnel_opened(self) -> None:
        """Count a tunnel that is open."""

    def tunnel_closed(self) -> None:
        """Count the end of one."""

    def moved(self, direction: Direction, size: int) -> None:
        """Count bytes of a blind tunnel."""


class Heads:
    """The heads that are being read. State: when each began, by its time-out, in that order."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._reading: dict[asyncio.Timeout, float] = {}

    @contextmanager
    def reading(self, timeout: asyncio.Timeout) -> Iterator[None]:
        """Keep one while it is read; end the oldest if there are too many and it is slow."""
        now = asyncio.get_running_loop().time()
        if len(self._reading) >= self._limit:
            oldest, began = next(iter(self._reading.items()))
            if now - began >= SLOW:
                del self._reading[oldest]
                if not oldest.expired():
                    oldest.reschedule(now)
        self._reading[timeout] = now
        try:
            yield
        finally:
            self._reading.pop(timeout, None)


class Gate:
    """Decides about each connection to the forward proxy's port.

    ``token`` is the access token that clients must show, if any; ``idle`` ends a tunnel that moves
    nothing, in seconds. State: the ``tunnels``; ``_heads``; ``_draining``, once no new request is
    taken.
    """

    def __init__(
        self,
        policy: Policy,
        reach: Reach,
        tunnels: Tunnels,
        observer: Observer,
        *,
        token: str | None,
        idle: float,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.tunnels = tunnels
        self._policy = policy
        self._reach = reach
        self._observer = observer
        self._token = token
        self._idle = idle
        self._sleep = sleep
        self._heads = Heads(MOST_HEADS)
        self._draining = False

    def refuse(self) -> None:
        """Take no new requests: the proxy shuts down."""
        self._draining = True

    async def admit(self, sock: socket.socket) -> bool:
        """Return True if the connection is to be served, as TLS for one of the API's hosts.

        Otherwise it has ended: after a refusal, or after its tunnel.
        """
        served = False
        try:
            request = await self._request(sock)
            if self._policy.decide(request.target) == "tunnel":
                await self._tunnel(sock, request.target)
                return False
            await asyncio.get_running_loop().sock_sendall(sock, ESTABLISHED)
            self._observer.decided("intercepted")
            served = True
        except ProxyFailure as exc:
            self._observer.decided(exc.reason)
            await answer_and_end(sock, answer(exc).as_http1())
        except OSError:
            pass  # the client has gone
        finally:
            if not served:
                sock.close()
        return served

    async def _request(self, sock: socket.socket) -> ConnectRequest:
        """Read a request that is entitled to an answer; raises `ProxyFailure` or OSError."""
        try:
            async with asyncio.timeout(HEAD_TIMEOUT) as timeout:
                with self._heads.reading(timeout):
                    head = await _head(sock)
        except TimeoutError:
            raise errors.RequestTimeout(
                "forward_head_timeout", "The head of the request did not arrive in time."
            ) from None
        request = parse(head)
        if self._token is not None and not presents(request.credentials, self._token):
            await self._sleep(FAILED_TOKEN_DELAY if request.credentials else 0.0)
            raise errors.ProxyUnauthorized(
                "forward_token",
                "This forward proxy requires its access token (ANTHROPIC_PROXY_ACCESS_TOKEN) as "
                "the password of its URL: HTTPS_PROXY=http://user:TOKEN@host:port.",
            )
        if self._draining:
            raise errors.Draining("draining", errors.SHUTTING_DOWN, retry_after=1)
        return request

    async def _tunnel(self, sock: socket.socket, target: Target) -> None:
        loop = asyncio.get_running_loop()
        tunnel = Tunnel(loop, self._idle, self._observer.moved)
        with self.tunnels.place(tunnel):
            try:
                first = await self._reach.connect(target, tunnel.target)
                await loop.sock_sendall(sock, ESTABLISHED)
                self._observer.decided("tunnelled")
                await loop.connect_accepted_socket(lambda: tunnel.client, sock)
            except BaseException:
                tunnel.abort()
                raise
            self._observer.tunnel_opened()
            try:
                await tunnel.run(first)
            finally:
                self._observer.tunnel_closed()


async def _head(sock: socket.socket) -> bytes:
    """Read a head and not a byte more; raises `ClientFailure`, or OSError when the client left."""
    head = b""
    while True:
        await readable(sock)
        seen = sock.recv(LIMIT, socket.MSG_PEEK)
        if not seen:
            raise ConnectionResetError
        end = end_of(head + seen, start=len(head))
        taken = sock.recv(len(seen) if end is None else end - len(head))
        head += taken
        check_begun(head)
        if end is not None:
            return head
