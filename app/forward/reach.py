"""Connects a blind tunnel: to an address that was checked, or through an egress proxy."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence

import httpx
from aiohappyeyeballs import AddrInfoType

from .. import errors
from ..errors import Forbidden
from ..network.connect import open_tunnel
from ..network.dial import Resolver, dial, resolve
from ..network.errors import is_shortage
from ..network.proxies import ProxyEnvironment
from ..wire.origin import Origin
from .loops import is_ours
from .policy import Policy
from .target import Address, Target
from .tunnel import End

LOOKUPS = 2  # names looked up at a time: libuv has 4 threads, and upstream's name needs one


class Reach:
    """Connects tunnels; ``timeout`` is for DNS, TCP and the egress proxy, in seconds.

    State: ``_free`` and ``_running``, the places for lookups, and those that run.
    """

    def __init__(
        self,
        policy: Policy,
        timeout: float,
        *,
        proxies: ProxyEnvironment | None = None,
        resolver: Resolver = resolve,
        ours: Callable[[Address], bool] = is_ours,
    ) -> None:
        self._policy = policy
        self._timeout = timeout
        self._proxies = proxies or ProxyEnvironment()
        self._resolver = resolver
        self._ours = ours
        self._free = asyncio.Semaphore(LOOKUPS)
        self._running: set[asyncio.Future[Sequence[AddrInfoType]]] = set()

    async def connect(self, target: Target, end: End) -> bytes:
        """Connect ``end``; return what has come from there already. Raises `ProxyFailure`."""
        try:
            async with asyncio.timeout(self._timeout):
                return await self._connect(target, end)
        except TimeoutError:
            raise errors.UpstreamTimeout(
                "forward_timeout", f"{target.authority} did not answer in time."
            ) from None
        except (OSError, httpx.TransportError) as exc:
            if is_shortage(exc):
                raise errors.NoTunnel(
                    "forward_tunnels",
                    "The proxy has no file descriptor left for a tunnel: try again.",
                    retry_after=1,
                ) from exc
            raise errors.UpstreamUnreachable(
                "forward_unreachable", f"No connection to {target.authority}: {_words(exc)}."
            ) from exc

    async def _connect(self, target: Target, end: End) -> bytes:
        origin = Origin("https", target.host, target.port)
        proxy = self._proxies.proxy_for(origin)
        if proxy is None:
            sock = await dial(target.host, target.port, self._checked)
            try:
                await asyncio.get_running_loop().create_connection(lambda: end, sock=sock)
            except BaseException:
                sock.close()
                raise
            return b""
        transport, first = await open_tunnel(origin, proxy, self._resolver)
        transport.set_protocol(end)
        end.connection_made(transport)
        return first

    async def _checked(self, host: str, port: int) -> Sequence[AddrInfoType]:
        """Look a name up, without the addresses that may not be reached: the rest are dialled.

        Raises `Forbidden` when nothing is left: a name must not lead where an address may not.
        """
        target, refusal = Target(host, port), None
        usable = []
        for info in await self._look_up(target):
            address = ipaddress.ip_address(str(info[4][0]).partition("%")[0])
            try:
                self._policy.check_address(target, address, ours=self._ours(address))
            except Forbidden as exc:
                refusal = exc
            else:
                usable.append(info)
        if refusal is not None and not usable:
            raise refusal
        return usable

    async def _look_up(self, target: Target) -> Sequence[AddrInfoType]:
        """Return the addresses of a host.

        A lookup occupies its thread to its end, whoever still waits for it. So it keeps its place
        until then: names that take long must not hold up the lookup of upstream's name.
        """
        if target.address is not None:
            return [_info(target.address, target.port)]
        await self._free.acquire()
        looking = asyncio.ensure_future(self._resolver(target.host, target.port))
        self._running.add(looking)
        looking.add_done_callback(self._looked_up)
        return await asyncio.shield(looking)

    def _looked_up(self, looking: "asyncio.Future[Sequence[AddrInfoType]]") -> None:
        self._running.discard(looking)
        self._free.release()
        if not looking.cancelled():
            looking.exception()  # whoever waits for it gets it; nobody may


def _info(address: Address, port: int) -> AddrInfoType:
    """Return an address as a lookup of it would."""
    where: tuple[str, int] | tuple[str, int, int, int] = (str(address), port)
    family = socket.AF_INET
    if isinstance(address, ipaddress.IPv6Address):
        family, where = socket.AF_INET6, (str(address), port, 0, 0)
    return family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where


def _words(exc: Exception) -> str:
    """Return what the system or an egress proxy said, without a name or an address of the proxy."""
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
