"""HTTP without TLS on the HTTPS port: a first-minute mistake, answered in plain words."""

from ..anthropic.errors import answer
from ..errors import BadRequest

MESSAGE = (
    "This port speaks HTTPS, and the request came without TLS: use https:// instead of http:// "
    "(ANTHROPIC_BASE_URL)."
)


def begins(first: bytes) -> bool:
    """Return True if a connection's first byte begins HTTP; TLS begins with 22 (RFC 8446 §5.1)."""
    return first.isalpha() or first in b"\r\n"


def response() -> bytes:
    """Return the whole answer as bytes."""
    return answer(BadRequest("plain_http", MESSAGE)).as_http1()
