"""Header fields between httpx and HTTP/2 (RFC 9113 §8.2, §8.3). Pure: lists in, lists out.

Names are lower case, values are bytes; order and repetition are kept, nothing is added.
"""

import re
from collections.abc import Iterable

import httpx
from hpack import HeaderTuple, NeverIndexedHeaderTuple

Fields = list[tuple[bytes, bytes]]

# They speak of one connection and must not be sent (§8.2.2); `host` becomes `:authority`.
_DROPPED = frozenset(
    {
        b"connection",
        b"host",
        b"keep-alive",
        b"proxy-connection",
        b"te",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Kept out of every compression table on the way (RFC 7541 §7.1.3).
_SECRET = frozenset({b"authorization", b"cookie", b"x-api-key"})

_STATUS = re.compile(rb"[0-9]{3}")  # §8.3.2, RFC 9110 §15
_NOT_IN_NAME = re.compile(rb"[^!#$%&'*+\-.^_`|~0-9a-z]")  # token, lower case (§8.2.1)
_NOT_IN_VALUE = re.compile(rb"[\0\r\n]")  # §8.2.1
_NOT_IN_TARGET = re.compile(rb"[\0-\x20\x7f]")


def for_request(request: httpx.Request) -> list[HeaderTuple]:
    """Return what a HEADERS frame carries; raises `httpx.LocalProtocolError`.

    The ``target`` extension goes into ``:path`` byte for byte.
    """
    raw = [(name.lower(), value) for name, value in request.headers.raw]
    target = request.extensions.get("target") or request.url.raw_path
    if fault := _fault(raw):
        raise httpx.LocalProtocolError(fault)
    if _NOT_IN_TARGET.search(target):
        raise httpx.LocalProtocolError("the target contains a blank or a control character")
    authority = next((value for name, value in raw if name == b"host"), request.url.netloc)
    return [
        HeaderTuple(b":method", request.method.encode("ascii")),
        HeaderTuple(b":scheme", request.url.raw_scheme),
        HeaderTuple(b":authority", authority),
        HeaderTuple(b":path", target),
        *(_tuple(name, value) for name, value in raw if name not in _DROPPED),
    ]


def from_response(received: Iterable[tuple[bytes, bytes]]) -> tuple[int, Fields]:
    """Return status and fields of a response; raises `httpx.RemoteProtocolError`."""
    pseudo: Fields = []
    fields: Fields = []
    for name, value in received:
        (pseudo if name.startswith(b":") else fields).append((name, value))
    if [name for name, _ in pseudo] != [b":status"] or not _STATUS.fullmatch(pseudo[0][1]):
        raise httpx.RemoteProtocolError("malformed response: not one valid :status, and no more")
    if any(name == b"transfer-encoding" for name, _ in fields):
        raise httpx.RemoteProtocolError("malformed response: it has a transfer-encoding (§8.2.2)")
    if fault := _fault(fields):
        raise httpx.RemoteProtocolError(f"malformed response: {fault}")
    return int(pseudo[0][1]), fields


def _tuple(name: bytes, value: bytes) -> HeaderTuple:
    return (NeverIndexedHeaderTuple if name in _SECRET else HeaderTuple)(name, value)


def _fault(fields: Fields) -> str | None:
    """Say what is wrong with the fields; a fault never repeats a value."""
    names = [name for name, _ in fields]
    if b"" in names or _NOT_IN_NAME.search(b"".join(names)):
        return "a header field's name is not a lower-case token"
    if _NOT_IN_VALUE.search(b"".join([value for _, value in fields])):
        return "a header field's value contains CR, LF or NUL"
    return None
