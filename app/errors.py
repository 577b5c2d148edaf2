"""The proxy's own failures, each with its owner, status and advice.

::

    ProxyFailure                    an answer of ours, in Anthropic's error shape
    ├── ClientFailure               the client's doing
    │   ├── BadRequest              400 invalid_request_error
    │   ├── Unauthorized            401 authentication_error
    │   ├── Forbidden               403 permission_error
    │   ├── MethodRefused           405 invalid_request_error
    │   ├── RequestTimeout          408 timeout_error
    │   └── BodyTooLarge            413 request_too_large
    ├── UpstreamFailure             upstream's doing, or the way to it
    │   ├── UpstreamUnreachable     502 api_error
    │   ├── UpstreamBroken          502 api_error
    │   └── UpstreamTimeout         504 timeout_error
    └── OwnFailure                  ours
        ├── NoSlot                  529 overloaded_error
        ├── Busy                    529 overloaded_error
        ├── Draining                503 overloaded_error
        └── InternalError           500 api_error

    ResponseCut                     the response has started; abort it instead of answering
    └── UpstreamCut                 upstream ended its response too early
        └── UpstreamSilent          upstream stopped sending its response

The types and statuses are those of the API's error documentation; ``reason`` is a closed set
of short words that goes into the ``x-anthropic-proxy-error`` header and the metrics.
"""

from collections.abc import Iterator
from typing import ClassVar, Literal

Source = Literal["client", "upstream", "proxy"]


class ProxyFailure(Exception):
    """A request ends with an answer of the proxy's own.

    ``message`` is shown to the client: it says what to do and never repeats a header or body.
    ``retry_after`` is in seconds.
    """

    source: ClassVar[Source]
    status: ClassVar[int]
    error_type: ClassVar[str]

    def __init__(self, reason: str, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class ResponseCut(Exception):
    """An answer that has begun must look cut to the client: RST_STREAM, or no last chunk."""


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
    """The client's doing."""

    source = "client"


class BadRequest(ClientFailure):
    """The request cannot be forwarded as it is."""

    status = 400
    error_type = "invalid_request_error"


class Unauthorized(ClientFailure):
    """The proxy's own access token is missing or wrong."""

    status = 401
    error_type = "authentication_error"


class Forbidden(ClientFailure):
    """A rule of this proxy forbids the request (page guard, ``SCRUB_ON_SKIP=block``)."""

    status = 403
    error_type = "permission_error"


class MethodRefused(ClientFailure):
    """CONNECT or TRACE: never forwarded."""

    status = 405
    error_type = "invalid_request_error"


class RequestTimeout(ClientFailure):
    """The client sent nothing for too long in the middle of a request."""

    status = 408
    error_type = "timeout_error"


class BodyTooLarge(ClientFailure):
    """The body exceeds what the proxy is willing to hold."""

    status = 413
    error_type = "request_too_large"


class UpstreamFailure(ProxyFailure):
    """Upstream's doing, or that of the way to it."""

    source = "upstream"


class UpstreamUnreachable(UpstreamFailure):
    """No connection: refused, DNS, TLS. Nothing was sent."""

    status = 502
    error_type = "api_error"


class UpstreamBroken(UpstreamFailure):
    """The connection was lost before the response began; upstream may have worked."""

    status = 502
    error_type = "api_error"


class UpstreamTimeout(UpstreamFailure):
    """A connect, write or read time-out before the response began."""

    status = 504
    error_type = "timeout_error"


class OwnFailure(ProxyFailure):
    """The proxy's doing."""

    source = "proxy"


class NoSlot(OwnFailure):
    """Every upstream slot stayed taken for the pool time-out."""

    status = 529
    error_type = "overloaded_error"


class Busy(OwnFailure):
    """Too many requests are running, or the system has no room for another connection."""

    status = 529
    error_type = "overloaded_error"


class Draining(OwnFailure):
    """The proxy is shutting down."""

    status = 503
    error_type = "overloaded_error"


class InternalError(OwnFailure):
    """A defect of ours."""

    status = 500
    error_type = "api_error"


def answers(kind: type[ProxyFailure] = ProxyFailure) -> Iterator[type[ProxyFailure]]:
    """Yield every failure that has an answer of its own."""
    if "status" in vars(kind):
        yield kind
    for special in kind.__subclasses__():
        yield from answers(special)
