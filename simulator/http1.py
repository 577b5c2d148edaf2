"""HTTP/1.1 connections (RFC 9112) on the h11 library."""

import asyncio
import socket
import struct

import h11

from .received import Received
from .wire import HEAD_LIMIT, Accept, Headers, Pipe, Stream, Wire

_NEVER_LINGER = struct.pack("ii", 1, 0)  # SO_LINGER of zero seconds: closing sends a TCP reset
LINGER = 0.5  # seconds for which a request is still read after an early answer


class Http1(Wire):
    """A connection, one request after the other.

    State: ``_stream`` is the running one, ``_requests`` how many came, ``_leaving`` is set
    when the connection closes after the answer.
    """

    def __init__(self, pipe: Pipe, accept: Accept) -> None:
        self.pipe = pipe
        self.h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        self._accept = accept
        self._loop = asyncio.get_running_loop()
        self._stream: Http1Stream | None = None
        self._requests = 0
        self._leaving = False

    def receive(self, data: bytes) -> None:
        """Take bytes; anything else than HTTP closes the connection."""
        self.h11.receive_data(data)
        self._advance()

    def lost(self) -> None:
        """End what runs."""
        if self._stream is not None:
            self._stream.gone("closed")
            self._stream = None

    def goaway(self, code: int = 0, last_stream_id: int | None = None) -> None:  # noqa: ARG002 - HTTP/1.1 has neither
        """Close after the running answer."""
        self._leaving = True
        if self._stream is None:
            self.pipe.transport.close()

    def done(self) -> None:
        """Go on with the connection's next request, or close it."""
        self._stream = None
        if self.h11.their_state is h11.SEND_BODY:
            # Closing with bytes unread would reset the connection and lose the answer.
            self._loop.call_later(LINGER, self.pipe.transport.close)
        elif self._leaving or self.h11.our_state is not h11.DONE:
            self.pipe.transport.close()
        else:
            self.h11.start_next_cycle()
            self._advance()

    def _advance(self) -> None:
        try:
            while (event := self.h11.next_event()) not in (h11.NEED_DATA, h11.PAUSED):
                if isinstance(event, h11.ConnectionClosed):
                    return
                self._take(event)
        except h11.RemoteProtocolError:
            self.pipe.transport.close()

    def _take(self, event: h11.Event | type) -> None:
        if isinstance(event, h11.Request):
            self._request(event)
        elif self._stream is not None and isinstance(event, h11.Data):
            self._stream.received.add_body(bytes(event.data))
        elif self._stream is not None and isinstance(event, h11.EndOfMessage):
            self._stream.body_ended()

    def _request(self, request: h11.Request) -> None:
        self._requests += 1
        received = _received(request, self.pipe.number, self._requests, self._loop.time())
        self._stream = Http1Stream(self, received)
        self._accept(self._stream)
        if not self._stream.reading:
            self.pipe.transport.pause_reading()
        elif self.h11.they_are_waiting_for_100_continue:
            answer = h11.InformationalResponse(status_code=100, headers=[])
            self.pipe.write(self.h11.send(answer) or b"")


class Http1Stream(Stream):
    """The one exchange that an HTTP/1.1 connection runs at a time."""

    def __init__(self, wire: Http1, received: Received) -> None:
        super().__init__(received)
        self._wire = wire

    def start(self, status: int, headers: Headers) -> None:
        """Send the head; h11 chooses chunks when no length is given."""
        if not self.received.body_complete:
            headers = [*headers, (b"connection", b"close")]
        self._write(h11.Response(status_code=status, headers=headers))

    async def send(self, data: bytes) -> None:
        """Send one chunk, or a part of the announced length."""
        await self._wire.pipe.writable.wait()
        self._write(h11.Data(data=data))
        self.received.add_sent(data)

    def end(self) -> None:
        """End the message; a request that was not read whole ends the connection."""
        self._write(h11.EndOfMessage())
        self.finish("complete")
        self._wire.done()

    def reset(self, code: int) -> None:  # noqa: ARG002 - TCP has one reset only
        """Reset the TCP connection."""
        self.finish("fault")
        connection = self._wire.pipe.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NEVER_LINGER)
        self._wire.pipe.transport.abort()

    def close(self) -> None:
        """Close the connection."""
        self.finish("fault")
        self._wire.pipe.transport.close()

    def cut(self) -> None:
        """Write a chunk's head and less than it promises."""
        self._wire.pipe.write(b"40\r\n: the rest of this chunk")
        self.close()

    def goaway(self, code: int) -> None:
        """Close after this answer."""
        self._wire.goaway(code)

    def _write(self, event: h11.Event) -> None:
        self._wire.pipe.write(self._wire.h11.send(event) or b"")


def _received(request: h11.Request, connection: int, number: int, now: float) -> Received:
    return Received(
        method=request.method.decode("latin-1"),
        target=request.target,
        authority=next((value for name, value in request.headers if name == b"host"), b""),
        headers=list(request.headers.raw_items()),
        http_version="1.1",
        connection=connection,
        stream_id=number,
        started_at=now,
    )
