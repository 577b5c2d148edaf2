"""HTTP/1.1 below the transport: origins, their slots, and one exchange."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx

from ..network.connect import connect
from ..network.dial import Resolver
from ..network.proxies import ProxyEnvironment, address, credentials
from ..network.response import ResponseBody
from ..network.stats import Tally
from ..network.timeouts import Timeouts, jittered
from ..wire.headers import Headers
from ..wire.origin import Origin
from .call import Call
from .connection import Connection
from .pool import Slot, Slots
from .request import head_of


@dataclass(frozen=True, slots=True)
class Limits:
    """``streams`` at a time per origin, each on a connection of its own; ``keepalive`` idle ones.

    ``max_age`` is in seconds.
    """

    streams: int
    keepalive: int
    max_age: float | None


class Http1:
    """Sends requests over HTTP/1.1. State: ``_slots`` by origin, and the shared ``tally``."""

    def __init__(
        self,
        context: ssl.SSLContext,
        *,
        limits: Limits,
        tally: Tally,
        proxies: ProxyEnvironment,
        resolver: Resolver,
        wall: Callable[[], float],
    ) -> None:
        self._context = context
        self._limits = limits
        self._tally = tally
        self._proxies = proxies
        self._resolver = resolver
        self._wall = wall
        self._slots: dict[Origin, Slots] = {}

    @property
    def connections(self) -> Iterator[Connection]:
        """Connections whose socket is open."""
        return (one for slots in self._slots.values() for one in slots.connections)

    @property
    def waiting(self) -> int:
        """Requests without a slot."""
        return sum(slots.waiting for slots in self._slots.values())

    async def send(self, request: httpx.Request, origin: Origin) -> httpx.Response:
        """Send a request; return once the response's header fields are here."""
        body = request.stream
        if not isinstance(body, httpx.AsyncByteStream):
            raise TypeError("the request's body must stream asynchronously")
        empty = isinstance(body, httpx.ByteStream) and not any(body)
        head = head_of(request, empty=empty, through=self._through(origin))
        timeouts = Timeouts.of(request)
        slot = await self._slots_of(origin).acquire(timeouts)
        self._tally.reused += slot.connect_time is None
        call = slot.connection.open(head, body, timeouts)
        try:
            status, fields = await call.head()
        except BaseException:
            call.close()
            raise
        return _response(status, fields, call, slot)

    async def aclose(self) -> None:
        """Close every connection; calls that are under way fail."""
        for slots in self._slots.values():
            await slots.aclose()

    def _through(self, origin: Origin) -> Headers | None:
        """Return the fields for a proxy that forwards: it does what is not secure."""
        proxy = self._proxies.proxy_for(origin)
        if proxy is None or origin.scheme == "https":
            return None
        basic = credentials(proxy)
        return [] if basic is None else [(b"Proxy-Authorization", basic)]

    def _slots_of(self, origin: Origin) -> Slots:
        if origin not in self._slots:
            proxy = self._proxies.proxy_for(origin)
            self._slots[origin] = Slots(
                lambda slots: self._connect(origin, slots),
                limit=self._limits.streams,
                max_keepalive=self._limits.keepalive,
                via="" if proxy is None else f" by way of {address(proxy)}",
            )
        return self._slots[origin]

    async def _connect(self, origin: Origin, slots: Slots) -> Connection:
        loop = asyncio.get_running_loop()
        started = loop.time()
        connection = await connect(
            origin,
            self._proxies.proxy_for(origin),
            self._context,
            lambda: Connection(slots, wall=self._wall, max_age=jittered(self._limits.max_age)),
            self._resolver,
            spoken="http/1.1",
        )
        connection.connect_time = loop.time() - started
        self._tally.connections_opened += 1
        return connection


def _response(status: int, fields: Headers, call: Call, slot: Slot) -> httpx.Response:
    return httpx.Response(
        status,
        headers=fields,
        stream=ResponseBody(call),
        extensions={
            "http_version": b"HTTP/1.1",
            "stream_id": None,
            "reused": slot.connect_time is None,
            "slot_wait": slot.waited,
            "connect_time": slot.connect_time,
        },
    )
