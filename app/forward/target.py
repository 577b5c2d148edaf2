"""Host and port that a tunnel leads to: authority-form (RFC 9112 §3.2.3)."""

import ipaddress
import re
from typing import NamedTuple

HTTPS = 443
LONGEST_NAME = 253  # characters (RFC 1035 §2.3.4)
LONGEST_LABEL = 63  # characters between two dots
PORTS = range(1, 2**16)

# Stricter than RFC 3986 §3.2.2: no user information, no percent-encoding, no sub-delimiters.
_AUTHORITY = re.compile(
    r"(?:\[(?P<v6>[0-9A-Fa-f:.]{2,45})\]|(?P<name>[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?))"
    r"(?::(?P<port>[0-9]{1,5}))?",
    re.ASCII,
)

# No top-level domain is a number (RFC 3696 §2). Resolvers take 127.1, 0x7f.1 and 2130706433 for
# addresses, and an egress proxy would connect to them.
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class Target(NamedTuple):
    """``host`` is a name in lower case without a final dot, or an address without brackets."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, *, default: int | None = None) -> "Target":
        """Read ``host:port``; ``default`` is the port of a text without one. Raises ValueError."""
        found = _AUTHORITY.fullmatch(text)
        if found is None:
            raise ValueError("must look like host:port")
        port = int(found["port"]) if found["port"] else default
        if port is None or port not in PORTS:
            raise ValueError("must have a port from 1 to 65535")
        if found["v6"]:
            return cls(str(ipaddress.IPv6Address(found["v6"])), port)
        host = found["name"].lower().removesuffix(".")
        target = cls(host, port)
        if target.address is None and not _is_name(host):
            raise ValueError("must have a valid host name")
        return target

    @property
    def address(self) -> Address | None:
        """Return the host as an address, None for a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """Return ``host:port``, an IPv6 address in brackets."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def _is_name(host: str) -> bool:
    labels = map(len, host.split("."))
    return (
        len(host) <= LONGEST_NAME
        and all(0 < length <= LONGEST_LABEL for length in labels)
        and not _NUMBER.fullmatch(host)
    )
