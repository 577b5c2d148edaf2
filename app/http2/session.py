"""The streams of one connection over python-h2: bytes in, calls out; no sockets, no clock."""

from asyncio import AbstractEventLoop
from collections.abc import Callable
from typing import Any, Protocol

import httpx
from h2 import events
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

from ..network.errors import FieldsTooLarge, MalformedResponse
from ..network.stats import Counters
from ..wire.codec import Codec, StreamBroken
from ..wire.headers import Headers
from ..wire.heads import are_trailers, section_size
from ..wire.limits import INITIAL_WINDOW
from ..wire.roles import client
from ..wire.timeouts import Timeouts
from .fields import from_response
from .stream import CREDIT_STEP, Stream
from .turns import QUANTUM, Turns

INLINE = 64 * 1024  # bytes of a body that are sent with its header fields
BATCH = 256 * 1024  # bytes of longer bodies that are written before others have their say


class Refused(httpx.RemoteProtocolError):
    """The peer has not processed the request: it may be sent again (RFC 9113 §8.7).

    ``with_error`` is set if the peer left with an error code: another connection at once would be
    met the same way.
    """

    def __init__(self, message: str, *, with_error: bool = False) -> None:
        super().__init__(message)
        self.with_error = with_error


class Owner(Protocol):
    """The connection, as its session sees it."""

    def write(self, data: bytes) -> None:
        """Write to the socket."""

    def settle(self, limit: int) -> None:
        """Note how many streams may be open at a time (SETTINGS came, or came again)."""

    def pong(self) -> None:
        """Note the answer to a PING."""

    def drain(self) -> None:
        """Open no more streams: GOAWAY came."""

    def release(self) -> None:
        """Take the slot of a stream that has ended."""

    def paid(self, size: int) -> None:
        """Note that ``size`` bytes less are to be uploaded."""

    def follow(self) -> None:
        """Follow the DATA written so far on its way out."""

    def progress(self) -> float:
        """Return the loop's time when DATA was last seen to have left."""


