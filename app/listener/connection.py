"""One connection: Hypercorn's, with our protocols and bounded buffers."""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.typing import ConnectionState
from hypercorn.utils import parse_socket_addr

from ..network.abort import abort
from ..network.keep_alive import keep_alive
from ..network.timeouts import Alarm
from ..wire.handover import Rest
from .app_queue import TaskGroup
from .disconnect_poll import DisconnectPoll
from .h1 import H1
from .h2 import H2
from .progress import CUT_DEADLINE, WriteProgress
from .tls import at_once

LINGER = 5.0  # seconds without a byte of a request whose answer closes the connection
CLOSE_DEADLINE = 2.0  # seconds for the last bytes and TLS's close_notify
EJECT_DELAY = 0.05  # seconds for the reason to reach a client that is ejected
TOGETHER = 16 * 1024  # bytes of a response's beginning that are written at once: a TLS record
EVENT_STREAM = b"text/event-stream"
WRITE_HIGH, WRITE_LOW = 64 * 1024, 16 * 1024  # bytes; uvloop's TLS would take 512 KiB
# A laptop that sleeps is noticed after about two minutes, even during an upload.
PROBING = {"idle": 60, "interval": 15, "probes": 4}  # as for `keep_alive`


class ServerConnection(TCPServer):
    """Serves one connection until it is closed; `TCPServer.run` builds stock protocols.

    ``write_idle`` is how many seconds a client may take nothing of what is written to it;
    ``flooded`` is told the kind of a flood that ended the connection; ``draining`` closes it
    after the first answer. State: the ``protocol``, once the connection is served; ``_ended``,
    once the client has left; ``_resets``, once the connection is to end by a reset; ``_idle``,
    while no request is in progress, with the ``_alarm`` that ends that; ``_begun``, the beginning
    of a response until it is whole or this turn of the event loop is over, ``_together``, how
    long it may be, and ``_grown``, once it is more than the head.
    """

    protocol: Any = None
    _ended = False
    _idle = False
    _begun = b""
    _together = TOGETHER
    _grown = False
    _resets = False

    def __init__(
        self,
        *args: Any,
        write_idle: float,
        flooded: Callable[[str], None] = lambda _: None,
        draining: bool = False,
    ) -> None:
        super().__init__(*args)
        self._draining = draining
        self._transport: asyncio.WriteTransport = self.writer.transport
        self._write_at_once = at_once(self._transport)
        self._progress = WriteProgress(self.writer, write_idle)
        self._write_idle = write_idle
        self._alarm = Alarm(self.loop)
        self._flooded = flooded

    @property
    def agreed(self) -> str:
        """The protocol that TLS agreed on (RFC 7301); HTTP/1.1 if it agreed on none."""
        ssl_object = self.writer.get_extra_info("ssl_object")
        agreed = ssl_object.selected_alpn_protocol() if ssl_object is not None else None
        return agreed or "http/1.1"

    async def run(self) -> None:
        """Serve; an OSError only means that the peer has gone."""
        connected = self.writer.get_extra_info("socket")
        tls = self.writer.get_extra_info("ssl_object") is not None
        protocol: Any = H2 if self.agreed == "h2" else H1
        try:
            keep_alive(connected, **PROBING)
            self._transport.set_write_buffer_limits(WRITE_HIGH, WRITE_LOW)
            client = parse_socket_addr(connected.family, connected.getpeername())
            server = parse_socket_addr(connected.family, connected.getsockname())
            disconnected = DisconnectPoll(self._transport)
            async with TaskGroup(self.loop, disconnected) as task_group:
                self._task_group = task_group
                self.protocol = protocol(
                    self.app,
                    self.config,
                    self.context,
                    task_group,
                    ConnectionState(self.state),
                    tls,
                    client,
                    server,
                    self.protocol_send,
                )
                self.protocol.disconnected = disconnected
                self.protocol.write = self._write
                self.protocol.begin = self._begin
                self.protocol.flush = self._write_begun
                self.protocol.note_idle = self._note_idle
                self.protocol.linger = self._linger
                self.protocol.write_idle = self._write_idle
                self.protocol.eject = self._eject
                self.protocol.reset = self._reset_at_end
                if self._draining:
                    self.protocol.close_after_next()
                await self.protocol.initiate()
                self._note_idle(True)
                try:
                    await self._read_data()
                finally:
                    self._ended = True
        except OSError:
            pass
        finally:
            self._alarm.stop()
            await self._close()
            self.protocol = None  # it refers to this: leave no cycle with TLS's buffers to collect

    async def _read_data(self) -> None:
        """Hand on what comes, and keep none of it; stock keeps the last 64 KB until more comes."""
        while not self.reader.at_eof():
            try:
                handling = self.protocol.handle(
                    RawData(await self.reader.read(self.protocol.next_read))
                )
            except OSError:
                break
            await handling
        await self.protocol.handle(Closed())

    async def protocol_send(self, event: Event) -> None:
        """Take an event from the protocol.

        Bytes are written before anything is waited for: they are part of the codec's state
        (HPACK), so a cancelled sender must not lose them. A client that has left is not waited
        for, and nothing is written to a lost connection: TLS answers that with an AttributeError.
        """
        if isinstance(event, Updated):
            self._note_idle(event.idle)
        elif not isinstance(event, RawData):
            await super().protocol_send(event)
        elif (rest := self._write(event.data)) is not None:
            await rest()

    def _begin(self, head: bytes) -> Rest | None:
        """Write the head of a response, together with what follows in this turn of the loop.

        A small answer, that is, is one TLS record and one system call, not three. Of a stream of
        events only the first piece goes with the head: it does not wait for the proxy to read it.

        Where a small body has come meanwhile, its end is likely to be on its way through the proxy:
        that has one turn more.

        Return what waits for room, if answers that went before have left none: nothing else holds
        back a client that asks for many small ones and reads none.
        """
        self.loop.call_soon(self._end_turn)
        self._grown = False
        self._together = 0 if head.find(EVENT_STREAM) >= 0 else TOGETHER
        self._begun += head
        return self._room if self._transport.get_write_buffer_size() else None

    def _end_turn(self) -> None:
        if self._grown and self._begun:
            self.loop.call_soon(self._write_begun)
        else:
            self._write_begun()

    def _write_begun(self) -> None:
        if self._begun:
            data, self._begun = self._begun, b""
            self._write(data)

    def _write(self, data: bytes) -> Rest | None:
        """Write; return what waits for room, if there is none."""
        if self._begun:
            data, self._begun = self._begun + data, b""
            if len(data) <= self._together:
                self._begun, self._grown = data, True
                return None
        if self._write_at_once(data):
            self._progress.written += len(data)
            return None
        transport = self._transport
        if transport.is_closing():
            return None
        transport.write(data)
        self._progress.written += len(data)
        return self._room if transport.get_write_buffer_size() else None

    async def _room(self) -> None:
        try:
            await self._progress.drain()
        except (ConnectionError, RuntimeError):
            await self.protocol.handle(Closed())

    def _note_idle(self, idle: bool) -> None:
        """Close the connection once no request has been in progress for the keep-alive time-out.

        Stock makes a task and cancels another for each request: a tenth of its cost.
        """
        self._idle = idle
        if self._ended or not idle:
            self._alarm.clear()
        elif self.context.terminated.is_set():
            self.close_if_idle()
        else:
            self._alarm.set(self.config.keep_alive_timeout, self.close_if_idle)

    def _linger(self) -> None:
        """Close the connection once nothing has come for a while of a request that was answered."""
        if self._idle and not self._ended:
            self._alarm.set(LINGER, self.close_if_idle)

    def close_if_idle(self) -> None:
        """Close the connection, unless a request is in progress."""
        if self._idle and not self._ended:
            self._task_group.spawn(self._initiate_server_close)

    async def start_drain(self) -> None:
        """Let the client know that the server is about to leave."""
        if self.protocol is None:
            self._draining = True
        else:
            await self.protocol.start_drain()

    def _eject(self, kind: str) -> None:
        """Eject a client that floods.

        Its bytes are not read any more: uvloop's TLS goes on decrypting what comes to a
        connection that is closed in order.
        """
        self._flooded(kind)
        self._write_begun()
        transport: Any = self._transport
        if not transport.is_closing():
            transport.pause_reading()
        self.loop.call_later(EJECT_DELAY, abort, transport)

    async def _close(self) -> None:
        """Close, in time; stock waits forever for a client that takes nothing."""
        self._write_begun()
        if self._resets:
            await self._reset()
        with suppress(OSError, TimeoutError):  # SSLError is an OSError
            async with asyncio.timeout(CLOSE_DEADLINE):
                await super()._close()
        abort(self._transport)

    def _reset_at_end(self) -> None:
        self._resets = True

    async def _reset(self) -> None:
        """Reset the connection once the client has what was written to it."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CUT_DEADLINE):
                await self._progress.wait_taken()
            linger = struct.pack("ii", 1, 0)
            sock = self.writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        abort(self._transport)
