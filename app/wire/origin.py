"""Where requests go: an origin (RFC 6454 §4), and a base URL on one."""

import re
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

import msgspec

DEFAULT_PORTS = {"https": 443, "http": 80}  # RFC 9110 §4.2
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})  # hosts that are this machine


class Url(Protocol):
    """What an origin is read from; `httpx.URL` is one."""

    @property
    def scheme(self) -> str:
        """The scheme, in lower case."""

    @property
    def raw_host(self) -> bytes:
        """The host in ASCII, without brackets."""

    @property
    def port(self) -> int | None:
        """The port, unless it is the scheme's own."""


class Origin(NamedTuple):
    """Scheme, host (ASCII, without brackets) and port."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, url: Url) -> "Origin":
        """Return a URL's origin, its port filled in."""
        port = url.port or DEFAULT_PORTS.get(url.scheme, 0)
        return cls(url.scheme, url.raw_host.decode("ascii"), port)

    @property
    def authority(self) -> str:
        """Return ``host:port``, an IPv6 address in brackets (RFC 9110 §4.2.1)."""
        return f"{self._bracketed}:{self.port}"

    @property
    def host_field(self) -> str:
        """Return what Host says: the port only where it is not the scheme's own (RFC 9110 §7.2)."""
        own = self.port == DEFAULT_PORTS.get(self.scheme)
        return self._bracketed if own else self.authority

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host


class UpstreamBase(msgspec.Struct, frozen=True):
    """Where every request goes: ``url`` without a path, and the ``prefix`` put before paths."""

    url: str
    host: bytes  # the Host field
    prefix: bytes = b""

    @classmethod
    def parse(cls, base_url: str) -> "UpstreamBase":
        """Read a base URL; a ValueError says what is wrong with it."""
        if not base_url.isascii() or re.search(r"[\x00-\x20\x7f]", base_url):
            raise ValueError("must be ASCII without spaces (a name like xn--… for others)")
        parts = urlsplit(base_url)
        if parts.scheme not in DEFAULT_PORTS or not parts.hostname:
            raise ValueError("must look like https://api.anthropic.com (http or https)")
        if "@" in parts.netloc:
            raise ValueError("must not contain a user name or password")
        if "?" in base_url or "#" in base_url:
            raise ValueError("must not contain a query or fragment")
        port = parts.port  # raises ValueError when out of range
        port = DEFAULT_PORTS[parts.scheme] if port is None else port
        host = Origin(parts.scheme, parts.hostname, port).host_field
        return cls(
            url=f"{parts.scheme}://{host}",
            host=host.encode("ascii"),
            prefix=parts.path.rstrip("/").encode("ascii"),
        )
