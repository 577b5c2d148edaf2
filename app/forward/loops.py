"""Whether the way to upstream leads back to this proxy, and which addresses are this machine's."""

import ipaddress
import socket
from collections.abc import Collection

import httpx

from ..failures import StartError
from ..network.dial import Resolver, resolve
from ..network.proxies import ProxyEnvironment, proxy_port
from ..wire.origin import Origin
from .target import HTTPS, Address


def is_ours(address: Address) -> bool:
    """Return True for an address of this machine: what is sent to it leaves from it.

    Connecting a datagram socket chooses the source and sends nothing.
    """
    if address.is_loopback or address.is_unspecified:
        return True
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6  # noqa: PLR2004
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return ipaddress.ip_address(probe.getsockname()[0].partition("%")[0]) == address
    except OSError:  # no route: not of this machine, at any rate
        return False


async def check(
    origin: Origin,
    ports: Collection[int],
    proxies: ProxyEnvironment | None = None,
    resolver: Resolver = resolve,
) -> None:
    """Raise `StartError` if upstream, or an egress proxy, is this proxy: it has these ``ports``."""
    proxies = proxies or ProxyEnvironment()
    tunnels = Origin("https", "host.invalid", HTTPS)  # where blind ones go: any other host
    for way in (origin, tunnels):
        try:
            proxy = proxies.proxy_for(way)
        except httpx.ProxyError:
            continue  # every request says so
        if proxy is not None and await _is_here(proxy.url.host, proxy_port(proxy), ports, resolver):
            raise StartError(
                f"{way.scheme.upper()}_PROXY is this proxy itself: unset it where the proxy is "
                "started, and set it for its clients only"
            )
    if await _is_here(origin.host, origin.port, ports, resolver):
        raise StartError(
            f"ANTHROPIC_PROXY_UPSTREAM_BASE_URL={origin.scheme}://{origin.authority} is this proxy "
            "itself: name the API"
        )


async def _is_here(host: str, port: int, ports: Collection[int], resolver: Resolver) -> bool:
    if port not in ports:
        return False
    try:
        found = await resolver(host, port)
    except OSError:
        return False
    addresses = [ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in found]
    return any(map(is_ours, addresses))
