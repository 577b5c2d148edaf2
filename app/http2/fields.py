"""Header fields between httpx and HTTP/2 (RFC 9113 §8.2, §8.3). Pure: lists in, lists out.

Names are lower case, values are bytes; order and repetition are kept, nothing is added.
"""

from collections.abc import Iterable

import httpx
from hpack import NeverIndexedHeaderTuple

from ..network.errors import MalformedResponse
from ..network.fields import lowered
from ..wire.grammar import is_target
from ..wire.headers import NOT_SENT_HTTP2, SECRET, Headers, first
from ..wire.heads import Malformed, fault_of, response


def for_request(request: httpx.Request) -> Headers:
    """Return what a HEADERS frame carries; raises `httpx.LocalProtocolError`.

    The ``target`` extension goes into ``:path`` byte for byte.
    """
    fields = lowered(request.headers)
    target = request.extensions.get("target") or request.url.raw_path
    if fault := fault_of(fields):
        raise httpx.LocalProtocolError(fault)
    if not is_target(target):
        raise httpx.LocalProtocolError("the target contains a blank or a control character")
    host = first(fields, b"host")
    return [
        (b":method", request.method.encode("ascii")),
        (b":scheme", request.url.raw_scheme),
        (b":authority", request.url.netloc if host is None else host),
        (b":path", target),
        *[
            NeverIndexedHeaderTuple(*field) if field[0] in SECRET else field
            for field in fields
            if field[0] not in NOT_SENT_HTTP2
        ],
    ]


def from_response(received: Iterable[tuple[bytes, bytes]]) -> tuple[int, Headers]:
    """Return status and fields of a response; raises `MalformedResponse`."""
    try:
        return response(received)
    except Malformed as exc:
        raise MalformedResponse(f"malformed response: {exc}") from exc
