"""Whether a peer has closed its side of a connection in an orderly way."""

import asyncio
import ssl


def in_order(transport: asyncio.BaseTransport) -> bool:
    """Return True at the end of a plain connection, and of TLS that close_notify has ended.

    Asyncio reports the end of TCP below TLS like close_notify, uvloop as a loss (RFC 8446 §6.1).
    OpenSSL, asked for more, has reached an end or waits for it.
    """
    tls = transport.get_extra_info("ssl_object")
    if tls is None:
        return True
    try:
        return not tls.read(1)
    except ssl.SSLZeroReturnError:  # both sides have ended
        return True
    except ssl.SSLError:
        return False
