"""Who a client is, as far as shares are concerned."""

import ipaddress
from functools import lru_cache

UNKNOWN = ""
NETWORK = 64  # bits of an IPv6 address that one site has at least (RFC 6177)


@lru_cache(maxsize=4096)
def peer_of(address: str | None) -> str:
    """Return the peer of a socket's ``address``: an IPv4 address, or the network of an IPv6 one."""
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, NETWORK), strict=False).network_address)
