"""Errors in the API's shape (https://platform.claude.com/docs/en/api/errors), and their classes.

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
from http import HTTPStatus
from types import MappingProxyType
from typing import Literal, NamedTuple, get_args

from ..errors import API_TYPES, ProxyFailure, Source
from ..wire.headers import ERROR_HEADER, Headers

ErrorClass = Literal["client", "limit", "overload", "upstream", "proxy", "network"]
ERROR_CLASSES: tuple[ErrorClass, ...] = get_args(ErrorClass)

_SERVER_ERRORS = 500
_PHRASES = {status.value: status.phrase for status in HTTPStatus}  # 529 has none
_STATUSES = MappingProxyType({value: key for key, value in API_TYPES.items()})
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
    if reason.isascii() and reason.isdigit():
        return _class_of_status(int(reason))
    if reason == ERROR_EVENT:
        return _class_of_status(_STATUSES.get(error_type, 500))
    return "upstream" if reason in _UPSTREAM_REASONS else "network"


def _class_of_status(status: int) -> ErrorClass:
    return _CLASSES.get(status, "client" if status < _SERVER_ERRORS else "upstream")


class ErrorAnswer(NamedTuple):
    """An error response, whole."""

    status: int
    headers: Headers
    body: bytes

    def as_http1(self) -> bytes:
        """Return it as HTTP/1.1 sends it, on a connection that closes."""
        phrase = _PHRASES.get(self.status, "").encode("ascii")
        fields = [*self.headers, (b"connection", b"close")]
        lines = [b"HTTP/1.1 %d %b" % (self.status, phrase), *(b": ".join(one) for one in fields)]
        return b"\r\n".join([*lines, b"", self.body])


def answer(failure: ProxyFailure) -> ErrorAnswer:
    """Return what the client gets for a failure of the proxy, in the API's error shape.

    A header names the reason, so that it can be told from an answer of the API.
    """
    error = {"type": failure.error_type, "message": failure.message}
    body = json.dumps({"type": "error", "error": error}, separators=(",", ":")).encode("ascii")
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (ERROR_HEADER, failure.reason.encode("ascii")),
        *failure.fields,
    ]
    if failure.retry_after is not None:
        headers.append((b"retry-after", b"%d" % failure.retry_after))
    return ErrorAnswer(failure.status, headers, body)
