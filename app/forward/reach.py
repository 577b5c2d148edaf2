"""Connects a blind tunnel: to an address that was checked, or through an egress proxy."""

import asyncio
import ipaddress
from collections.abc import Callable, Sequence

import httpx
from aiohappyeyeballs import AddrInfoType

from .. import errors
from ..errors import Forbidden
from ..network.connect import open_tunnel
from ..network.dial import Resolver, dial, resolve
from ..network.proxies import ProxyEnvironment
from ..wire.origin import Origin
from .loops import is_ours
from .policy import Policy
from .target import Address, Target
from .tunnel import End


class Reach:
    """Connects tunnels; ``timeout`` is for DNS, TCP and the egress proxy, in seconds."""

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
        for info in await self._resolver(host, port):
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


def _words(exc: Exception) -> str:
    """Return what the system or an egress proxy said, without a name or an address of the proxy."""
    return getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
