"""TLS on accepted connections, with little memory for each.

uvloop's own TLS keeps a read buffer of 256 KiB and as much undecrypted input for every connection,
so that 500 uploads of 1 MB leave 300 MB behind. The standard library's protocol does the same work
on any event loop; here its connections share one read buffer, and hold little that is undecrypted.
"""

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from typing import Any

READ_SIZE = 64 * 1024  # bytes read from a socket at a time
UNDECRYPTED_HIGH, UNDECRYPTED_LOW = 64 * 1024, 16 * 1024  # bytes that may wait for the reader

_PRIVATE = {"_set_read_buffer_limits", "_ssl_buffer", "_ssl_buffer_view"}
_BUFFER = bytearray(READ_SIZE)
_VIEW = memoryview(_BUFFER)


class SharedBufferTls(SSLProtocol):
    """The standard library's TLS, reading into a buffer that all connections of a loop share.

    What is read is copied to OpenSSL before the event loop reads for another connection
    (`asyncio.BufferedProtocol`), so that it is never in use by two.
    """

    max_size = READ_SIZE

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if missing := _PRIVATE - {*vars(self), *dir(self)}:
            raise ImportError(f"this Python's asyncio.sslproto has no {missing}")
        self._ssl_buffer, self._ssl_buffer_view = _BUFFER, _VIEW
        limit: Any = self._set_read_buffer_limits  # type: ignore[attr-defined] # not in typeshed
        limit(UNDECRYPTED_HIGH, UNDECRYPTED_LOW)


async def accept(
    protocol: asyncio.Protocol,
    sock: Any,
    context: ssl.SSLContext,
    *,
    handshake_timeout: float,
    shutdown_timeout: float,
) -> asyncio.Transport:
    """Return the transport of an accepted connection, after the handshake; raises OSError."""
    loop = asyncio.get_running_loop()
    shaken: asyncio.Future[None] = loop.create_future()
    tls = SharedBufferTls(
        loop,
        protocol,
        context,
        shaken,
        server_side=True,
        ssl_handshake_timeout=handshake_timeout,
        ssl_shutdown_timeout=shutdown_timeout,
    )
    plain, _ = await loop.connect_accepted_socket(lambda: tls, sock)
    try:
        await shaken
    except BaseException:
        plain.abort()
        raise
    return tls._app_transport  # noqa: SLF001
