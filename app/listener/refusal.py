"""Requests whose head is not to be trusted, and the answer they get (behaviour E4).

What two parties on the way read differently smuggles requests past one of them. So a head that
leaves room for interpretation is refused here, before an application sees it.
"""

import re
from itertools import takewhile
from typing import Any

import h2.events
import h11

from ..anthropic.errors import envelope
from ..wire.headers import ERROR_HEADER, Headers, first
from ..wire.limits import FIELD_OVERHEAD, REQUEST_FIELDS

VERSIONS = (b"1.0", b"1.1")

# Status: error type, reason, message.
_ANSWERS = {
    400: ("invalid_request_error", b"malformed_request", "The request is not well-formed HTTP."),
    431: (
        "invalid_request_error",
        b"malformed_request",
        "The header section of the request is too large.",
    ),
    500: ("api_error", b"internal_error", "The proxy failed: see its log."),
    501: (
        "invalid_request_error",
        b"malformed_request",
        "The transfer-encoding of the request is not supported.",
    ),
    505: (
        "invalid_request_error",
        b"malformed_request",
        "The HTTP version of the request is not supported.",
    ),
}
_PSEUDO_FIELDS = {b":method", b":scheme", b":authority", b":path", b":protocol"}
_CONNECTION_FIELDS = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
_METHOD = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+")
# uri-host and port (RFC 3986 §3.2.2, §3.2.3), without user information.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]*)?")
_BAD_VALUE = re.compile(rb"[\0\r\n]|\A[ \t]|[ \t]\Z")


def of_http1(request: h11.Request) -> int | None:
    """Return the status that refuses a head which h11 let pass, or None.

    RFC 9112 §2.3 (version), §3.2 (Host), §6.1 (framing).
    """
    if request.http_version not in VERSIONS:
        return 505
    if any(name == b"host" and not _HOST.fullmatch(value) for name, value in request.headers):
        return 400
    names = {name for name, _ in request.headers}
    if b"transfer-encoding" not in names:
        return None
    return 400 if b"content-length" in names or request.http_version == b"1.0" else None


def of_http2(fields: Headers, *, ended: bool) -> int | None:
    """Return the status that refuses a head, or None (RFC 9113 §8.2, §8.3).

    ``ended`` tells that no body follows. python-h2 would end the whole connection instead.
    """
    if sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in fields) > REQUEST_FIELDS:
        return 431
    pseudo = dict(takewhile(lambda field: field[0].startswith(b":"), fields))
    regular = fields[len(pseudo) :]  # where a pseudo-field that is repeated or late has no name
    well_formed = (
        _complete(pseudo)
        and all(_NAME.fullmatch(name) for name, _ in regular)
        and not any(_BAD_VALUE.search(value) for _, value in fields)
        and not any(name in _CONNECTION_FIELDS for name, _ in regular)
        and first(regular, b"te") in (None, b"trailers")
        and len(hosts := {value for name, value in fields if name in (b":authority", b"host")}) == 1
        and _HOST.fullmatch(min(hosts))
        and not (ended and (first(regular, b"content-length") or b"0").strip(b"0"))
    )
    return None if well_formed else 400


def are_trailers(fields: Headers) -> bool:
    """Return True if HTTP/2 trailers are well-formed: no pseudo-fields (RFC 9113 §8.1)."""
    return all(_NAME.fullmatch(name) and not _BAD_VALUE.search(value) for name, value in fields)


def awaits_continue(request: h2.events.RequestReceived) -> bool:
    """Return True if the client waits for a 100 before it sends its body (RFC 9110 §10.1.1)."""
    expected = first(request.headers, b"expect") or b""
    return request.stream_ended is None and expected.lower() == b"100-continue"


def answer(status: int) -> tuple[Headers, bytes]:
    """Return the fields and the body of a refusal, in Anthropic's error shape."""
    error_type, reason, message = _ANSWERS[status]
    body = envelope(error_type, message)
    fields = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (ERROR_HEADER, reason),
    ]
    return fields, body


def known(status: int) -> int:
    """Return ``status``, or 400 where there is no answer of that status."""
    return status if status in _ANSWERS else 400


def messages(status: int, *extra: tuple[bytes, bytes]) -> list[dict[str, Any]]:
    """Return the answer as ASGI messages, with ``extra`` fields."""
    fields, body = answer(status)
    return [
        {"type": "http.response.start", "status": status, "headers": [*fields, *extra]},
        {"type": "http.response.body", "body": body},
    ]


def application(status: int, *extra: tuple[bytes, bytes]) -> Any:
    """Return an application, as Hypercorn calls it, that answers every request with a refusal."""

    async def refuse(_scope: Any, _receive: Any, send: Any, *_rest: Any) -> None:
        for message in messages(status, *extra):
            await send(message)

    return refuse


def _complete(pseudo: dict[bytes, bytes]) -> bool:
    """Tell whether a request's pseudo-fields are those it needs (RFC 9113 §8.3.1)."""
    method = pseudo.get(b":method", b"")
    located = method == b"CONNECT" or bool(pseudo.get(b":path") and pseudo.get(b":scheme"))
    return pseudo.keys() <= _PSEUDO_FIELDS and bool(_METHOD.fullmatch(method)) and located
