"""The request target, byte for byte, on the configured origin and nowhere else.

Nothing is decoded, resolved or normalised: ``%2F``, ``//``, ``..``, ``;`` and a bare ``?`` arrive
as they were sent. The host never comes from the target, so ``//evil.example`` is just a path.
"""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from ..errors import BadRequest
from .grammar import is_target

_DEFAULT_PORTS = {"https": 443, "http": 80}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where every request goes: ``url`` without a path, and the ``prefix`` put before paths."""

    url: str
    host: bytes  # the Host field: with the port unless it is the scheme's own
    prefix: bytes = b""

    @classmethod
    def parse(cls, base_url: str) -> "Origin":
        """Read a base URL; a ValueError says what is wrong with it."""
        if not base_url.isascii() or re.search(r"[\x00-\x20\x7f]", base_url):
            raise ValueError("must be ASCII without spaces (a name like xn--… for others)")
        parts = urlsplit(base_url)
        if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
            raise ValueError("must look like https://api.anthropic.com (http or https)")
        if "@" in parts.netloc:
            raise ValueError("must not hold a user name or password")
        if "?" in base_url or "#" in base_url:
            raise ValueError("must not hold a query or fragment")
        name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        port = parts.port  # raises ValueError when out of range
        host = name if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{name}:{port}"
        return cls(
            url=f"{parts.scheme}://{host}",
            host=host.encode("ascii"),
            prefix=parts.path.rstrip("/").encode("ascii"),
        )


def target(prefix: bytes, requested: bytes) -> bytes:
    """Return the target for upstream, or raise `BadRequest` when it cannot be a path there.

    ``requested`` is the request line's target in origin-form (RFC 9112 §3.2.1), query included.
    """
    if not requested.startswith(b"/"):
        raise BadRequest(
            "bad_target",
            "The request target must be a path such as /v1/messages. "
            "Use this proxy as a base URL (ANTHROPIC_BASE_URL), not as HTTPS_PROXY.",
        )
    if b"#" in requested or not is_target(requested):
        raise BadRequest(
            "bad_target",
            "The request target holds a fragment, a space or a control character: "
            "percent-encode it.",
        )
    return prefix + requested
