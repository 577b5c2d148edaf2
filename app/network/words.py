"""What an error of a connection says to people."""

import os
import socket
import ssl


def words(exc: object) -> str:
    """Return the system's words, without its number and what asyncio adds to them.

    ``[Errno 111] Connect call failed ('192.0.2.7', 443)`` is ``connection refused``. A text, which
    urllib has for some reasons, is returned as it is.
    """
    if isinstance(exc, socket.gaierror):
        return (exc.strerror or "the name was not found").lower()
    if isinstance(exc, OSError) and exc.errno and not isinstance(exc, ssl.SSLError):
        text = os.strerror(exc.errno)
        return text[:1].lower() + text[1:]
    return str(exc) or type(exc).__name__
