"""Which addresses a blind tunnel may reach although nobody has allowed them: public ones.

A proxy that connects anywhere lends its place in the network to whoever may use it. So loopback,
private and link-local networks are refused, the metadata services of clouds among them, and
whatever only dresses such an address up.
"""

import ipaddress
from collections.abc import Iterator

from .target import Address

# Hosts of clouds that answer to every machine in them, on addresses that look public.
METADATA = frozenset({ipaddress.ip_address("168.63.129.16")})  # Azure
# IPv4 inside IPv6 that `ipaddress` does not know: NAT64 (RFC 6052), the compatible form.
_EMBEDDING = tuple(map(ipaddress.IPv6Network, ("64:ff9b::/96", "::/96")))
# All of IPv6 that is assigned to machines on the internet; the translated form is outside it, too.
_UNICAST = ipaddress.IPv6Network("2000::/3")
# Never public, whatever the version of Python says: IANA's registries of special addresses.
_SPECIAL = tuple(
    map(
        ipaddress.ip_network,
        (
            "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
            "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
            "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
            "2001:2::/48", "2001:db8::/32", "3fff::/20",
        ),
    )
)  # fmt: skip


def is_public(address: Address) -> bool:
    """Return True if every machine on the internet could reach this address."""
    return all(
        one.is_global
        and (one.version == 4 or one in _UNICAST)  # noqa: PLR2004
        and one not in METADATA
        and not any(one in network for network in _SPECIAL)
        for one in meant_by(address)
    )


def meant_by(address: Address) -> Iterator[Address]:
    """Yield the address, or the addresses inside it that packets to it would reach."""
    if isinstance(address, ipaddress.IPv6Address) and (inner := [*_embedded(address)]):
        yield from inner
    else:
        yield address


def _embedded(address: ipaddress.IPv6Address) -> Iterator[Address]:
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
    elif address.sixtofour is not None:
        yield address.sixtofour
    elif address.teredo is not None:
        yield from address.teredo
    elif any(address in network for network in _EMBEDDING) and int(address) > 1:
        yield ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
