"""Heads of messages that are not to be trusted (behaviour E4).

What two parties on the way read differently smuggles messages past one of them. So a request's
head that leaves room for interpretation is refused, and so is a response's. Section numbers alone
refer to RFC 9113.
"""

from collections.abc import Iterable
from itertools import chain, takewhile

from .grammar import (
    announces_content,
    are_lower_tokens,
    has_blank_around,
    holds_line_end,
    is_host,
    is_length,
    is_status,
    is_token,
)
from .headers import CONNECTION_FIELDS, Headers, Sound, first
from .limits import FIELD_OVERHEAD, REQUEST_FIELDS

VERSIONS = (b"1.0", b"1.1")
_FRAMING = (b"content-length", b"transfer-encoding")
_PSEUDO_FIELDS = {b":method", b":scheme", b":authority", b":path", b":protocol"}


class Malformed(Exception):
    """A head that must not be used; the message repeats no value."""


def refuse_http1(version: bytes, fields: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Return the status that refuses a head which the parser let pass, or None.

    RFC 9112 §2.3 (version), §3.2 (Host), §6.1 (framing).
    """
    if version not in VERSIONS:
        return 505
    fields = list(fields)
    hosts = [value for name, value in fields if name == b"host"]
    if not all(map(is_host, hosts)):
        return 400
    names = {name for name, _ in fields}
    if b"transfer-encoding" not in names:
        return None
    return 400 if b"content-length" in names or version == b"1.0" else None


def refuse_http2(fields: Headers, *, ended: bool) -> int | None:
    """Return the status that refuses a head, or None (§8.2, §8.3).

    ``ended`` says that no body follows. python-h2 would end the whole connection instead.
    """
    if section_size(fields) > REQUEST_FIELDS:
        return 431
    pseudo = dict(takewhile(lambda field: field[0].startswith(b":"), fields))
    regular = fields[len(pseudo) :]  # where a pseudo-field that is repeated or late has no name
    well_formed = (
        _is_complete(pseudo)
        and are_trailers(regular)
        and not any(has_blank_around(value) for value in pseudo.values())
        and not holds_line_end(pseudo.values())
        and not any(name in CONNECTION_FIELDS for name, _ in regular)
        and first(regular, b"te") in (None, b"trailers")
        and len(hosts := {value for name, value in fields if name in (b":authority", b"host")}) == 1
        and is_host(min(hosts))
        and not (ended and announces_content(first(regular, b"content-length") or b"0"))
    )
    return None if well_formed else 400


def section_size(fields: Headers) -> int:
    """Return the size of a header section as peers limit it (§6.5.2)."""
    return sum(len(name) + len(value) + FIELD_OVERHEAD for name, value in fields)


def are_trailers(fields: Headers) -> bool:
    """Return True if fields are well-formed, and none is a pseudo-field (§8.1, §8.2.1)."""
    values = [value for _, value in fields]
    return (
        are_lower_tokens([name for name, _ in fields])
        and not holds_line_end(values)
        and not any(has_blank_around(value) for value in values)
    )


def response(received: Iterable[tuple[bytes, bytes]]) -> tuple[int, Sound]:
    """Return status and fields of an HTTP/2 response; raises `Malformed`.

    Fields of the connection, which no server may send, are left to whoever passes the response
    on: only a transfer-encoding lies about the framing (§8.2.2). Blanks around a value pass.
    """
    fields = list(received)
    if not fields or fields[0][0] != b":status" or not is_status(fields[0][1]):
        raise Malformed("it does not begin with a valid :status")
    status, fields = int(fields[0][1]), fields[1:]
    names = [name for name, _ in fields]
    if b"transfer-encoding" in names:
        raise Malformed("it has a transfer-encoding")
    if fault := _fault_of(names, fields):
        raise Malformed(fault)
    return status, Sound(fields)


def fault_of(fields: Headers) -> str | None:
    """Say what is wrong with the fields of HTTP/2, without repeating a value (§8.2.1)."""
    return None if type(fields) is Sound else _fault_of([name for name, _ in fields], fields)


def _fault_of(names: list[bytes], fields: Headers) -> str | None:
    if not are_lower_tokens(names):
        return "a header field's name is not a lower-case token"
    if holds_line_end([value for _, value in fields]):
        return "a header field's value contains a line break or NUL"
    return None


def framing_fault(fields: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Say what makes the framing of a response ambiguous (RFC 9112 §6), or None.

    Names may be in either case. The words repeat no value.
    """
    if type(fields) is not Sound:
        fields = [(name.lower(), value) for name, value in fields]
        if holds_line_end(chain.from_iterable(fields)):
            return "a header value that contains a line break or a NUL"
    framing = {field for field in fields if field[0] in _FRAMING}
    lengths = [value for name, value in framing if name == b"content-length"]
    if len(lengths) > 1:
        return "several content-lengths"
    if lengths and not is_length(lengths[0]):
        return "a content-length that is not a number, or too large a one"
    if lengths and len(framing) > 1:
        return "both a content-length and a transfer-encoding"
    return None


def _is_complete(pseudo: dict[bytes, bytes]) -> bool:
    """Return True if a request's pseudo-fields are those it needs (§8.3.1)."""
    method = pseudo.get(b":method", b"")
    located = method == b"CONNECT" or bool(pseudo.get(b":path") and pseudo.get(b":scheme"))
    return pseudo.keys() <= _PSEUDO_FIELDS and is_token(method) and located
