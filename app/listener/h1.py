"""HTTP/1.1, with framing that leaves nothing to interpretation (RFC 9112).

h11 is lenient where a gateway must not be: what two parties read differently smuggles requests
past one of them. Refused, with the connection closed: Content-Length beside Transfer-Encoding,
Transfer-Encoding in HTTP/1.0 (§6.1), bare LF (§2.2), folded lines (§5.2) and versions that do
not exist (§2.3).
"""

import re
import weakref
from collections.abc import Callable
from typing import Any

import h11
from h11._receivebuffer import ReceiveBuffer
from hypercorn.asyncio.worker_context import EventWrapper
from hypercorn.events import Closed, RawData
from hypercorn.events import Event as WireEvent
from hypercorn.protocol.events import Body, EndBody, Event, Request
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.typing import H11SendableEvent

from ..wire.grammar import holds_bare_line_feed, holds_control
from ..wire.handover import Take
from ..wire.headers import Headers
from ..wire.heads import refuse_http1
from . import framing, refusal
from .disconnect_poll import wait_or_disconnect
from .server_codec import ServerCodec
from .stream import RequestStream

HEAD_READ, BODY_READ = 64 * 1024, 256 * 1024  # bytes read at a time
UNREAD_LIMIT = 64 * 2**20  # bytes of a request still taken after its answer: the API takes 32 MB
CLOSE = (b"connection", b"close")
_EMPTY_LINES = re.compile(rb"(?:\r\n)+")


