"""TLS on accepted connections, with little memory for each.

uvloop's own TLS keeps a read buffer of 256 KiB and as much undecrypted input for every connection,
so that 500 uploads of 1 MB leave 300 MB behind. The standard library's protocol does the same work
on any event loop; here its connections share one read buffer, and hold little that is undecrypted.
"""

import asyncio
import os
import ssl
from asyncio.sslproto import SSLProtocol, SSLProtocolState
from collections.abc import Callable
from contextlib import suppress
from typing import Any

READ_SIZE = 64 * 1024  # bytes read from a socket at a time
MUCH = 256 * 1024  # bytes read at a time as soon as that many may have come: each time has its cost
RECORD = 16 * 1024  # bytes of data that a record holds at most (RFC 8446 §5.1)
SEALED = RECORD + 22  # bytes of such a record of TLS 1.3
_WRAPPED = SSLProtocolState.WRAPPED  # an enum's members are slow to get

_BUFFER = bytearray(MUCH)
_VIEW = memoryview(_BUFFER)


class SharedBufferTls(SSLProtocol):
    """The standard library's TLS, reading into a buffer that all connections of a loop share.

    Data is copied to OpenSSL before the event loop reads for another connection
    (`asyncio.BufferedProtocol`), so that it is never in use by two. State: ``_more`` of it that
    OpenSSL has yet to get, while `buffer_updated` runs, and how much is ``_offered`` for the next
    read.
    """

    max_size = RECORD

    _app_protocol: asyncio.Protocol
    _app_reading_paused: bool
    _call_eof_received: Any  # what typeshed leaves out
    _do_write: Any
    _fatal_error: Any
    _incoming: ssl.MemoryBIO
    _outgoing: ssl.MemoryBIO
    _process_outgoing: Any
    _ssl_reading_paused: bool
    _ssl_writing_paused: bool
    _sslobj: ssl.SSLObject
    _start_shutdown: Any
    _state: SSLProtocolState
    _transport: Any
    _write_appdata: Any
    _write_backlog: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ssl_buffer, self._ssl_buffer_view = _BUFFER, _VIEW
        self._more = _VIEW[:0]
        self._offered = READ_SIZE

    def get_buffer(self, n: int) -> memoryview:  # noqa: ARG002 - the loop's wish
        """Return where the next bytes go: much room for a large body that is being read."""
        return _VIEW[: READ_SIZE if self._app_reading_paused else self._offered]

    def buffer_updated(self, nbytes: int) -> None:
        """Hand what was read to OpenSSL, a record at a time: its own buffer never shrinks again."""
        by_record = self._state is _WRAPPED and not self._app_reading_paused
        self._offered = MUCH if nbytes >= READ_SIZE else READ_SIZE
        if not by_record:
            super().buffer_updated(nbytes)
            return
        first = min(SEALED, nbytes)
        self._more = _VIEW[first:nbytes]
        try:
            self._incoming.write(_VIEW[:first])
            self._do_read()
        finally:  # after an error or close_notify: another connection gets the buffer next
            self._more = _VIEW[:0]

    def _do_read(self) -> None:
        """Do what the standard library does, in half as many steps while the connection is up."""
        if self._state is not _WRAPPED:
            super()._do_read()  # type: ignore[misc] # the same
            return
        try:
            if not self._app_reading_paused:
                self._do_read__copied()
                if self._write_backlog:
                    self._do_write()
                elif self._outgoing.pending:
                    self._process_outgoing()
            self._control_ssl_reading()
        except Exception as exc:  # noqa: BLE001 - as there
            self._fatal_error(exc, "Fatal error on SSL protocol")

    def _pause_reading(self) -> None:
        """Read no more from the socket, either: it keeps what would lie here undecrypted."""
        self._app_reading_paused = True
        self._control_ssl_reading()

    def _control_ssl_reading(self) -> None:
        """Read from the socket while the application reads."""
        paused, transport = self._app_reading_paused, self._transport
        if paused is self._ssl_reading_paused or transport is None or transport.is_closing():
            return
        self._ssl_reading_paused = paused
        (transport.pause_reading if paused else transport.resume_reading)()

    def _on_handshake_complete(self, handshake_exc: BaseException | None) -> None:
        """Tell a client why its handshake fails; the standard library keeps OpenSSL's alert.

        It is written past the transport, which is aborted next.
        """
        if handshake_exc is not None and not self._transport.get_write_buffer_size():
            descriptor = self._transport.get_extra_info("socket").fileno()
            with suppress(OSError):  # the client has gone
                os.write(descriptor, self._outgoing.read())
        super()._on_handshake_complete(handshake_exc)

    def _do_read__copied(self) -> None:
        """Hand on what OpenSSL decrypts.

        It is not asked for more than it can have: its refusal is an exception, which takes 3 µs.
        """
        incoming, more, given = self._incoming, self._more, 0
        self._more = _VIEW[:0]
        pieces, ended, full = [], False, False
        while not ended:
            pending = incoming.pending
            if given < len(more) and (not pending or (full and pending < SEALED)):
                # Behind a full record the next one is likely to be as large: its rest goes first.
                incoming.write(more[given : given + SEALED - pending])
                given += SEALED - pending
            elif not pending and not self._sslobj.pending():
                break
            try:
                piece = self._sslobj.read(RECORD)
            except ssl.SSLWantReadError:
                continue  # the rest of a record is still to come
            pieces.append(piece)
            ended, full = not piece, len(piece) == RECORD
        if data := b"".join(pieces):
            self._app_protocol.data_received(data)
        if ended:  # close_notify
            self._call_eof_received()
            self._start_shutdown()

    def write_at_once(self, data: bytes) -> bool:
        """Encrypt and write; return False, with nothing done, where that is not all there is to do.

        The transport's ``write``, of the standard library, does the same for everything: in twice
        as many steps.
        """
        if (
            self._state is not _WRAPPED
            or self._ssl_writing_paused
            or self._write_backlog
            or not data
        ):
            return False
        try:
            count = self._sslobj.write(data)
        except ssl.SSLError:  # nothing was written: the standard library meets it again
            return False
        try:
            self._transport.write(self._outgoing.read())
        except Exception as exc:  # noqa: BLE001 - as there: the transport below is lost
            self._fatal_error(exc, "Fatal error on SSL protocol")
        else:
            if count < len(data):
                self._write_appdata([data[count:]])
        return True


def at_once(transport: asyncio.BaseTransport) -> Callable[[bytes], bool]:
    """Return `SharedBufferTls.write_at_once` of a transport; it is never possible for others."""
    tls = getattr(transport, "_ssl_protocol", None)
    return tls.write_at_once if isinstance(tls, SharedBufferTls) else _never


def _never(_data: bytes) -> bool:
    return False


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
