"""HTTP/1.1 below the transport: origins, their slots, and one exchange."""

from collections.abc import Callable, Iterator

import httpx
import msgspec

from ..network.pools import Dialer, Pools
from ..network.proxies import credentials
from ..network.response import response
from ..network.timeouts import jittered
from ..wire.headers import Headers
from ..wire.origin import Origin
from ..wire.timeouts import Timeouts
from .connection import Http1Connection
from .pool import Slots
from .request import head_of


class Limits(msgspec.Struct, frozen=True):
    """``streams`` at a time per origin, each on a connection of its own; ``keepalive`` idle ones.

    ``max_age`` is in seconds.
    """

    streams: int
    keepalive: int
    max_age: float | None


class Http1:
    """Sends requests over HTTP/1.1, on connections of ``dialer``. State: ``_pools``."""

    def __init__(self, dialer: Dialer, *, limits: Limits, wall: Callable[[], float]) -> None:
        self._dialer = dialer
        self._limits = limits
        self._wall = wall
        self._pools = Pools(dialer.proxies, self._pool)

    @property
    def connections(self) -> Iterator[Http1Connection]:
        """Connections whose socket is open."""
        return (one for slots in self._pools for one in slots.connections)

    @property
    def waiting(self) -> int:
        """Requests without a slot."""
        return self._pools.waiting

    async def send(self, request: httpx.Request, origin: Origin) -> httpx.Response:
        """Send a request; return once the response's header fields are here."""
        body = request.stream
        if not isinstance(body, httpx.AsyncByteStream):
            raise TypeError("the request's body must stream asynchronously")
        empty = isinstance(body, httpx.ByteStream) and not any(body)
        head = head_of(request, empty=empty, through=self._through(origin))
        timeouts = Timeouts.of(request.extensions)
        slot = await self._pools.of(origin).acquire(timeouts)
        self._dialer.counters.reused += slot.connect_time is None
        call = slot.connection.open(head, body, timeouts)
        try:
            status, fields = await call.head()
        except BaseException:
            call.close()
            raise
        return response(status, fields, call, slot, version=b"HTTP/1.1")

    async def aclose(self) -> None:
        """Close every connection; calls in progress fail."""
        await self._pools.aclose()

    def _through(self, origin: Origin) -> Headers | None:
        """Return the fields for a proxy that forwards: it does what is not secure."""
        proxy = self._dialer.proxies.proxy_for(origin)
        if proxy is None or origin.scheme == "https":
            return None
        basic = credentials(proxy)
        return [] if basic is None else [(b"Proxy-Authorization", basic)]

    def _pool(self, origin: Origin, via: str) -> Slots:
        return Slots(
            lambda slots: self._dialer.connect(
                origin, lambda: self._connection(slots), spoken="http/1.1"
            ),
            limit=self._limits.streams,
            max_keepalive=self._limits.keepalive,
            via=via,
        )

    def _connection(self, slots: Slots) -> Http1Connection:
        return Http1Connection(slots, wall=self._wall, max_age=jittered(self._limits.max_age))