class H1(H11Protocol):
    """Hypercorn's, without upgrades (neither h2c nor websocket) and strict.

    ``write`` is the connection's: it writes at once, and returns what waits for room, if anything.
    ``begin`` writes a head together with what follows at once, and returns the same. ``flush``
    writes what was begun. ``note_idle`` is told when a request begins, and when none is in
    progress any more. ``linger`` closes the connection once nothing comes for a while. ``reset``
    lets it end by a reset.
    """

    write: Take
    begin: Take
    flush: Callable[[], None]
    note_idle: Callable[[bool], None]
    linger: Callable[[], None]
    reset: Callable[[], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not isinstance(self.connection, h11.Connection):
            raise TypeError("Hypercorn's HTTP/1.1 is expected to stand on h11")
        self.connection = self._codec = ServerCodec(
            h11.SERVER, max_incomplete_event_size=self.config.h11_max_incomplete_size
        )
        self._codec._receive_buffer = _StrictBuffer(self._codec)  # noqa: SLF001 - no seam
        self.disconnected: Callable[[], bool] = lambda: False
        self.can_read = self._can_read = _CanRead(self)
        self._untold = False  # the client has not read yet that the server is about to leave
        self._lingers = True  # unless a client may wait for the end, and not send a body at all

    async def _check_protocol(self, event: h11.Request) -> None:
        """Upgrade nothing: the Upgrade field is hop-by-hop and ignored."""

    @property
    def next_read(self) -> int:
        """How many bytes to take next: few of a head, whose size h11 looks at after each piece."""
        return BODY_READ if self._codec.their_state is h11.SEND_BODY else HEAD_READ

    async def handle(self, event: WireEvent) -> None:
        """Take what came; a request whose head came whole begins at once, with what is behind it.

        The other way looks for each event by itself, and for the next request, too.
        """
        data = event.data if isinstance(event, RawData) else b""
        head = self._codec.begin(data) if data else None
        if head is None:
            await super().handle(event)
            return
        body, whole = data[head.end :], self._codec.their_state is h11.DONE
        self.note_idle(False)
        stream = await self._open_stream(head.method, head.target, b"1.1", head.fields, None)
        if body or whole:
            await stream.receive(body, whole=whole)

    async def _create_stream(self, request: h11.Request) -> None:
        headers = [(name, value) for _, name, value in request.headers._full_items]  # noqa: SLF001
        version = request.http_version
        status = refuse_http1(version, headers)
        await self._open_stream(request.method, request.target, version, headers, status)

    async def _open_stream(
        self, method: bytes, target: bytes, version: bytes, headers: Headers, status: int | None
    ) -> RequestStream:
        app = self.app if status is None else refusal.application(status, CLOSE)
        self.stream = stream = RequestStream.of(self, app, STREAM_ID)
        stream.frame_head, stream.begin, stream.end = self._head, self.begin, self._end
        stream.frame, stream.write_framed = self._codec.frame, self.write
        if self._codec.client_is_waiting_for_100_continue:
            stream.proceed = self._proceed
        stream.before_drain = self._untold
        self._untold = False
        await stream.open(
            Request(
                stream_id=STREAM_ID,
                headers=headers,
                http_version=version.decode(),
                method=method.decode("ascii"),
                raw_path=target,
                state=self.connection_state,
            )
        )
        self.keep_alive_requests += 1
        return stream

    async def _end(self) -> None:
        """End the response, and the exchange: first of all the client gets what it waits for."""
        end = framing.end(self._codec)
        if end is None:
            await self.stream_send(EndBody(stream_id=STREAM_ID))
        else:
            if (rest := self.write(end)) is not None:
                await rest()
            self.flush()
        await self._maybe_recycle()

    async def _proceed(self) -> None:
        """Ask for the body, unless it comes already."""
        if self._codec.client_is_waiting_for_100_continue:
            headers = self.config.response_headers("h11")
            await self._send_h11_event(h11.InformationalResponse(status_code=100, headers=headers))

    def _head(self, status: int, headers: Headers) -> bytes | None:
        """Return the head of a response that leaves the connection open, if it is ordinary."""
        if self._codec.client_is_waiting_for_100_continue:
            self.close_after_next()  # whether a body follows is not known (RFC 9110 §10.1.1)
            self._lingers = False
        if self.keep_alive_requests >= self.config.keep_alive_max_requests:
            return None
        return framing.head(self._codec, status, headers)

    async def _send_h11_event(self, event: H11SendableEvent) -> None:
        """Send; the head of a response goes out together with what follows at once.

        A response that has ended goes out before anything else is done about its request.
        """
        if isinstance(event, h11.Response):
            event = framing.worded(event)
        if isinstance(event, h11.Response) and self._codec.their_state is not h11.ERROR:
            if (rest := self.begin(self._codec.send(event) or b"")) is not None:
                await rest()
        else:
            await super()._send_h11_event(event)
            if isinstance(event, h11.EndOfMessage):
                self.flush()

    async def _maybe_recycle(self) -> None:
        """Go on to the next request, or close.

        A request that was answered before its end is read to its end: closing now would reset
        the connection, and the client might never see the answer (RFC 9112 §9.6). Where that
        closes the connection, no longer than something comes. HTTP/1.0 waits for the end.

        The client of a response that was cut behind its last byte has all that its content-length
        announces, and may be sending its next request.
        """
        if self._codec.over and not self.context.terminated.is_set():
            await self._close_stream()
            self._codec.start_next_cycle()
            self._can_read.open()
            self.note_idle(True)
            return
        if framing.is_whole(self._codec):
            await self._send_h11_event(h11.EndOfMessage())
        elif framing.is_ended_by_close(self._codec):
            self.reset()  # it was cut, and an end in order would look like its own
        closing = self._codec.our_state is h11.MUST_CLOSE
        answered_early = (
            (self._codec.our_state is h11.DONE or (closing and self._lingers))
            and self._codec.their_state is h11.SEND_BODY
            and self._codec.their_http_version != b"1.0"
            and not self.context.terminated.is_set()
        )
        if not answered_early:
            await super()._maybe_recycle()
            return
        await self._close_stream()
        unread: Any = _Unread(self, self.linger if closing else None)
        self.stream = unread
        self.note_idle(True)
        if closing:
            self.linger()

    def on_disconnect(self) -> None:
        """Tell the running request that its client has left; without one, read no more.

        h11 goes on to pause before a request that is behind an answer which was cut.
        """
        if isinstance(self.stream, RequestStream):
            self.stream.disconnect.set()
        elif self.stream is None:
            self._codec.ended = True

    async def over(self, *, reusable: bool) -> None:
        """End what is left of a request that was answered early."""
        self.stream = None
        if reusable:
            await super()._maybe_recycle()
        else:
            await self.send(Closed())

    async def start_drain(self) -> None:
        """Let the next answer close the connection.

        The head of a running one may have gone out without "Connection: close", and its client
        may be about to send the next request: that one is served.
        """
        self._untold = True
        self.close_after_next()

    def close_after_next(self) -> None:
        """Say ``connection: close`` with the next answer."""
        self.keep_alive_requests = self.config.keep_alive_max_requests

    async def _send_error_response(self, status_code: int) -> None:
        status = refusal.known(status_code)
        _, fields, body = refusal.answer(status)
        await self._send_h11_event(h11.Response(status_code=status, headers=[*fields, CLOSE]))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


class _CanRead(EventWrapper):
    """Set when the next request may be read; meanwhile the client's leaving is noticed.

    Stock waits for it with the reader, so that a byte behind a request hides the end.
    """

    def __init__(self, protocol: H1) -> None:
        super().__init__()
        self._protocol = weakref.proxy(protocol)  # it refers to this: leave no cycle

    def open(self) -> None:
        """Let the next request be read."""
        self._event.set()

    async def wait(self) -> None:
        await wait_or_disconnect(self._event, self._protocol.disconnected, self._on_disconnect)

    def _on_disconnect(self) -> None:
        self._protocol.on_disconnect()
        if self._protocol.stream is None:
            self._event.set()


class _Unread:
    """The rest of a request that was answered already: passed over, up to a limit."""

    idle = True

    def __init__(self, protocol: H1, linger: Callable[[], None] | None) -> None:
        self._protocol = protocol
        self._linger = linger
        self._left = UNREAD_LIMIT

    async def handle(self, event: Event) -> None:
        """Take an event in a stream's place."""
        if isinstance(event, Body):
            self._left -= len(event.data)
            if self._linger is not None:
                self._linger()
        if isinstance(event, EndBody) or self._left < 0:
            await self._protocol.over(reusable=self._left >= 0)


class _StrictBuffer(ReceiveBuffer):
    """h11's, except that a head ends its lines with CRLF, folds none and may follow empty lines."""

    def __init__(self, connection: h11.Connection) -> None:
        super().__init__()
        self._connection = weakref.proxy(connection)  # the same

    def maybe_extract_lines(self) -> list[bytearray] | None:
        if self._connection.their_state is h11.IDLE and (empty := _EMPTY_LINES.match(self._data)):
            self._extract(empty.end())  # RFC 9112 §2.2
        if self._bare_line_end():
            raise h11.LocalProtocolError("a line ends without CR", error_status_hint=400)
        lines = super().maybe_extract_lines()
        if lines and any(line.startswith((b" ", b"\t")) for line in lines[1:]):
            raise h11.LocalProtocolError("a header field is folded", error_status_hint=400)
        return lines

    def is_next_line_obviously_invalid_request_line(self) -> bool:
        """Wait for the line feed of an empty line, too, which may come in the next segment."""
        return self._data != b"\r" and super().is_next_line_obviously_invalid_request_line()

    def maybe_extract_next_line(self) -> bytearray | None:
        """Take out a chunk's first line; h11 lets any CR pass in its extensions (RFC 9112 §7.1)."""
        line = super().maybe_extract_next_line()
        if line is not None and holds_control([line[:-2]]):
            raise h11.LocalProtocolError("a control in a chunk's line", error_status_hint=400)
        return line

    def __bool__(self) -> bool:
        """Hold nothing that comes behind a request which ends the connection (RFC 9112 §9.6)."""
        if self._connection.their_state is h11.MUST_CLOSE:
            self._extract(len(self._data))
        return super().__bool__()

    def _bare_line_end(self) -> bool:
        """Look for LF without CR in the head, where it was not looked for before."""
        searched = self._multiple_lines_search
        blank = self._data.find(b"\r\n\r\n", max(0, searched - 1))
        end = 0 if self._data.startswith(b"\r\n") else blank
        return holds_bare_line_feed(self._data, searched, end if end >= 0 else len(self._data))
