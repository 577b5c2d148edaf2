"""The head of a request to the forward proxy, strictly read. Bytes in, values out.

Only CONNECT is served. What two parties could read differently is refused, as everywhere in this
proxy (behaviour E4).
"""

import base64
import binascii
import hmac
import re
from typing import NamedTuple

from .. import errors
from ..errors import ClientFailure
from ..wire.grammar import announces_content, holds_bare_line_feed, holds_control, is_token
from ..wire.headers import Headers
from .target import Target

LIMIT = 16 * 1024  # bytes of a head

_END = re.compile(rb"\r?\n\r?\n")
_VERSION = re.compile(rb"HTTP/1\.[01]")
_FIRST = re.compile(rb"[\r\nA-Za-z]")
PROXY_AUTHORIZATION = b"proxy-authorization"


class ConnectRequest(NamedTuple):
    """A CONNECT request: where to, and the value of Proxy-Authorization, if any."""

    target: Target
    credentials: bytes | None


def end_of(received: bytes, start: int = 0) -> int | None:
    """Return where a head ends, None as long as it does not; look from ``start`` on only."""
    found = _END.search(received, max(0, start - 3))
    return found.end() if found else None


def check_begun(received: bytes) -> None:
    """Refuse, before its end has come, what cannot become a head; raises `ClientFailure`."""
    if received and not _FIRST.match(received):
        raise _malformed(
            "This port speaks plain HTTP, and this is not an HTTP request: write the proxy's URL "
            "with http:// (HTTPS_PROXY=http://...)."
        )
    if len(received) > LIMIT:
        raise errors.HeadTooLarge("forward_malformed", "The head of the request is too large.")


def parse(head: bytes) -> ConnectRequest:
    """Read a whole head; raises `ClientFailure`."""
    if holds_bare_line_feed(head):
        raise _malformed("A line of the request ends without CR.")
    request_line, *lines = head.lstrip(b"\r\n").removesuffix(b"\r\n\r\n").split(b"\r\n")
    words = request_line.split(b" ")
    if len(words) != 3 or not is_token(words[0]) or not words[2].startswith(b"HTTP/"):  # noqa: PLR2004
        raise _malformed("The request line is not valid.")
    method, authority, version = words
    if method != b"CONNECT":
        raise _other_method(authority)
    if not _VERSION.fullmatch(version):
        raise errors.VersionUnsupported(
            "forward_malformed", "The forward proxy speaks HTTP/1.1 and HTTP/1.0."
        )
    fields = [_field(line) for line in lines]
    return ConnectRequest(_target(authority), _credentials(fields))


def _other_method(target: bytes) -> ClientFailure:
    if target.startswith(b"/"):
        return errors.Misdirected(
            "forward_misdirected",
            "This port is a forward proxy (HTTPS_PROXY). Send requests to the port of "
            "ANTHROPIC_PROXY_PORT (ANTHROPIC_BASE_URL).",
        )
    return errors.ConnectOnly(
        "forward_method",
        "This forward proxy tunnels https:// only (CONNECT) and does not forward http:// "
        "requests: unset HTTP_PROXY, or name the host in NO_PROXY.",
    )


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not is_token(name) or holds_control([line]):
        raise _malformed("A header field is not valid.")
    return name.lower(), value.strip(b" \t")


def _target(authority: bytes) -> Target:
    try:
        return Target.parse(authority.decode("ascii"))
    except ValueError:  # UnicodeDecodeError is one, too
        raise _malformed("The target of CONNECT must be host:port.") from None


def _credentials(fields: Headers) -> bytes | None:
    """Return the value of Proxy-Authorization; refuse fields that cannot be trusted."""
    named: dict[bytes, list[bytes]] = {}
    for name, value in fields:
        named.setdefault(name, []).append(value)
    lengths = named.get(b"content-length", [])
    if b"transfer-encoding" in named or any(map(announces_content, lengths)):
        raise _malformed("A CONNECT request must not have a body.")
    sent = named.get(PROXY_AUTHORIZATION, [])
    if len(sent) > 1 or len(named.get(b"host", [])) > 1:
        raise _malformed("A header field that may occur once is repeated.")
    return sent[0] if sent else None


def presents(credentials: bytes | None, token: str) -> bool:
    """Return True if Proxy-Authorization carries the token: Basic with any user, or Bearer.

    The comparison takes constant time.
    """
    scheme, _, sent = (credentials or b"").partition(b" ")
    sent = sent.strip(b" ")
    if scheme.lower() == b"basic":
        try:
            sent = base64.b64decode(sent, validate=True).partition(b":")[2]
        except (binascii.Error, ValueError):
            sent = b""
    elif scheme.lower() != b"bearer":
        sent = b""
    return hmac.compare_digest(sent, token.encode())


def _malformed(message: str) -> ClientFailure:
    return errors.BadRequest("forward_malformed", message)
