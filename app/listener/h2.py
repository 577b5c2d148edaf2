"""HTTP/2 (RFC 9113), with back-pressure both ways and streams that end visibly.

Works around, in hypercorn 0.18:

- DATA for a stream that was answered already ends the connection with a KeyError;
- DATA that is not read blocks every stream of the connection;
- an application that fails in its response leaves the client waiting: nothing resets the stream;
- 1,000 PRIORITY frames end the connection (RFC 9113 §5.3.2 deprecates them: passed over);
- after `keep_alive_max_requests` the streams in flight freeze;
- a request that was already reset is still started (rapid reset, CVE-2023-44487);
- a connection that is lost leaves applications waiting for their last bytes to be sent;
- nobody is told that the server is about to leave;
- a request that comes as it leaves is reset without a word that it may be sent elsewhere;
- frames that carry nothing hold the event loop, as many as a client likes to send;
- a client that takes nothing of an answer keeps it forever;
- `Expect: 100-continue` is not answered (RFC 9110 §10.1.1).
"""

import asyncio
import copy
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import h2.events
import h2.exceptions
from h2.errors import ErrorCodes
from hypercorn.events import Closed, RawData
from hypercorn.events import Event as ConnectionEvent
from hypercorn.protocol import h2 as stock
from hypercorn.protocol.events import Body, Event, Request, Response
from hypercorn.typing import AppWrapper
from hypercorn.utils import filter_pseudo_headers, suppress_body
from priority.priority import MissingStreamError

from ..wire.codec import Codec
from ..wire.heads import are_trailers, refuse_http2
from ..wire.roles import SERVER
from . import refusal
from .frames import PER_ANSWER, Budget, Pace, Slicer, earned
from .progress import CUT_DEADLINE, Stalled
from .send_buffer import BoundedBuffer
from .stream import RequestStream, ResponseAborted


