"""One HTTP/1.1 connection: a socket that carries one call after the other."""

import asyncio
import select
from collections.abc import Callable
from typing import Protocol

import httpx

from ..network.abort import abort
from ..network.eof import in_order
from ..network.errors import Lost, MalformedResponse
from ..network.outflow import Outflow, Passage
from ..wire.timeouts import Timeouts
from .call import PIECE, UNREAD, Call
from .request import Body, Head
from .session import End, Event, Interim, Session
from .session import Head as ResponseHead

IDLE = 4.0  # seconds that a connection waits for its next call: many servers close after 5


class ConnectionOwner(Protocol):
    """Whoever hands out connections."""

    def released(self, connection: "Http1Connection") -> None:
        """Note that a call has ended; ``draining`` says whether it was the last."""

    def closed(self, connection: "Http1Connection") -> None:
        """Note that the socket is closed."""


class Http1Connection(asyncio.Protocol):
    """A socket and its session. Synchronous except for `wait_closed`.

    State: ``paused`` while the socket is full, ``draining`` once it may carry no call any more,
    ``served`` counts calls, ``connect_time`` in seconds is noted by whoever connects. ``_call``
    is the one in progress, ``_mute`` until its response begins, ``_before`` the position of the
    bytes written before it, ``_idle_since`` the times of both clocks at the last call's end,
    ``_expires`` the loop's time from which on it is not used again, ``_poll`` looks at the socket.
    """

    def __init__(
        self, owner: ConnectionOwner, *, wall: Callable[[], float], max_age: float | None
    ) -> None:
        loop = asyncio.get_running_loop()
        self.paused = False
        self.draining = False
        self.served = 0
        self.connect_time = 0.0
        self._owner = owner
        self._loop = loop
        self._wall = wall
        self._session = Session()
        self._call: Call | None = None
        self._mute = False
        self._before: int | None = None
        self._idle_since = loop.time(), wall()
        self._expires = loop.time() + max_age if max_age is not None else float("inf")
        self._transport: asyncio.Transport | None = None
        self._outflow: Outflow | None = None
        self._passage: Passage | None = None
        self._poll: select.poll | None = None
        self._closed = loop.create_future()

    # For whoever uses it

    @property
    def busy(self) -> bool:
        """Whether a call is in progress."""
        return self._call is not None

    def fit(self) -> bool:
        """Return whether an idle connection may carry another call at this moment.

        A byte that waits in the socket belongs to no call, or is the peer's close. A machine
        that slept has other times on its two clocks.
        """
        now = self._loop.time(), self._wall()
        fresh = all(
            0 <= at - since <= IDLE for at, since in zip(now, self._idle_since, strict=True)
        )
        return fresh and not self.draining and now[0] < self._expires and not self.readable()

    def open(self, head: Head, body: httpx.AsyncByteStream, timeouts: Timeouts) -> Call:
        """Send a request."""
        framing = Body(head.length)
        whole = b"".join(body) if isinstance(body, httpx.ByteStream) else None
        call = self._call = Call(self, framing, timeouts, self._loop)
        self._session.begin(head.method)
        self._expect_response()
        self.served += 1
        if whole is None or len(whole) > PIECE:
            self.write(head.data)
            call.upload(body)
            return call
        try:
            self.write(head.data + bytes(framing.frame(whole)) + framing.end())
            call.finish_request()
        except httpx.LocalProtocolError as exc:
            call.fail(exc)
        return call

    def close(self) -> None:
        """Close the connection; a call in progress fails."""
        if self._call is not None:
            self._lose(httpx.ReadError("this side closed the connection"))
        self.draining = True
        if self._transport is not None:
            self._transport.close()

    async def wait_closed(self) -> None:
        """Wait until the socket is closed."""
        await asyncio.shield(self._closed)

    # For its call

    def write(self, data: memoryview | bytes) -> None:
        """Write at once, unless the socket is closing."""
        if self._outflow is not None and data:
            self._outflow.write(data)

    def readable(self) -> bool:
        """Return whether the peer has sent what was not read yet, or has left."""
        if self._transport is None or self._transport.is_closing():
            return True
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return bool(self._poll.poll(0))

    def follow(self) -> None:
        """Follow the bytes written so far on their way out."""
        if self._passage is not None:
            self._passage.mark()

    def progress(self) -> float:
        """Return the loop's time when they were last seen to leave."""
        return 0.0 if self._passage is None else self._passage.moved()

    def hold(self, *, reading: bool) -> None:
        """Read from the socket, or let the peer wait."""
        if self._transport is None or self._transport.is_closing():
            return
        if reading:
            self._transport.resume_reading()
        else:
            self._transport.pause_reading()

    def detach(self, *, reusable: bool) -> None:
        """Forget the call; close the connection unless it can be used again."""
        self._call = None
        self._idle_since = self._loop.time(), self._wall()
        if not reusable:
            self._abort()
        self._owner.released(self)

    # For asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket; nothing is written before there is a call."""
        self._transport = transport  # type: ignore[assignment] # asyncio's type is too wide
        self._outflow = Outflow(transport)  # type: ignore[arg-type] # the same
        self._passage = Passage(self._outflow, self._loop.time)
        limit_reading = getattr(transport, "set_read_buffer_limits", None)
        if limit_reading is not None:  # TLS reads ahead of us
            limit_reading(high=UNREAD)

    def data_received(self, data: bytes) -> None:
        """Hand on what came; what belongs to no call ends the connection (§9.2)."""
        if self.draining:
            return
        if self._call is None or self._unasked():
            self._lose(MalformedResponse("unexpected bytes without a request"))
            return
        self._mute = False
        self._receive(data)

    def eof_received(self) -> None:
        """Take the end of what the peer sends: it may end a response (§6.3).

        Over TLS only one in order does; anything on the way can end TCP (§9.8).
        """
        if self._transport is not None and not in_order(self._transport):
            self._lose(Lost("the connection ended without TLS's close_notify"))
        if self._call is not None:
            self._receive(b"")
        self._lose(httpx.RemoteProtocolError("the peer closed the connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is left."""
        if exc is None:
            self._lose(httpx.RemoteProtocolError("the peer closed the connection"))
        else:
            self._lose(httpx.ReadError(str(exc) or type(exc).__name__))
        self._closed.set_result(None)
        self._owner.closed(self)

    def pause_writing(self) -> None:
        """Hold the upload."""
        self.paused = True

    def resume_writing(self) -> None:
        """Let the upload go on."""
        self.paused = False
        if self._call is not None:
            self._call.resume()

    # Within

    def _receive(self, data: bytes) -> None:
        touched: Call | None = None
        try:
            for event in self._session.receive(data):
                if self._call is not None and _tell(self._call, event):
                    touched = self._call
        except httpx.RemoteProtocolError as exc:
            self._lose(exc)
        if touched is not None:
            touched.deliver()

    def _expect_response(self) -> None:
        """Note how far the bytes of former calls reach, to know an answer to this one by."""
        self._mute = self.served > 0
        if self._outflow is not None and self._mute:
            position = self._outflow.position()
            self._before = position + self._outflow.backlog() if position else None

    def _unasked(self) -> bool:
        """Return whether the first bytes came before the peer can have seen the request.

        They were on their way already: its kernel has acknowledged nothing of the request.
        """
        if not self._mute or self._before is None or self._outflow is None:
            return False
        return self._outflow.position() <= self._before

    def _lose(self, error: httpx.TransportError) -> None:
        self._abort()
        if self._call is not None:
            self._call.fail(error)

    def _abort(self) -> None:
        """Close at once: whoever does not read our last bytes would keep the socket."""
        self.draining = True
        if self._transport is not None:
            abort(self._transport)


def _tell(call: Call, event: Event) -> bool:
    """Tell the call what came; return whether it has something to deliver."""
    match event:
        case bytes() | bytearray():
            return call.receive(event)
        case ResponseHead():
            call.receive_head(event.status, event.fields)
        case Interim():
            call.receive_interim()
        case End():
            call.receive_end(reusable=event.reusable)
    return False
