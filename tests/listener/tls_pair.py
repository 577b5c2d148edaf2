"""A server's TLS and a client's, without sockets."""

import asyncio
import ssl
from asyncio.sslproto import SSLProtocol
from contextlib import suppress
from typing import Any

READ = 256 * 1024  # bytes that an event loop reads at a time, if there is room for so many


class Below:
    """The transport below TLS. State: ``written``, ``closed``, and whether it is ``lost``.

    And the ``pauses`` of reading and their ends, as they were asked for.
    """

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed: list[BaseException | None] = []
        self.lost = False
        self.pauses: list[str] = []

    def write(self, data: bytes) -> None:
        if self.lost:  # uvloop raises between a failed write and connection_lost
            raise RuntimeError("the handler is closed")
        self.written.append(bytes(data))

    def pause_reading(self) -> None:
        self.pauses.append("pause")

    def resume_reading(self) -> None:
        self.pauses.append("resume")

    def is_closing(self) -> bool:
        return bool(self.closed)

    def close(self) -> None:
        self.closed.append(None)

    def _force_close(self, exc: BaseException) -> None:
        self.closed.append(exc)

    abort = close


class Above(asyncio.Protocol):
    """The protocol above TLS, which greets. State: what it was ``told``, and what it ``read``."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.read = b""

    def data_received(self, data: bytes) -> None:
        self.read += data

    def eof_received(self) -> None:
        self.told.append("end")

    def connection_made(self, transport: Any) -> None:
        transport.write(b"hello")

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


class Connected:
    """A server's TLS and a client's, without sockets."""

    def __init__(
        self, kind: type[SSLProtocol], server: ssl.SSLContext, client: ssl.SSLContext
    ) -> None:
        self.below, self.above = Below(), Above()
        self.full = False  # what is below
        below: Any = self.below
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._client = client.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        loop = asyncio.get_running_loop()
        self.tls: Any = kind(loop, self.above, server, loop.create_future(), server_side=True)
        self.tls.connection_made(below)
        self.tls._app_transport.write(b"early")  # waits for the handshake
        for _ in range(3):
            with suppress(ssl.SSLWantReadError):
                self._client.do_handshake()
            self.feed(self._outgoing.read())
            self._take()
        self.transport = self.tls._app_transport
        self.transport.set_write_buffer_limits(64 * 1024, 16 * 1024)
        self.greeting = self.decrypted()

    def feed(self, data: bytes) -> None:
        """Let the server receive what came over the network, as an event loop hands it on."""
        while data:
            buffer = self.tls.get_buffer(READ)
            taken, data = data[: min(READ, len(buffer))], data[min(READ, len(buffer)) :]
            buffer[: len(taken)] = taken
            self.tls.buffer_updated(len(taken))

    def encrypted(self, size: int) -> bytes:
        """Return the records in which the client sends so many bytes; none after its farewell."""
        with suppress(ssl.SSLError):
            self._client.write(bytes(number % 251 for number in range(size)))
        return self._outgoing.read()

    def farewell(self) -> bytes:
        """Return the client's close_notify, once."""
        with suppress(ssl.SSLError):  # it waits for the server's
            self._client.unwrap()
        return self._outgoing.read()

    def _take(self) -> None:
        self._incoming.write(b"".join(self.below.written))
        self.below.written.clear()

    def decrypted(self) -> bytes:
        """Return what the client reads of all that was written."""
        self._take()
        read = b""
        with suppress(ssl.SSLWantReadError):
            while piece := self._client.read(2**20):
                read += piece
        return read
