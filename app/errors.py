"""The proxy's own failures: each with its source, status, error type and advice.

::

    ProxyFailure                    an answer of the proxy's own, in Anthropic's error shape
    ├── ClientFailure               the client's fault
    │   ├── BadRequest              400 invalid_request_error
    │   ├── Unauthorized            401 authentication_error
    │   │   └── PageUnauthorized    the same, on a page: a browser asks for the token
    │   ├── Forbidden               403 permission_error
    │   ├── NotFound                404 not_found_error
    │   ├── MethodRefused           405 invalid_request_error
    │   │   └── ConnectOnly         the same, of the forward proxy
    │   ├── ProxyUnauthorized       407 authentication_error
    │   ├── RequestTimeout          408 timeout_error
    │   ├── BodyTooLarge            413 request_too_large
    │   ├── Misdirected             421 invalid_request_error
    │   ├── OverBudget              429 billing_error
    │   ├── HeadTooLarge            431 invalid_request_error
    │   ├── CodingUnsupported       501 invalid_request_error
    │   └── VersionUnsupported      505 invalid_request_error
    ├── UpstreamFailure             upstream's fault, or that of the network to it
    │   ├── UpstreamUnreachable     502 api_error
    │   ├── UpstreamBroken          502 api_error
    │   └── UpstreamTimeout         504 timeout_error
    └── OwnFailure                  the proxy's fault
        ├── NoSlot                  529 overloaded_error
        ├── Busy                    529 overloaded_error
        ├── Draining                503 overloaded_error
        ├── NoTunnel                503 overloaded_error
        └── InternalError           500 api_error

    ResponseCut                     the response has started; abort it instead of answering
    └── UpstreamCut                 upstream ended its response too early
        └── UpstreamSilent          upstream stopped sending its response

``reason`` is a closed set of short words that goes into the ``x-anthropic-proxy-error`` header and
the metrics. `app.anthropic.errors` turns a failure into an answer.
"""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import ClassVar, Literal

Source = Literal["client", "upstream", "proxy"]

# The API's statuses and error types (https://platform.claude.com/docs/en/api/errors).
API_TYPES: Mapping[int, str] = MappingProxyType(
    {
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        409: "conflict_error",
        413: "request_too_large",
        429: "rate_limit_error",
        500: "api_error",
        504: "timeout_error",
        529: "overloaded_error",
    }
)
# The types of statuses that the proxy answers with and the API does not.
_TYPES = {
    **API_TYPES,
    405: "invalid_request_error",
    407: "authentication_error",
    408: "timeout_error",
    421: "invalid_request_error",
    431: "invalid_request_error",
    501: "invalid_request_error",
    502: "api_error",
    503: "overloaded_error",
    505: "invalid_request_error",
}

SHUTTING_DOWN = "The proxy is shutting down: send the request again."


class ProxyFailure(Exception):
    """A request ends with an answer of the proxy's own.

    ``message`` is shown to the client: it says what to do and never repeats a header or body.
    ``retry_after`` is in seconds. ``fields`` are further header fields of the answer.
    """

    source: ClassVar[Source]
    status: ClassVar[int]
    error_type: ClassVar[str]
    fields: ClassVar[tuple[tuple[bytes, bytes], ...]] = ()

    def __init_subclass__(cls) -> None:
        """Give the class the error type of its status, unless it has its own."""
        if "status" in vars(cls) and "error_type" not in vars(cls):
            cls.error_type = _TYPES[cls.status]

    def __init__(self, reason: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class ResponseCut(Exception):
    """A response that has started must look cut to the client: RST_STREAM, or no last chunk."""


class UpstreamCut(ResponseCut):
    """Upstream ended its response too early, or damaged it."""

    source: ClassVar[Source] = "upstream"
    error_type: ClassVar[str] = "api_error"
    reason: ClassVar[str] = "cut"


class UpstreamSilent(UpstreamCut):
    """Upstream stopped sending its response for the read time-out."""

    error_type = "timeout_error"
    reason = "read_timeout"


class ClientFailure(ProxyFailure):
    """The client's fault."""

    source = "client"


class BadRequest(ClientFailure):
    """The request cannot be forwarded as it is."""

    status = 400


class Unauthorized(ClientFailure):
    """The proxy's own access token is missing or wrong."""

    status = 401


class PageUnauthorized(Unauthorized):
    """The token of the pages is missing or wrong (RFC 9110 §11.6.1)."""

    fields = ((b"www-authenticate", b'Basic realm="anthropic-proxy", charset="UTF-8"'),)


class Forbidden(ClientFailure):
    """A rule of this proxy forbids the request (page guard, ``SCRUB_ON_SKIP=block``)."""

    status = 403


class NotFound(ClientFailure):
    """The proxy does not have what a page was asked for."""

    status = 404


class MethodRefused(ClientFailure):
    """CONNECT or TRACE: never forwarded (RFC 9110 §15.5.6)."""

    status = 405
    fields = ((b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"),)


class ConnectOnly(MethodRefused):
    """The forward proxy makes tunnels only."""

    fields = ((b"allow", b"CONNECT"),)


class ProxyUnauthorized(ClientFailure):
    """The access token is missing or wrong in a request for a tunnel (RFC 9110 §15.5.8)."""

    status = 407
    fields = ((b"proxy-authenticate", b'Basic realm="anthropic-proxy", charset="UTF-8"'),)


class RequestTimeout(ClientFailure):
    """The client sent nothing for too long in the middle of a request."""

    status = 408


class BodyTooLarge(ClientFailure):
    """The body exceeds what the proxy is willing to hold."""

    status = 413


class Misdirected(ClientFailure):
    """The request came to a port that does not serve it (RFC 9110 §15.5.20)."""

    status = 421


class OverBudget(ClientFailure):
    """The request would exceed one of the user's own budgets."""

    status = 429
    error_type = "billing_error"
    fields = ((b"x-should-retry", b"false"),)


class HeadTooLarge(ClientFailure):
    """The header section is larger than the listener reads (RFC 6585 §5)."""

    status = 431


class CodingUnsupported(ClientFailure):
    """The transfer coding of the body is not one that the listener decodes."""

    status = 501


class VersionUnsupported(ClientFailure):
    """The request is in a version of HTTP that the listener does not speak."""

    status = 505


class UpstreamFailure(ProxyFailure):
    """Upstream's fault, or that of the network to it."""

    source = "upstream"


class UpstreamUnreachable(UpstreamFailure):
    """No connection: refused, DNS, TLS. Nothing was sent."""

    status = 502


class UpstreamBroken(UpstreamFailure):
    """The connection was lost before the response began; upstream may have worked."""

    status = 502


class UpstreamTimeout(UpstreamFailure):
    """A connect, write or read time-out before the response began."""

    status = 504


class OwnFailure(ProxyFailure):
    """The proxy's fault."""

    source = "proxy"


class NoSlot(OwnFailure):
    """Every upstream slot stayed taken for the pool time-out."""

    status = 529


class Busy(OwnFailure):
    """Too many requests are running, or the system has no room for another connection."""

    status = 529


class Draining(OwnFailure):
    """The proxy is shutting down."""

    status = 503


class NoTunnel(OwnFailure):
    """The forward proxy has as many tunnels as it may."""

    status = 503


class InternalError(OwnFailure):
    """A defect of the proxy."""

    status = 500


def answers(kind: type[ProxyFailure] = ProxyFailure) -> Iterator[type[ProxyFailure]]:
    """Yield every failure that has an answer of its own."""
    if "status" in vars(kind):
        yield kind
    for special in kind.__subclasses__():
        yield from answers(special)
