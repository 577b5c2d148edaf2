"""Aborts a connection, whatever state it is in."""

import asyncio
from contextlib import suppress


def abort(transport: asyncio.WriteTransport) -> None:
    """Abort a connection; nothing happens if it is closed.

    In Python 3.11.0 to 3.11.2 a TLS transport that was closed twice raises `AttributeError`.
    """
    with suppress(AttributeError):
        transport.abort()
