"""Who a client is, as far as shares are concerned."""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

UNKNOWN = ""
NETWORK = 64  # bits of an IPv6 address that one site has at least (RFC 6177)


def peer_of(client: Sequence[Any] | None) -> str:
    """Return the peer of a socket address, as in ASGI's ``client``.

    It is an IPv4 address, or the network of an IPv6 one; `UNKNOWN` where there is none.
    """
    return _peer(str(client[0])) if client else UNKNOWN


@lru_cache(maxsize=4096)
def _peer(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return UNKNOWN
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, NETWORK), strict=False).network_address)
