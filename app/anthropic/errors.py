"""The API's error answers (https://platform.claude.com/docs/en/api/errors), and their classes.

An error rate is the share of requests that failed, by class. This is the only definition: the
JSON document, the dashboards, the alerts and the log read the class from here.

==========  =====================================================================================
client      the request or its credentials were refused: 4xx, the proxy's own refusals included
limit       a limit of the account: 429, 402
overload    the API is overloaded: 529
upstream    the API failed: 5xx, an error event, no byte within the read time-out
proxy       this proxy failed or had no room
network     the way to the API: DNS, connect, TLS, egress proxy, a lost connection, a cut answer
==========  =====================================================================================
"""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from ..errors import MethodRefused, ProxyFailure, Source
from ..wire.headers import ERROR_HEADER, Headers

ErrorClass = Literal["client", "limit", "overload", "upstream", "proxy", "network"]
ERROR_CLASSES: tuple[ErrorClass, ...] = get_args(ErrorClass)

TYPES: Mapping[int, str] = MappingProxyType(
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

_SERVER_ERRORS = 500
_STATUSES = MappingProxyType({value: key for key, value in TYPES.items()})
_CLASSES: Mapping[int, ErrorClass] = MappingProxyType({402: "limit", 429: "limit", 529: "overload"})
ERROR_EVENT = "error_event"  # the reason of an error inside a stream that began with 200
# Failures on the way that are the API's own; every other one is the network's.
_UPSTREAM_REASONS = frozenset({"read_timeout", "malformed_response"})


def error_class(source: Source, error_type: str, reason: str) -> ErrorClass:
    """Return the class of a failure.

    ``reason`` is the status of upstream's answer, `ERROR_EVENT`, or a reason word of the proxy.
    """
    if source != "upstream":
        return source
    if reason.isdigit():
        return _class_of_status(int(reason))
    if reason == ERROR_EVENT:
        return _class_of_status(_STATUSES.get(error_type, 500))
    return "upstream" if reason in _UPSTREAM_REASONS else "network"


def _class_of_status(status: int) -> ErrorClass:
    return _CLASSES.get(status, "client" if status < _SERVER_ERRORS else "upstream")


def envelope(error_type: str, message: str, request_id: str | None = None) -> bytes:
    """Return the JSON body of an error; ``request_id`` is left out when there is none."""
    body: dict[str, object] = {"type": "error", "error": {"type": error_type, "message": message}}
    if request_id is not None:
        body["request_id"] = request_id
    return json.dumps(body, separators=(",", ":")).encode("ascii")


class ErrorAnswer(NamedTuple):
    """An error response, whole."""

    status: int
    headers: Headers
    body: bytes


def answer(failure: ProxyFailure) -> ErrorAnswer:
    """Return what the client gets for a failure of the proxy; a header names its reason."""
    body = envelope(failure.error_type, failure.message)
    headers = [
        (b"content-type", b"application/json"),
        (ERROR_HEADER, failure.reason.encode("ascii")),
    ]
    if isinstance(failure, MethodRefused):  # RFC 9110 §15.5.6
        headers.append((b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"))
    if failure.retry_after is not None:
        headers.append((b"retry-after", b"%d" % failure.retry_after))
    return ErrorAnswer(failure.status, headers, body)
