"""Errors of the upstream connection that httpx's own types do not distinguish."""

import httpx


class Lost(httpx.RemoteProtocolError):
    """The peer closed the connection before the response's end."""


class FieldsTooLarge(httpx.LocalProtocolError):
    """The request's header fields are more than the peer takes."""


class MalformedResponse(httpx.RemoteProtocolError):
    """What came is no valid response."""
