"""Errors of the upstream connection that httpx's own types do not distinguish."""

import errno
from collections.abc import Iterator

import httpx

# This machine has no room for another connection: nobody else's fault.
SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Lost(httpx.RemoteProtocolError):
    """The peer closed the connection before the response's end."""


class FieldsTooLarge(httpx.LocalProtocolError):
    """The request's header fields are more than the peer takes."""


class MalformedResponse(httpx.RemoteProtocolError):
    """What came is no valid response."""


def is_shortage(exc: BaseException) -> bool:
    """Return True if this machine had no room for a connection (behaviour F2)."""
    return any(isinstance(one, OSError) and one.errno in SHORTAGES for one in causes(exc))


def causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it; an attempt at several addresses has several causes."""
    left, seen = [exc], set[int]()
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        left += [cause for cause in (one.__cause__, one.__context__, *inner) if cause is not None]
