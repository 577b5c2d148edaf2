"""Access control of the pages (behaviour E1, E2).

A page that any website can reach through a visitor's browser is public. So the Host must be a name
that nobody else's DNS can point to this machine, the Origin must be the page's own, and the page
may load and connect to its own files only.
"""

import asyncio
import base64
import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable, Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import Forbidden, PageUnauthorized, ProxyFailure, Unauthorized
from ..proxy.admission import FAILED_TOKEN_DELAY
from . import authority, health
from .refusal import refusal

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
DEFAULT_CACHING = "no-store"

# RFC 9110 §7.2; an address of version 6 in brackets (RFC 3986 §3.2.2).
_HOST = re.compile(r"(?:\[(?P<address>[0-9A-Fa-f:.]+)\]|(?P<name>[\w.-]+?)\.?)(?::\d*)?", re.ASCII)


class Guard:
    """ASGI middleware around the pages. ``names`` are further Host names, lower case."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        names: Collection[str],
        token: str | None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._app = app
        self._names = frozenset(names)
        self._token = token
        self._sleep = sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it with an error."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            if scope["path"] not in health.PATHS:
                self._check(scope["path"], Headers(scope=scope), scope["scheme"])
        except ProxyFailure as failure:
            if isinstance(failure, Unauthorized) and "authorization" in Headers(scope=scope):
                await self._sleep(FAILED_TOKEN_DELAY)
            await refusal(failure)(scope, receive, _with_headers(send))
            return
        await self._app(scope, receive, _with_headers(send))

    def _check(self, path: str, headers: Headers, scheme: str) -> None:
        host = headers.get("host", "")
        if not self._known(host):
            raise Forbidden(
                "host",
                "This host name does not belong to the proxy: open the page by IP address "
                "or localhost, or add the name to ANTHROPIC_PROXY_PAGES_ALLOWED_HOSTS.",
            )
        if _is_foreign(headers, f"{scheme}://{host}"):
            raise Forbidden("origin", "Pages of other origins may not read this one.")
        if self._token is None or path == authority.PATH:
            return
        if not _shows(headers.get("authorization", ""), self._token):
            raise PageUnauthorized(
                "pages_token",
                "This page requires ANTHROPIC_PROXY_PAGES_TOKEN as bearer token or basic password.",
            )

    def _known(self, host: str) -> bool:
        name = host_name(host)
        return _unrebindable(name) or name in self._names


def host_name(host: str) -> str:
    """Return a Host field's name: no port, no brackets, no final dot, lower case; "" if odd."""
    found = _HOST.fullmatch(host)
    return (found["address"] or found["name"]).lower() if found else ""


def _is_foreign(headers: Headers, own: str) -> bool:
    """Return True if a page of another origin asks; ``own`` is ours.

    What it loads without an Origin, as an image, it could not read; but it would learn how long
    that took. A link may lead here. Browsers tell this to HTTPS and to this machine only
    (w3.org/TR/fetch-metadata, section 2).
    """
    origin = headers.get("origin", own)
    other = headers.get("sec-fetch-site") in ("cross-site", "same-site")
    embeds = other and headers.get("sec-fetch-mode") != "navigate"
    return embeds or origin.lower() != own.lower()


def _unrebindable(name: str) -> bool:
    """Return True if nobody else's DNS can make ``name`` resolve to this machine.

    An address is not resolved; ``localhost`` (RFC 6761 §6.3) and names of a single label, as in
    ``http://proxy:9090`` between containers, are never looked up in the public DNS.
    """
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return bool(name) and ("." not in name or name.endswith(".localhost"))
    return True


def _shows(authorization: str, token: str) -> bool:
    """Return True if the credentials (RFC 6750 §2.1, RFC 7617 §2) hold ``token``."""
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(credentials, validate=True)
        except ValueError:  # neither base64 nor ASCII
            return False
        shown = pair.partition(b":")[2]
    else:
        shown = credentials.strip().encode() if scheme.lower() == "bearer" else b""
    return hmac.compare_digest(shown, token.encode())


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            fields = MutableHeaders(raw=message.setdefault("headers", []))
            fields.setdefault("cache-control", DEFAULT_CACHING)
            fields.update(HEADERS)
        await send(message)

    return sending
