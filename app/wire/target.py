"""The request target, byte for byte, on the configured origin and nowhere else.

Nothing is decoded, resolved or normalised: ``%2F``, ``//``, ``..``, ``;`` and a bare ``?`` arrive
as they were sent. The host never comes from the target, so ``//evil.example`` is just a path.
"""

from ..errors import BadRequest
from .grammar import is_target


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
    if ord("#") in requested or not is_target(requested):
        raise BadRequest(
            "bad_target",
            "The request target contains a fragment, a space or a control character: "
            "percent-encode it.",
        )
    return prefix + requested
