"""Requests as the proxy makes them."""

from collections.abc import Callable

import httpx

from app.http2 import Transport

MakeTransport = Callable[..., Transport]  # Transport's options


def request(
    url: str,
    target: bytes = b"/",
    *,
    method: str = "POST",
    body: bytes | httpx.AsyncByteStream = b"",
    headers: list[tuple[bytes, bytes]] | None = None,
    **timeouts: float,
) -> httpx.Request:
    """Build a request as the proxy does: nothing added."""
    limits = {"connect": 5.0, "read": 10.0, "write": 10.0, "pool": 10.0} | timeouts
    made = httpx.Request(
        method,
        url,
        headers=[(b"host", httpx.URL(url).netloc), *(headers or [])],
        stream=httpx.ByteStream(body) if isinstance(body, bytes) else body,
        extensions={"target": target, "timeout": limits},
    )
    made.method = method  # the constructor would upper-case it
    return made
