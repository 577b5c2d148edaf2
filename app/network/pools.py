"""One pool for each origin, and what both versions of HTTP need to make its connections."""

import asyncio
import ssl
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar

import httpx
import msgspec

from ..wire.origin import Origin
from .connect import Connecting, Spoken, connect
from .dial import Resolver
from .proxies import ProxyEnvironment, address
from .stats import Counters


class OriginPool(Protocol):
    """The pool of one origin, as far as all of them are added up."""

    @property
    def waiting(self) -> int:
        """Requests without a slot."""

    async def aclose(self) -> None:
        """Close every connection; requests in progress fail."""


class Timed(Connecting, Protocol):
    """A connection that knows how long it took to make."""

    connect_time: float  # seconds


P = TypeVar("P", bound=OriginPool)
C = TypeVar("C", bound=Timed)


class Pools(Generic[P]):
    """The pools by origin, each made when it is first needed.

    ``make`` gets the origin and, for errors, by which proxy it is reached. State: ``_pools``.
    """

    def __init__(self, proxies: ProxyEnvironment, make: Callable[[Origin, str], P]) -> None:
        self._proxies = proxies
        self._make = make
        self._pools: dict[Origin, P] = {}

    def __iter__(self) -> Iterator[P]:
        """Yield every pool."""
        return iter(self._pools.values())

    def of(self, origin: Origin) -> P:
        """Return the pool of an origin; raises `httpx.ProxyError` if its proxy can't be used."""
        if origin not in self._pools:
            proxy = self._proxies.proxy_for(origin)
            via = "" if proxy is None else f" by way of {address(proxy)}"
            self._pools[origin] = self._make(origin, via)
        return self._pools[origin]

    @property
    def waiting(self) -> int:
        """Requests without a slot."""
        return sum(pool.waiting for pool in self)

    async def aclose(self) -> None:
        """Close every connection; requests in progress fail."""
        for pool in self:
            await pool.aclose()


class Dialer(msgspec.Struct, frozen=True):
    """Makes connections, and counts them."""

    context: ssl.SSLContext
    proxies: ProxyEnvironment
    resolver: Resolver
    counters: Counters

    async def connect(self, origin: Origin, make: Callable[[], C], *, spoken: Spoken) -> C:
        """Return a connection that speaks ``spoken``; raises what `network.connect` raises."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        proxy: httpx.Proxy | None = self.proxies.proxy_for(origin)
        connection = await connect(origin, proxy, self.context, make, self.resolver, spoken=spoken)
        connection.connect_time = loop.time() - started
        self.counters.connections_opened += 1
        return connection
