"""What a transport's error means: httpx's errors become the proxy's failures, here only."""

import ssl
from collections.abc import Iterator

import httpx

from ...errors import (
    BadRequest,
    Busy,
    HeadTooLarge,
    InternalError,
    NoSlot,
    ProxyFailure,
    UpstreamBroken,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ...network.errors import FieldsTooLarge, MalformedResponse, causes, is_shortage
from ...wire.origin import UpstreamBase

OUT_OF_DESCRIPTORS = (
    "The proxy has no file descriptor left for a connection to upstream: try again, and raise its "
    "limit (ulimit -n) or lower ANTHROPIC_PROXY_MAX_ACTIVE_REQUESTS."
)
TLS_ADVICE = (
    " Nothing was sent. Behind a private CA, name it in ANTHROPIC_PROXY_UPSTREAM_CA_FILE "
    "or SSL_CERT_FILE."
)

# The first that matches wins. Messages say what failed and what to do.
_FAILURES: tuple[tuple[type[httpx.HTTPError], type[ProxyFailure], str, str], ...] = (
    (
        httpx.PoolTimeout,
        NoSlot,
        "pool_timeout",
        (
            "No upstream slot became free in time: try again, or raise "
            "ANTHROPIC_PROXY_UPSTREAM_MAX_CONNECTIONS."
        ),
    ),
    (
        httpx.ConnectTimeout,
        UpstreamTimeout,
        "connect_timeout",
        (
            "Connecting to {origin} took too long ({detail}): check the network, or raise "
            "ANTHROPIC_PROXY_UPSTREAM_CONNECT_TIMEOUT."
        ),
    ),
    (
        httpx.WriteTimeout,
        UpstreamTimeout,
        "write_timeout",
        (
            "{origin} stopped accepting the request body "
            "(ANTHROPIC_PROXY_UPSTREAM_WRITE_TIMEOUT): try again."
        ),
    ),
    (
        httpx.ReadTimeout,
        UpstreamTimeout,
        "read_timeout",
        "{origin} sent nothing for too long (ANTHROPIC_PROXY_UPSTREAM_READ_TIMEOUT): try again.",
    ),
    (
        httpx.ProxyError,
        UpstreamUnreachable,
        "upstream_proxy_failed",
        (
            "The egress proxy (HTTPS_PROXY) to {origin} failed: {detail}. Check its address and "
            "credentials, or name the host in NO_PROXY."
        ),
    ),
    (
        httpx.ConnectError,
        UpstreamUnreachable,
        "connect_failed",
        (
            "Cannot connect to {origin}: {detail}. Check the network and "
            "ANTHROPIC_PROXY_UPSTREAM_BASE_URL."
        ),
    ),
    (
        FieldsTooLarge,
        HeadTooLarge,
        "malformed_request",
        "The header section of the request is larger than {origin} accepts ({detail}): send less.",
    ),
    (
        httpx.LocalProtocolError,
        BadRequest,
        "malformed_request",
        (
            "The request cannot be forwarded: a header field or the framing is not valid "
            "HTTP. Correct it and send it again."
        ),
    ),
    (
        httpx.NetworkError,
        UpstreamBroken,
        "connection_lost",
        "The connection to {origin} was lost before it answered ({detail}): try again.",
    ),
    (
        MalformedResponse,
        UpstreamBroken,
        "malformed_response",
        "{origin} did not answer in valid HTTP ({detail}).",
    ),
    (
        httpx.RemoteProtocolError,
        UpstreamBroken,
        "connection_lost",
        "{origin} ended the request before it answered ({detail}): try again.",
    ),
)

TLS_FAILED = "tls_failed"  # instead of `connect_failed`


def reasons() -> Iterator[tuple[str, type[ProxyFailure]]]:
    """Yield each reason of the table with its failure; one may occur twice."""
    yield from ((reason, made) for _, made, reason, _ in _FAILURES)
    yield TLS_FAILED, UpstreamUnreachable


def failure(exc: httpx.HTTPError, origin: UpstreamBase) -> ProxyFailure:
    """Translate httpx's error, once, into the answer the client gets (behaviour C5)."""
    if isinstance(exc, httpx.ConnectError | httpx.ProxyError) and is_shortage(exc):
        return Busy("no_descriptors", OUT_OF_DESCRIPTORS, retry_after=1)
    for kind, made, reason, message in _FAILURES:
        if isinstance(exc, kind):
            detail, tls = _detail(exc), reason == "connect_failed" and _tls_failed(exc)
            return made(
                TLS_FAILED if tls else reason,
                message.format(origin=origin.url, detail=detail) + (TLS_ADVICE if tls else ""),
                retry_after=1 if made is NoSlot else None,
            )
    return InternalError("internal_error", f"The proxy failed: {type(exc).__name__}.")


def _detail(exc: httpx.HTTPError) -> str:
    """Return an error's text, or its type if the text may quote what was sent or received (E3).

    Where no connection was made there was nothing to quote.
    """
    words = str(exc).rstrip(".")
    quotes = "'" in words and not isinstance(exc, httpx.ConnectError)
    return type(exc).__name__ if quotes or not words else words


def _tls_failed(exc: BaseException) -> bool:
    return any(isinstance(one, ssl.SSLError) for one in causes(exc))