class Session:
    """Opens streams, frames what they send and deals out what they receive.

    State: ``streams`` are the attached ones by id, ``paused`` is set while the socket is full,
    ``goaway`` names the peer's reason to leave, ``capacity`` is the widest that the connection's
    window has been, ``_alive`` until the connection is lost, ``_taken`` counts bytes read and not
    yet credited, ``_turns`` are the streams that may write, ``_shut`` those whose own window is
    used up, ``_widened`` the time of the last WINDOW_UPDATE, ``_resuming`` is set while `pump`
    is due, ``_touched`` are the streams whose reader gets what the current segment has brought,
    ``_most_fields`` the peer's limit for the fields of a request, if it has one.
    """

    def __init__(
        self, owner: Owner, loop: AbstractEventLoop, counters: Counters, *, max_streams: int
    ) -> None:
        self.streams: dict[int, Stream] = {}
        self.paused = False
        self.goaway: str | None = None
        self._owner = owner
        self._loop = loop
        self._counters = counters
        self._max_streams = max_streams
        self._codec = Codec(client(max_streams))
        self._alive = True
        self._taken = 0
        self.capacity = INITIAL_WINDOW
        self._turns: Turns[Stream] = Turns()
        self._shut: set[Stream] = set()
        self._widened = loop.time()
        self._resuming = False
        self._touched: dict[Stream, None] = {}
        self._most_fields: int | None = None

    def start(self) -> None:
        """Write our preface."""
        self._codec.initiate_connection()
        self._flush()

    def ping(self) -> None:
        """Send a PING (§6.7)."""
        self._codec.ping(b"liveness")
        self._flush()

    def leave(self) -> None:
        """Send GOAWAY (§6.8)."""
        self._codec.close_connection()
        self._flush()

    def fail(self, kind: type[httpx.TransportError], message: str) -> None:
        """End every stream: nothing passes any more."""
        self._alive = False
        after = "" if self.goaway is None else f" after GOAWAY {self.goaway}"
        for stream in tuple(self.streams.values()):
            stream.fail(kind(message + after), None)

    @property
    def outstanding(self) -> int:
        """Bytes sent that the peer has not given back to the connection's window."""
        return self.capacity - self._codec.outbound_flow_control_window

    def open(
        self,
        fields: Headers,
        body: httpx.AsyncByteStream,
        whole: bytes | None,
        timeouts: Timeouts,
        size: int,
    ) -> Stream:
        """Send a request on a new stream; ``whole`` is its body if all of that is here.

        ``size`` is what the upload was expected to be, in bytes. Fields beyond the peer's limit
        fail it here: many a peer ends the connection over them, with all its streams (§10.5.1).
        """
        stream_id = self._codec.get_next_available_stream_id()
        stream = self.streams[stream_id] = Stream(self, stream_id, timeouts, self._loop, size)
        if self._most_fields is not None and section_size(fields) > self._most_fields:
            stream.fail(FieldsTooLarge(f"it takes {self._most_fields} bytes"), None)
            return stream
        self._codec.send_headers(stream_id, fields, end_stream=whole == b"")
        if whole == b"":
            stream.finish_request()
        elif whole is not None and len(whole) <= min(INLINE, self._room(stream)):
            self._frame(stream, memoryview(whole), end=True)
            self._settle(stream, len(whole))
            stream.finish_request()
        else:
            stream.upload(body)
        self._flush()
        return stream

    def receive(self, data: bytes) -> None:
        """Feed python-h2 and tell the streams what came of it.

        Raises `h2.exceptions.ProtocolError`, with a GOAWAY that says why already sent (§5.4.1):
        what came before the fault counts, however the network has cut it.
        """
        error = None
        try:
            self._codec.receive_data(data)
        except ProtocolError as exc:
            self._alive, error = False, exc
        try:
            for event in self._codec.came:
                react = _REACTIONS.get(type(event))
                if react is not None:
                    react(self, event)
        finally:
            if answer := self._codec.data_to_send():
                self._owner.write(answer)
        if self._touched:
            touched, self._touched = self._touched, {}
            for stream in touched:
                stream.deliver()
        if error is not None:
            raise error
        if self._turns.waiting:
            self.pump()

    def pump(self) -> None:
        """Let the uploads write in turn, as far as the connection's window and the socket allow.

        Not from within `receive`: python-h2 reads a whole segment ahead of us.
        """
        left = BATCH
        while left > 0 and self._turns.waiting and self._open_for_writing():
            left -= self._turn(self._turns.take())
        if left < BATCH and (self._turns.waiting or self._shut):
            self._owner.follow()
        if left <= 0 and self._turns.waiting and not self._resuming:
            self._resuming = True
            self._loop.call_soon(self._resume)

    # What a stream asks for

    def submit(self, stream: Stream) -> None:
        """Write ``stream.rest`` when its turns come."""
        self._turns.join(stream, small=stream.small)
        self.pump()

    def progress(self) -> float:
        """Return the loop's time when the uploads, which wait for one another, last got on."""
        return max(self._widened, self._owner.progress())

    def end(self, stream: Stream) -> None:
        """Send END_STREAM."""
        self._codec.end_stream(stream.id)
        self._flush()
        stream.finish_request()

    def credit(self, stream: Stream, size: int) -> None:
        """Let the peer send ``size`` bytes more on the stream and the connection."""
        if self._is_open(stream):
            self._codec.increment_flow_control_window(size, stream.id)
        self._give_back(size)
        self._flush()

    def detach(self, stream: Stream, uncredited: int, reset: ErrorCodes | None) -> None:
        """Forget the stream; send RST_STREAM if there is a code; give its slot and window back."""
        del self.streams[stream.id]
        self._turns.leave(stream)
        self._shut.discard(stream)
        self._settle(stream, stream.owed)
        if reset is not None and self._is_open(stream):
            self._codec.reset_stream(stream.id, reset)
            self._counters.resets_sent += 1
        self._give_back(uncredited)
        self._flush()
        self._owner.release()

    def _give_back(self, size: int) -> None:
        """Let the peer send ``size`` bytes more on the connection, in steps worth a frame."""
        self._taken += size
        if self._taken >= CREDIT_STEP and self._alive:
            self._codec.increment_flow_control_window(self._taken)
            self._taken = 0

    def _open_for_writing(self) -> bool:
        return self._alive and not self.paused and self._codec.outbound_flow_control_window > 0

    def _room(self, stream: Stream) -> int:
        """Bytes that may be sent now: 0 while a window or the socket is full (§6.9)."""
        return 0 if self.paused else max(0, self._codec.local_flow_control_window(stream.id))

    def _turn(self, stream: Stream) -> int:
        """Write a stream's next bytes; return how many."""
        room = self._room(stream)
        if not room:
            self._shut.add(stream)
            return 0
        size = min(len(stream.rest), room, QUANTUM if self._turns.waiting else BATCH)
        self._frame(stream, stream.rest[:size])
        self._turns.wrote(size, small=stream.small)
        self._settle(stream, size)
        if stream.wrote(size):
            self._turns.join(stream, small=stream.small)
        return size

    def _settle(self, stream: Stream, size: int) -> None:
        paid = min(stream.owed, size)
        stream.owed -= paid
        self._owner.paid(paid)

    def _resume(self) -> None:
        self._resuming = False
        self.pump()

    def _is_open(self, stream: Stream) -> bool:
        """Whether python-h2, which reads a whole segment ahead of us, has not seen it closed."""
        inner = self._codec.streams.get(stream.id) if self._alive else None
        return inner is not None and inner.open

    def _frame(self, stream: Stream, data: memoryview, *, end: bool = False) -> None:
        """Write ``data`` in DATA frames, behind what waits to be written."""
        self._owner.write(self._codec.frame(stream.id, data, end_stream=end))

    def _flush(self) -> None:
        if data := self._codec.data_to_send():
            self._owner.write(data)

    # What the peer does

    def _on_head(self, event: events.ResponseReceived) -> None:
        if stream := self.streams.get(event.stream_id):
            try:
                stream.receive_head(*from_response(event.headers))
            except MalformedResponse as exc:
                stream.fail(exc, ErrorCodes.PROTOCOL_ERROR)

    def _on_interim(self, event: events.InformationalResponseReceived) -> None:
        if stream := self.streams.get(event.stream_id):
            stream.receive_interim()

    def _on_trailers(self, event: events.TrailersReceived) -> None:
        """Drop trailers; malformed ones make the response so (§8.1)."""
        stream = self.streams.get(event.stream_id)
        if stream is not None and not are_trailers(event.headers):
            reason = "malformed response: invalid trailers"
            stream.fail(MalformedResponse(reason), ErrorCodes.PROTOCOL_ERROR)

    def _on_data(self, event: events.DataReceived) -> None:
        stream = self.streams.get(event.stream_id)
        if stream is None:
            self._give_back(event.flow_controlled_length)
        elif stream.receive(event.data, event.flow_controlled_length):
            self._touched[stream] = None

    def _on_end(self, event: events.StreamEnded) -> None:
        if stream := self.streams.get(event.stream_id):
            stream.receive_end()

    def _on_reset(self, event: events.StreamReset) -> None:
        self._counters.resets_received += event.remote_reset
        if stream := self.streams.get(event.stream_id):
            name = _name(event.error_code)
            kind = Refused if name == "REFUSED_STREAM" else httpx.RemoteProtocolError
            stream.fail(kind(f"the peer reset the stream: {name}"), None)

    def _on_broken(self, event: StreamBroken) -> None:
        """Fail the one stream on which the peer broke the protocol; it was reset."""
        if stream := self.streams.get(event.stream_id):
            self._counters.resets_sent += 1
            reason = f"the peer broke the protocol on this stream: {event.reason}"
            stream.fail(MalformedResponse(reason), None)

    def _on_window(self, event: events.WindowUpdated) -> None:
        self._widened = self._loop.time()
        if not event.stream_id:
            self.capacity = max(self.capacity, self._codec.outbound_flow_control_window)
        elif stream := self.streams.get(event.stream_id):
            self._reopen({stream})

    def _on_settings(self, _event: events.RemoteSettingsChanged) -> None:
        """Take the peer's limits; a new initial window may let uploads go on (§6.9.2)."""
        self.capacity = max(self.capacity, self._codec.outbound_flow_control_window)
        self._most_fields = self._codec.remote_settings.max_header_list_size
        self._owner.settle(
            min(self._codec.remote_settings.max_concurrent_streams, self._max_streams)
        )
        self._reopen(set(self._shut))

    def _reopen(self, streams: set[Stream]) -> None:
        """Let streams whose window was used up take turns again."""
        for stream in streams & self._shut:
            self._shut.remove(stream)
            self._turns.join(stream, small=stream.small)

    def _on_pong(self, _event: events.PingAckReceived) -> None:
        self._owner.pong()

    def _on_goaway(self, event: events.ConnectionTerminated) -> None:
        """Let the streams up to the last id finish; the others were not processed (§6.8)."""
        self._counters.goaways += 1
        self.goaway = _name(event.error_code)
        self._owner.drain()
        last = event.last_stream_id or 0
        for stream in [stream for key, stream in self.streams.items() if key > last]:
            with_error = event.error_code != ErrorCodes.NO_ERROR
            refusal = Refused(
                f"the peer closes the connection: {self.goaway}", with_error=with_error
            )
            stream.fail(refusal, None)


def _name(code: ErrorCodes | int | None) -> str:
    """Name an error code (§7); an unknown one is shown as its number."""
    try:
        return ErrorCodes(code or 0).name
    except ValueError:
        return str(code)


_REACTIONS: dict[type[events.Event], Callable[[Session, Any], None]] = {
    events.ResponseReceived: Session._on_head,  # noqa: SLF001 - a table of its own methods
    events.InformationalResponseReceived: Session._on_interim,  # noqa: SLF001
    events.TrailersReceived: Session._on_trailers,  # noqa: SLF001
    events.DataReceived: Session._on_data,  # noqa: SLF001
    events.StreamEnded: Session._on_end,  # noqa: SLF001
    events.StreamReset: Session._on_reset,  # noqa: SLF001
    StreamBroken: Session._on_broken,  # noqa: SLF001
    events.WindowUpdated: Session._on_window,  # noqa: SLF001
    events.RemoteSettingsChanged: Session._on_settings,  # noqa: SLF001
    events.PingAckReceived: Session._on_pong,  # noqa: SLF001
    events.ConnectionTerminated: Session._on_goaway,  # noqa: SLF001
}
