"""TLS on accepted connections, with little memory for each.

uvloop's own TLS keeps a read buffer of 256 KiB and as much undecrypted input for every connection,
so that 500 uploads of 1 MB leave 300 MB behind. The standard library's protocol does the same work
on any event loop; here its connections share one read buffer, and hold little that is undecrypted.
"""

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol, SSLProtocolState
from typing import Any

READ_SIZE = 64 * 1024  # bytes read from a socket at a time
UNDECRYPTED_HIGH, UNDECRYPTED_LOW = 64 * 1024, 16 * 1024  # bytes that may wait for the reader

_BUFFER = bytearray(READ_SIZE)
_VIEW = memoryview(_BUFFER)


class SharedBufferTls(SSLProtocol):
    """The standard library's TLS, reading into a buffer that all connections of a loop share.

    Data is copied to OpenSSL before the event loop reads for another connection
    (`asyncio.BufferedProtocol`), so that it is never in use by two.
    """

    max_size = READ_SIZE

    _fatal_error: Any  # what typeshed leaves out
    _outgoing: ssl.MemoryBIO
    _ssl_writing_paused: bool
    _sslobj: ssl.SSLObject
    _state: SSLProtocolState
    _transport: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ssl_buffer, self._ssl_buffer_view = _BUFFER, _VIEW
        limit: Any = self._set_read_buffer_limits  # type: ignore[attr-defined] # not in typeshed
        limit(UNDECRYPTED_HIGH, UNDECRYPTED_LOW)

    def _write_appdata(self, list_of_data: list[bytes]) -> None:
        """Encrypt and write a single piece at once if nothing waits to be written.

        Everything else goes the standard library's way, which does the same in a loop.
        """
        if (
            len(list_of_data) == 1
            and self._state is SSLProtocolState.WRAPPED
            and not (self._write_backlog or self._ssl_writing_paused)
        ):
            data = list_of_data[0]
            try:
                count = self._sslobj.write(data)
                self._transport.write(self._outgoing.read())
            except ssl.SSLError:
                pass  # nothing was written: the standard library meets it again, and handles it
            except Exception as exc:  # noqa: BLE001 - as there: the transport below is lost
                self._fatal_error(exc, "Fatal error on SSL protocol")
                return
            else:
                if count == len(data):
                    return
                list_of_data = [data[count:]]
        super()._write_appdata(list_of_data)


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