class H2(stock.H2Protocol):
    """Hypercorn's, with the bugs above worked around.

    ``eject`` ends the client's connection, given the kind of its flood. Its own state:
    ``_unread``, the bytes of each open stream that the application has not taken; ``_draining``,
    until the client is told that no more streams are wanted; ``_slicer``, ``_budget``, ``_pace``.
    """

    next_read = 256 * 1024  # bytes read at a time
    write_idle = 300.0
    _draining = False
    eject: Callable[[str], None]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # A request's bytes are bounded by its window, so that reading never has to wait.
        self.config = copy.copy(self.config)
        self.config.max_app_queue_size = 0
        self.connection = self._codec = Codec(SERVER)
        self._unread: dict[int, int] = {}
        self._slicer = Slicer()
        self._budget = Budget(asyncio.get_running_loop().time)
        self._pace = Pace(asyncio.get_running_loop().time)
        self.disconnected: Callable[[], bool] = lambda: False

    async def handle(self, event: ConnectionEvent) -> None:
        """Take bytes from the connection, or its end."""
        if isinstance(event, RawData):
            await self._take(event.data)
            return
        await super().handle(event)
        if isinstance(event, Closed):
            for stream_id in list(self.stream_buffers):
                await self._drop_stream(stream_id)

    async def _take(self, data: bytes) -> None:
        """Take bytes in slices, so that other connections have their turns."""
        for piece in self._slicer.slices(data):
            if self.closed:
                return
            flood = self._budget.spend(piece.idle)
            if flood is not None:
                await self._throw_out(flood)
                return
            if piece.tiny and (seconds := self._pace.wait(piece.tiny)):
                await asyncio.sleep(seconds)
                if self.disconnected():
                    return  # nothing that it has sent is of use, and its requests are to end
            await super().handle(RawData(piece.data))
            if piece.full:
                await asyncio.sleep(0)

    async def _throw_out(self, flood: str) -> None:
        """End a connection that floods (RFC 9113 §10.5)."""
        self.connection.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
        await self._flush()
        self.eject(flood)
        await self.handle(Closed())

    async def stream_send(self, event: Event) -> None:
        """Take an event from a stream; reset one whose response is unfinished."""
        if isinstance(event, ResponseAborted):
            await self._abort(event.stream_id)
        elif isinstance(event, Response):
            self._budget.earn(PER_ANSWER)
            if self._is_bodiless(event):
                await self._send_bodiless(event)
                return
        try:
            await super().stream_send(event)
        except Stalled:
            await self._reset(event.stream_id, ErrorCodes.CANCEL)  # it takes nothing

    def _is_bodiless(self, response: Response) -> bool:
        stream: Any = self.streams.get(response.stream_id)
        return stream is not None and suppress_body(stream.scope["method"], response.status_code)

    async def _send_bodiless(self, response: Response) -> None:
        """End a stream with its fields: behind them, clients expect what a length announces.

        RFC 9113 §8.1.1 allows a length there, but many hold an empty DATA frame to it. What the
        application does next finds nothing to send by.
        """
        stream_id = response.stream_id
        status = (b":status", b"%d" % response.status_code)
        with suppress(h2.exceptions.ProtocolError):
            self.connection.send_headers(stream_id, [status, *response.headers], end_stream=True)
        await self._flush()
        await self._drop_stream(stream_id)

    async def start_drain(self) -> None:
        """Tell the client to go elsewhere (RFC 9113 §6.8), once no stream is open.

        Not before: httpx gives its running requests up on any GOAWAY.
        """
        self.close_after_next()
        await self._start_drain_if_idle()

    def close_after_next(self) -> None:
        """Tell the client to go elsewhere once the next request has ended."""
        self._draining = True

    def on_body_consumed(self, stream_id: int, size: int) -> None:
        """Let the client send ``size`` bytes more, which the application has taken.

        It is told with the next frames that are written.
        """
        if stream_id in self._unread:
            self._unread[stream_id] -= size
            self._credit(stream_id, size)

    async def write_pending(self) -> None:
        """Write the frames that wait."""
        await self._flush()

    async def _handle_events(self, events: list[h2.events.Event]) -> None:
        reset = {event.stream_id for event in events if isinstance(event, h2.events.StreamReset)}
        for event in events:
            match event:
                case h2.events.RequestReceived() if event.stream_id in reset:
                    pass
                case h2.events.RequestReceived() if self.context.terminated.is_set():
                    await self._refuse(event.stream_id)
                case h2.events.PriorityUpdated() | h2.events.PingReceived():
                    pass  # python-h2 has answered the PING
                case h2.events.ConnectionTerminated() if self.streams:
                    pass  # the client waits for its answers, then closes
                case h2.events.TrailersReceived() if not are_trailers(event.headers):
                    await self._reset(event.stream_id, ErrorCodes.PROTOCOL_ERROR)
                case h2.events.DataReceived():
                    await self._received(event)
                case h2.events.StreamReset():
                    if not event.remote_reset:
                        self._budget.earn(-1)  # the client made us reset it
                    await self._close_stream(event.stream_id)
                    await self._drop_stream(event.stream_id)
                case _:
                    await super()._handle_events([event])
        await self._flush()

    async def _refuse(self, stream_id: int) -> None:
        """Refuse a request that came too late: its client may send it again (RFC 9113 §8.7)."""
        with suppress(h2.exceptions.ProtocolError):
            self.connection.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
        await self.start_drain()

    async def _received(self, event: h2.events.DataReceived) -> None:
        stream = self.streams.get(event.stream_id)
        unread = len(event.data) if stream is not None else 0  # else it was answered already
        self._credit(event.stream_id, event.flow_controlled_length - unread)
        if stream is not None:
            self._unread[event.stream_id] += unread
            await stream.handle(Body(stream_id=event.stream_id, data=event.data))

    def _credit(self, stream_id: int, size: int) -> None:
        if size:
            with suppress(h2.exceptions.ProtocolError):
                self.connection.acknowledge_received_data(size, stream_id)

    async def _create_stream(self, request: h2.events.RequestReceived) -> None:
        stream_id = request.stream_id
        status = refuse_http2(request.headers, ended=request.stream_ended is not None)
        app = self.app if status is None else refusal.application(status)
        stream = RequestStream.of(self, _crediting(app, self, stream_id), stream_id)
        self.streams[stream_id] = stream
        self.stream_buffers[stream_id] = BoundedBuffer(self.context.event_class, self.write_idle)
        self._unread[stream_id] = 0
        self.priority.insert_stream(stream_id)
        self.priority.block(stream_id)
        fields = dict(request.headers)
        if refusal.awaits_continue(request):
            stream.proceed = partial(self._proceed, stream_id)
        await stream.handle(
            Request(
                stream_id=stream_id,
                headers=filter_pseudo_headers(request.headers) if status is None else [],
                http_version="2",
                method=fields.get(b":method", b"").decode("latin-1"),
                raw_path=fields.get(b":path", b"*"),  # CONNECT has none
                state=self.connection_state,
            )
        )

    async def _proceed(self, stream_id: int) -> None:
        """Ask for the body (RFC 9110 §10.1.1)."""
        with suppress(h2.exceptions.ProtocolError):  # it was reset meanwhile
            self.connection.send_headers(stream_id, [(b":status", b"100")])
        await self._flush()

    async def _send_data(self, stream_id: int) -> None:
        buffer = self.stream_buffers.get(stream_id)
        if buffer is None:
            await self._drop_stream(stream_id)
            return
        try:
            window = self.connection.local_flow_control_window(stream_id)
            data = await buffer.pop(max(0, min(window, self.connection.max_outbound_frame_size)))
            if data:
                self.connection.send_data(stream_id, data)
                self._budget.earn(earned(len(data), window))
                await self._flush()
            else:
                self.priority.block(stream_id)
            if buffer.complete:
                self.connection.end_stream(stream_id)
                await self._flush()
                await self._drop_stream(stream_id)
        except (h2.exceptions.ProtocolError, MissingStreamError):
            await self._drop_stream(stream_id)  # it was reset meanwhile

    async def _close_stream(self, stream_id: int) -> None:
        await super()._close_stream(stream_id)
        self._credit(stream_id, self._unread.pop(stream_id, 0))

    async def _abort(self, stream_id: int) -> None:
        buffer = self.stream_buffers.get(stream_id)
        if buffer is not None and buffer.buffer:
            with suppress(TimeoutError):
                async with asyncio.timeout(CUT_DEADLINE):
                    await buffer.drain()
        with suppress(h2.exceptions.ProtocolError):
            self.connection.reset_stream(stream_id, ErrorCodes.INTERNAL_ERROR)
        await self._flush()
        await self._drop_stream(stream_id)

    async def _reset(self, stream_id: int, code: ErrorCodes) -> None:
        """Reset a stream, for its application too."""
        with suppress(h2.exceptions.ProtocolError):
            self.connection.reset_stream(stream_id, code)
        await self._flush()
        await self._close_stream(stream_id)
        await self._drop_stream(stream_id)

    async def _drop_stream(self, stream_id: int) -> None:
        buffer = self.stream_buffers.pop(stream_id, None)
        if buffer is not None:
            await buffer.close()
        with suppress(MissingStreamError):
            self.priority.remove_stream(stream_id)
        await self._start_drain_if_idle()

    async def _start_drain_if_idle(self) -> None:
        if self._draining and not self.stream_buffers:
            self._draining = False
            self._codec.announce_drain()
            await self._flush()


def _crediting(app: AppWrapper, protocol: H2, stream_id: int) -> Any:
    """Return ``app``, whose taking of a body's chunk opens the client's window again."""

    async def credited(scope: Any, receive: Any, *rest: Any) -> None:
        poll, untold = scope["extensions"]["poll"], False

        def crediting_poll() -> Any:
            nonlocal untold
            message = poll()
            if message is not None and message.get("body"):
                protocol.on_body_consumed(stream_id, len(message["body"]))
                untold = True
            return message

        async def crediting_receive() -> Any:
            nonlocal untold
            if untold:  # the client may have nothing left to send by
                untold = False
                await protocol.write_pending()
            message = await receive()
            if message["type"] == "http.request" and message["body"]:
                protocol.on_body_consumed(stream_id, len(message["body"]))
                await protocol.write_pending()
            return message

        scope["extensions"]["poll"] = crediting_poll
        await app(scope, crediting_receive, *rest)

    return credited
