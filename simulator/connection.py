"""A connection from its first byte: which protocol it speaks, and its back-pressure."""

import asyncio
from typing import cast

from .http1 import Http1
from .http2 import Http2
from .wire import Accept, Pipe, Wire

_PREFACE = b"PRI * HTTP/2.0"  # RFC 9113 §3.4


class Connection(asyncio.Protocol):
    """A member of ``connections`` while it is open, TLS handshake aside.

    State: its ``pipe`` and, from the first bytes on, the ``_wire`` that speaks on it.
    """

    def __init__(
        self,
        number: int,
        accept: Accept,
        *,
        max_concurrent_streams: int,
        connections: set["Connection"],
    ) -> None:
        self._number = number
        self._accept = accept
        self._max_concurrent_streams = max_concurrent_streams
        self._connections = connections
        self._wire: Wire | None = None
        self.pipe: Pipe
        self.lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; a server that chose HTTP/2 speaks first."""
        self.pipe = Pipe(cast("asyncio.Transport", transport), self._number)
        self._connections.add(self)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            self._wire = self._http2()

    def data_received(self, data: bytes) -> None:
        """Pass bytes to the protocol; the first ones tell which when ALPN did not."""
        if self._wire is None:
            preface = data.startswith(_PREFACE)
            self._wire = self._http2() if preface else Http1(self.pipe, self._accept)
        self._wire.receive(data)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - however it ended
        """End what runs."""
        if self._wire is not None:
            self._wire.lost()
        self.pipe.writable.set()
        self.lost.set()
        self._connections.discard(self)

    def pause_writing(self) -> None:
        """Hold answers back while the client does not read."""
        self.pipe.writable.clear()

    def resume_writing(self) -> None:
        """Let answers go on."""
        self.pipe.writable.set()

    def goaway(self, code: int, last_stream_id: int | None) -> None:
        """Take no more requests."""
        if self._wire is not None:
            self._wire.goaway(code, last_stream_id)

    def mute(self) -> None:
        """Neither read nor write any more, as if the network had gone."""
        self.pipe.mute = True
        self.pipe.transport.pause_reading()

    def _http2(self) -> Http2:
        return Http2(self.pipe, self._accept, self._max_concurrent_streams)
