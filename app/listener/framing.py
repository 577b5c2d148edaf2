"""The short way of a response through h11, for most of what is sent over HTTP/1.1.

Each function returns the bytes that `h11.Connection.send` returns, and leaves h11 in the same
state, or returns None when h11 has to decide. Property tests hold both ways to that. A status is
`worded` on both.
"""

from http import HTTPStatus
from typing import Any

import h11
from h11._writers import ChunkedWriter, ContentLengthWriter, Http10Writer

from ..wire.grammar import are_lower_tokens, is_length
from ..wire.headers import BODILESS, Headers, Sound

_DECISIVE = {b"connection", b"host", b"transfer-encoding"}  # h11 adds to them, or moves them
_LENGTH = b"content-length"
_CHUNKED = b"Transfer-Encoding: chunked\r\n"
_USUAL = bytes((ord("\t"), *range(0x20, 0x7F)))  # in a value
_BLANKS_AROUND = (b":  ", b": \t", b" \r\n", b"\t\r\n")  # a value; the first two may be within
_FINAL = range(200, 1000)
_WORDS = {status.value: status.phrase.encode() for status in HTTPStatus}
_SERVER, _SEND_BODY = h11.SERVER, h11.SEND_BODY
_THEIRS = (h11.SEND_BODY, h11.DONE)


def worded(response: h11.Response) -> h11.Response:
    """Return a response with the usual words for its status.

    They may be left out (RFC 9112 §4), but parsers of the llhttp family then tell some programs no
    status at all: to ``h2load`` every response failed.
    """
    words = _WORDS.get(response.status_code, b"")
    return h11.Response(
        status_code=response.status_code, headers=response.headers, reason=response.reason or words
    )


def head(connection: h11.Connection, status: int, fields: Headers) -> bytes | None:
    """Return the head of a response whose fields are ordinary, on a connection that is kept."""
    names = [name for name, _ in fields]
    lengths = [value for name, value in fields if name == _LENGTH] if _LENGTH in names else []
    lines = b"\r\n".join([*map(b": ".join, fields), b""])
    ordinary = (
        connection.our_state is h11.SEND_RESPONSE
        and _is_kept(connection)
        and connection.their_http_version == b"1.1"
        and connection._request_method != b"HEAD"  # noqa: SLF001
        and status in _FINAL
        and status not in BODILESS
        and len(lengths) <= 1
        and all(map(is_length, lengths))
        and _DECISIVE.isdisjoint(names)
        and (type(fields) is Sound or are_lower_tokens(names))
        and _are_plain(names, lines)
    )
    if not ordinary:
        return None
    connection._cstate.states[h11.SERVER] = h11.SEND_BODY  # noqa: SLF001
    connection.client_is_waiting_for_100_continue = False
    writer: Any = ContentLengthWriter(int(lengths[0])) if lengths else ChunkedWriter()
    connection._writer = writer  # noqa: SLF001
    coding = b"" if lengths else _CHUNKED
    return b"HTTP/1.1 %d %b\r\n%b%b\r\n" % (status, _WORDS.get(status, b""), lines, coding)


def end(connection: h11.Connection) -> bytes | None:
    """Return the end of a response that is whole, on a connection that is kept."""
    chunked = type(connection._writer) is ChunkedWriter  # noqa: SLF001
    ordinary = (
        connection.our_state is h11.SEND_BODY
        and _is_kept(connection)
        and (chunked or is_whole(connection))
    )
    if not ordinary:
        return None
    connection._cstate.states[h11.SERVER] = h11.DONE  # noqa: SLF001
    connection._writer = None  # noqa: SLF001
    return b"0\r\n\r\n" if chunked else b""


def frame(connection: h11.Connection, data: bytes) -> bytes | None:
    """Return a piece of a response's body, framed.

    A piece of a body that may be sent changes no state of h11's except its writer's, so neither an
    event nor the state machine is needed: 5 µs less for each piece.
    """
    if connection._cstate.states[_SERVER] is not _SEND_BODY:  # noqa: SLF001 - `our_state`, at hand
        return None
    writer: Any = connection._writer  # noqa: SLF001
    if type(writer) is ChunkedWriter and data:
        return b"%x\r\n%b\r\n" % (len(data), data)
    framed: list[bytes] = []
    try:
        writer.send_data(data, framed.append)
    except h11.LocalProtocolError:  # more than its content-length: raised there again
        return None
    return b"".join(framed)


def is_whole(connection: h11.Connection) -> bool:
    """Return True if all that a response's content-length announces was sent, but not its end."""
    writer: Any = connection._writer  # noqa: SLF001
    return (
        connection.our_state is h11.SEND_BODY
        and type(writer) is ContentLengthWriter
        and not writer._length  # noqa: SLF001
    )


def is_ended_by_close(connection: h11.Connection) -> bool:
    """Return True while a response is sent whose only end is the connection's (HTTP/1.0)."""
    return connection.our_state is h11.SEND_BODY and type(connection._writer) is Http10Writer  # noqa: SLF001


def _is_kept(connection: h11.Connection) -> bool:
    """Return True if the connection goes on with another request behind this one."""
    cstate = connection._cstate  # noqa: SLF001
    return (
        cstate.keep_alive
        and not cstate.pending_switch_proposals
        and connection.their_state in _THEIRS
    )


def _are_plain(names: list[bytes], lines: bytes) -> bool:
    """Return True for values of visible ASCII, without blanks around them."""
    return lines.translate(None, _USUAL) == b"\r\n" * len(names) and not [
        blank for blank in _BLANKS_AROUND if lines.find(blank) >= 0
    ]
