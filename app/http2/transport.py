"""The upstream transport: the only class that the rest of the program uses."""

import asyncio
import ssl
import time
from collections.abc import Callable

import httpx

from ..http1 import Http1, Limits
from ..network.connect import OtherProtocol, offer
from ..network.dial import Resolver, resolve
from ..network.pools import Dialer, Pools
from ..network.proxies import ProxyEnvironment
from ..network.response import response
from ..network.stats import Counters, TransportStats
from ..network.timeouts import jittered
from ..wire.grammar import announced_length
from ..wire.origin import Origin
from ..wire.timeouts import Timeouts
from .connection import Connection
from .fields import for_request
from .slots import Slots

HTTP1_MEMORY = 300.0  # seconds an origin is taken to speak HTTP/1.1 before HTTP/2 is tried again
UNANNOUNCED = 256 * 1024  # bytes an upload is taken for whose length nobody has announced


class Transport(httpx.AsyncBaseTransport):
    """HTTP/2 to every origin that speaks it, HTTP/1.1 to the others. Made per event loop.

    Time-outs come from ``request.extensions["timeout"]``, the target from ``["target"]``; header
    fields are sent as they are, in order, except connection-specific ones. Errors are httpx's:

    - ``ConnectError``, ``ProxyError``, ``ConnectTimeout``, ``PoolTimeout``: nothing was sent.
    - `Refused`, a ``RemoteProtocolError``: the peer has not processed the request.
    - ``RemoteProtocolError``: the peer reset the stream, closed or broke the protocol.
    - ``ReadError``: the socket failed, or the peer no longer answers PING.
    - ``ReadTimeout``, ``WriteTimeout``: silence, or no room, for this request alone.
    - ``LocalProtocolError``: the request can't be sent as it is.

    Durations are seconds. ``response.extensions`` has ``http_version``, ``stream_id``,
    ``reused``, ``slot_wait`` and ``connect_time``; over HTTP/1.1 there is no ``stream_id``.

    At most ``max_connections`` times ``max_streams_per_connection`` requests run at a time on an
    origin. Over HTTP/1.1 each of them has a connection of its own.

    ``resolver`` finds addresses and ``wall`` is the time of day, by which a sleep of the machine is
    noticed; a connection lives about ``max_connection_age``, and its streams to their ends.

    State: ``_pools``, ``_http1_until`` the loop times by origin, ``_counters``, and the ``_last``
    URL with its origin: nearly always the next request has the same.
    """

    def __init__(
        self,
        *,
        ssl_context: ssl.SSLContext,
        http2: bool = True,
        max_connections: int = 20,
        max_keepalive_connections: int = 10,
        max_streams_per_connection: int = 100,
        ping_interval: float = 15.0,
        ping_timeout: float = 10.0,
        max_connection_age: float | None = 3600.0,
        proxies: ProxyEnvironment | None = None,
        resolver: Resolver = resolve,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._http2 = http2
        self._max_connections = max_connections
        self._max_keepalive = max_keepalive_connections
        self._max_streams = max_streams_per_connection
        self._ping_interval = ping_interval
        self._ping_timeout = ping_timeout
        self._max_age = max_connection_age
        self._wall = wall
        self._http1_until: dict[Origin, float] = {}
        self._counters = Counters()
        self._last: tuple[httpx.URL | None, Origin] = None, Origin("", "", 0)
        proxies = ProxyEnvironment() if proxies is None else proxies
        self._dialer = Dialer(ssl_context, proxies, resolver, self._counters)
        self._pools = Pools(proxies, self._pool)
        offer(ssl_context, http2=http2)
        self._http1 = Http1(
            self._dialer,
            limits=Limits(
                streams=max_connections * max_streams_per_connection,
                keepalive=max_keepalive_connections,
                max_age=max_connection_age,
            ),
            wall=wall,
        )

    @property
    def stats(self) -> TransportStats:
        """Return the numbers of now, of both versions of HTTP."""
        connections = [one for slots in self._pools for one in slots.connections]
        plain = list(self._http1.connections)
        return TransportStats(
            connections_opened=self._counters.connections_opened,
            connections_open=len(connections) + len(plain),
            streams_open=sum(connection.streams_open for connection in connections)
            + sum(connection.busy for connection in plain),
            waiting=self._pools.waiting + self._http1.waiting,
            reused=self._counters.reused,
            goaways=self._counters.goaways,
            resets_sent=self._counters.resets_sent,
            resets_received=self._counters.resets_received,
            rtt=self._counters.rtt,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request; return once the response's header fields are here."""
        origin = self._origin_of(request.url)
        if not self._speaks_http2(origin):
            try:
                return await self._http1.send(request, origin)
            except OtherProtocol:  # it has learnt HTTP/2
                self._http1_until.pop(origin, None)
        try:
            return await self._send(request, origin)
        except OtherProtocol:
            self._http1_until[origin] = asyncio.get_running_loop().time() + HTTP1_MEMORY
        return await self._http1.send(request, origin)

    async def aclose(self) -> None:
        """Close every connection; streams that are still open fail."""
        await self._pools.aclose()
        await self._http1.aclose()

    def _origin_of(self, url: httpx.URL) -> Origin:
        if self._last[0] is not url:
            self._last = url, Origin.of(url)
        return self._last[1]

    def _speaks_http2(self, origin: Origin) -> bool:
        if not self._http2 or origin.scheme != "https":
            return False
        until = self._http1_until.get(origin)
        return until is None or until < asyncio.get_running_loop().time()

    async def _send(self, request: httpx.Request, origin: Origin) -> httpx.Response:
        """Send over HTTP/2, once."""
        body = request.stream
        if not isinstance(body, httpx.AsyncByteStream):
            raise TypeError("the request's body must stream asynchronously")
        fields, timeouts = for_request(request), Timeouts.of(request.extensions)
        whole = b"".join(body) if isinstance(body, httpx.ByteStream) else None
        upload = _upload(request) if whole is None else len(whole)
        slot = await self._pools.of(origin).acquire(timeouts, upload)
        self._counters.reused += slot.connect_time is None
        stream = slot.connection.open(fields, body, whole, timeouts, slot.upload)
        try:
            status, received = await stream.head()
        except BaseException:
            stream.close()
            raise
        return response(status, received, stream, slot, version=b"HTTP/2", stream_id=stream.id)

    def _pool(self, origin: Origin, via: str) -> Slots:
        return Slots(
            lambda slots: self._dialer.connect(
                origin, lambda: self._connection(slots), spoken="h2"
            ),
            max_connections=self._max_connections,
            max_keepalive=self._max_keepalive,
            wall=self._wall,
            via=via,
        )

    def _connection(self, slots: Slots) -> Connection:
        return Connection(
            slots,
            self._counters,
            max_streams=self._max_streams,
            ping_interval=self._ping_interval,
            ping_timeout=self._ping_timeout,
            max_age=jittered(self._max_age),
        )


def _upload(request: httpx.Request) -> int:
    """Return how long a body will be that is still coming, as far as it is announced."""
    text = request.headers.get("content-length", "")
    announced = announced_length(text.encode("ascii", "replace"))
    return UNANNOUNCED if announced is None else announced
