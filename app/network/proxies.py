"""The way through a forward proxy, from the environment (HTTPS_PROXY, NO_PROXY and kin).

urllib knows what these say. Most environments say nothing, and its import takes 15 ms.
"""

import base64
import os
from collections.abc import Mapping

import httpx
import msgspec

from ..wire.origin import DEFAULT_PORTS, Origin


def proxy_port(proxy: httpx.Proxy) -> int:
    """Return a proxy's port, its scheme's where its URL has none."""
    return proxy.url.port or DEFAULT_PORTS[proxy.url.scheme]


def address(proxy: httpx.Proxy) -> str:
    """Return ``host:port`` of a proxy, without its credentials."""
    return Origin(proxy.url.scheme, proxy.url.host, proxy_port(proxy)).authority


def credentials(proxy: httpx.Proxy) -> bytes | None:
    """Return the value of Proxy-Authorization for the credentials of a proxy's URL, if any."""
    return (
        None if proxy.raw_auth is None else b"Basic " + base64.b64encode(b":".join(proxy.raw_auth))
    )


def _environment() -> Mapping[str, str]:
    if not any(name.lower().endswith("_proxy") for name in os.environ):
        return {}
    from urllib.request import getproxies_environment  # noqa: PLC0415 - see above

    return getproxies_environment()


class ProxyEnvironment(msgspec.Struct, frozen=True):
    """What the environment said when it was read, by lower-case prefix of ``…_PROXY``.

    Keys are ``https``, ``http``, ``all`` and ``no``.
    """

    variables: Mapping[str, str] = msgspec.field(default_factory=_environment)

    def proxy_for(self, origin: Origin) -> httpx.Proxy | None:
        """Return the proxy for an origin; raises `httpx.ProxyError` for one that can't be used."""
        url = self.variables.get(origin.scheme) or self.variables.get("all")
        if not url or self._bypasses(origin):
            return None
        try:
            proxy = httpx.Proxy(url if "://" in url else f"http://{url}")
        except (ValueError, httpx.InvalidURL) as exc:
            raise httpx.ProxyError(f"the proxy's URL is invalid: {exc}") from exc
        if proxy.url.scheme not in ("http", "https"):
            raise httpx.ProxyError(f"{proxy.url.scheme} proxies are not supported")
        return proxy

    def _bypasses(self, origin: Origin) -> bool:
        from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined] # noqa: PLC0415 - see above

        return bool(proxy_bypass_environment(origin.authority, dict(self.variables)))
