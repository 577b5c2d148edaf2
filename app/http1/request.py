"""Requests as bytes (RFC 9112 §3, §5, §6, §7). Pure.

Names and values go out as they are and in order, except those of one connection.
"""

import httpx
import msgspec

from ..wire.grammar import holds_control, is_length, is_target, is_token
from ..wire.headers import NOT_SENT_HTTP1, Headers


class Head(msgspec.Struct, frozen=True):
    """A request's head, and its body's length, None for one in chunks."""

    method: bytes
    data: bytes
    length: int | None


def head_of(request: httpx.Request, *, empty: bool, through: Headers | None) -> Head:
    """Return a request's head; raises `httpx.LocalProtocolError`, which quotes no value.

    The ``target`` extension is sent byte for byte. A proxy that forwards is sent the whole URL
    and the fields of ``through`` (§3.2.2).
    """
    method = request.method.encode("ascii", "replace")
    target = request.extensions.get("target") or request.url.raw_path
    fields = [
        (name, value) for name, value in request.headers.raw if name.lower() not in NOT_SENT_HTTP1
    ]
    if not any(name.lower() == b"host" for name, _ in fields):
        fields.insert(0, (b"Host", request.url.netloc))
    if fault := _fault(method, target, fields):
        raise httpx.LocalProtocolError(fault)
    length = _announced(fields)
    if length is None and empty:
        length = 0
    elif length is None:
        fields.append((b"Transfer-Encoding", b"chunked"))
    if through is not None:
        target = request.url.raw_scheme + b"://" + request.url.netloc + target
        fields += through
    lines = [b"%b %b HTTP/1.1" % (method, target), *(b"%b: %b" % field for field in fields)]
    return Head(method, b"\r\n".join([*lines, b"", b""]), length)


class Body:
    """Frames a body. State: ``_left`` of the announced length, None when it goes in chunks."""

    def __init__(self, length: int | None) -> None:
        self._left = length

    def frame(self, data: memoryview | bytes) -> memoryview | bytes:
        """Return data as it is sent; raises `httpx.LocalProtocolError` beyond the length."""
        if self._left is None:  # an empty chunk would be the last one (§7.1)
            return b"%x\r\n%b\r\n" % (len(data), bytes(data)) if data else b""
        self._left -= len(data)
        if self._left < 0:
            raise httpx.LocalProtocolError("the body is longer than its content-length")
        return data

    def end(self) -> bytes:
        """Return what ends the body; raises `httpx.LocalProtocolError` if some of it is missing."""
        if self._left:
            raise httpx.LocalProtocolError("the body is shorter than its content-length")
        return b"0\r\n\r\n" if self._left is None else b""


def _announced(fields: Headers) -> int | None:
    """Return the content-length, if there is one."""
    lengths = {value for name, value in fields if name.lower() == b"content-length"}
    if not lengths:
        return None
    value = lengths.pop()
    if lengths or not is_length(value):
        raise httpx.LocalProtocolError("the content-length is not a number, or there are two")
    return int(value)


def _fault(method: bytes, target: bytes, fields: Headers) -> str | None:
    """Say what would let a head be read as something else, or None."""
    if not is_token(method):
        return "the method is not a token"
    if not is_target(target):
        return "the target is empty or contains a blank or a control character"
    if not all(is_token(name) for name, _ in fields):
        return "a header field's name is not a token"
    if holds_control(value for _, value in fields):
        return "a header field's value contains a control character"
    return None
