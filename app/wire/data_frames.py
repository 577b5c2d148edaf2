"""A short way for DATA and its WINDOW_UPDATE: python-h2 takes 12 µs for a frame, this takes 2.

Most of what a proxy receives is DATA without padding on an open stream, most of what it sends is
DATA, and the peer answers that with WINDOW_UPDATE. For such a frame python-h2 changes a few numbers
and makes one event, through four objects and as many state machines. Here the head is read or
written in place, and where every account holds (`DataFrames._take_data`, `_widened`, `_sender`) the
same numbers are changed and the same event is made. Everything else goes to python-h2, in order.
Property tests hold both ways to the same events, errors, states, windows and bytes sent.
"""

from collections.abc import Sequence
from typing import Any

from h2.connection import ConnectionState, H2Connection
from h2.events import DataReceived, Event, WindowUpdated
from h2.stream import H2Stream, StreamInputs, StreamState

from .frame_head import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEAD,
    HEADERS,
    INCREMENT,
    WINDOW_UPDATE,
)
from .limits import WIDEST_WINDOW

_RECEIVING = (StreamState.HALF_CLOSED_LOCAL, StreamState.OPEN)  # the usual one of a response first
_SENDING = (StreamState.OPEN, StreamState.HALF_CLOSED_REMOTE)
_LIVING = (*_RECEIVING, StreamState.HALF_CLOSED_REMOTE)
_OPEN = (ConnectionState.CLIENT_OPEN, ConnectionState.SERVER_OPEN)
_HEAD_SIZE, _read_head = HEAD.size, HEAD.unpack_from
_new_event = object.__new__
_CLOSED = ConnectionState.CLOSED  # an enum's members are slow to get


class DataFrames(H2Connection):
    """python-h2's connection, with the short way. Its buffer holds a frame that is not whole.

    State: ``came``, the events of the frames that were whole, also of those before one that ends
    the connection: an error drops what python-h2 would return. ``_greeted``, once frames other than
    SETTINGS may come.
    """

    came: Sequence[Event] = ()
    _greeted = True

    def receive_data(self, data: bytes) -> list[Event]:  # type: ignore[override] # no other kind
        """Take bytes; return the events of the frames that are whole."""
        buffer = self.incoming_buffer
        data = bytes(data)  # a buffer may be reused
        if waiting := buffer._data:  # noqa: SLF001 - part of a frame
            data = bytes(waiting) + data
            waiting.clear()
        events: list[Event] = []
        self.came = events
        position = 0  # from here on nothing has been read
        size = len(data)
        preface = buffer._preamble_len  # noqa: SLF001 - of a client (§3.4)
        if 0 < preface <= size:
            events += super().receive_data(data[:preface])
            position = preface
        while (body := position + _HEAD_SIZE) <= size:
            high, low, kind, flags, stream_id = _read_head(data, position)
            end = body + (high << 8) + low
            if end > size:
                break
            taken: Sequence[Event] = ()
            if kind == DATA:
                if flags <= END_STREAM:
                    taken = self._take_data(stream_id, data[body:end], flags)
            elif (kind == WINDOW_UPDATE and not flags) or (
                kind == HEADERS and flags == END_HEADERS
            ):
                taken = self._take_other(kind, stream_id, data[body:end])
            events += taken or super().receive_data(data[position:end])
            position = end
        if position < size:
            events += super().receive_data(data[position:])
        return events

    def send_data(
        self,
        stream_id: int,
        data: bytes | memoryview,
        end_stream: bool = False,
        pad_length: Any = None,
    ) -> None:
        """Write a frame of DATA; raises what python-h2 raises."""
        fits = pad_length is None and len(data) <= self.max_outbound_frame_size
        stream = self._sender(stream_id, len(data)) if fits else None
        if stream is None:
            super().send_data(stream_id, data, end_stream, pad_length)
            return
        if end_stream:
            stream.state_machine.process_input(StreamInputs.SEND_END_STREAM)
        self._data_to_send.extend(_head(len(data), stream_id, ended=end_stream))
        self._data_to_send.extend(data)
        stream.outbound_flow_control_window -= len(data)
        self.outbound_flow_control_window -= len(data)

    def frame(self, stream_id: int, data: memoryview, *, end_stream: bool = False) -> bytes:
        """Return what waits to be sent, and ``data`` behind it in the largest frames (§4.2).

        It does what `send_data` does for each of them, but looks at the accounts once, and copies
        ``data`` once instead of three times. There is no frame for no data.
        """
        step, size = self.max_outbound_frame_size, len(data)
        stream = self._sender(stream_id, size) if size else None
        if stream is None:
            for start in range(0, size, step):
                piece = data[start : start + step]
                self.send_data(stream_id, piece, end_stream=end_stream and start + step >= size)
            return self.data_to_send()
        if end_stream:
            stream.state_machine.process_input(StreamInputs.SEND_END_STREAM)
        joined: list[bytes | memoryview] = [self.data_to_send()]
        last = (size - 1) // step * step  # where the last frame begins
        head = _head(step, stream_id, ended=False)  # of all others
        for start in range(0, last, step):
            joined += head, data[start : start + step]
        joined += _head(size - last, stream_id, ended=end_stream), data[last:]
        stream.outbound_flow_control_window -= size
        self.outbound_flow_control_window -= size
        return b"".join(joined)

    def data_to_send(self, amount: int | None = None) -> bytes:
        """Return what waits to be sent: mostly nothing does."""
        return super().data_to_send(amount) if self._data_to_send else b""

    # Each returns the events of one frame; none leaves it to python-h2.

    def _take_other(self, kind: int, stream_id: int, data: bytes) -> tuple[Event, ...]:
        if kind == HEADERS:
            return self._take_headers(stream_id, data)
        return self._take_window_update(stream_id, data)

    def _take_headers(self, _stream_id: int, _block: bytes) -> tuple[Event, ...]:
        """Leave HEADERS to python-h2 (`app.wire.header_frames` does not)."""
        return ()

    def _take_window_update(self, stream_id: int, data: bytes) -> tuple[Event, ...]:
        increment = INCREMENT.unpack(data)[0] if len(data) == INCREMENT.size else 0
        if not self._widened(stream_id, increment):
            return ()
        return (WindowUpdated(stream_id=stream_id, delta=increment),)

    def _take_data(self, stream_id: int, data: bytes, flags: int) -> tuple[Event, ...]:
        """Take DATA that its stream may receive by every account.

        RFC 9113 §5.1 (states), §4.2 (size), §6.9.1 (windows), §4.3 (an open header block), §8.1
        (a message begins with its fields), §8.1.1 (content-length, which an end must meet).
        """
        stream, length = self.streams.get(stream_id), len(data)
        if stream is None:
            return ()
        machine, expected = stream.state_machine, stream._expected_content_length  # noqa: SLF001
        window, own = self._inbound_flow_control_window_manager, stream._inbound_window_manager  # noqa: SLF001
        received = stream._actual_content_length + length  # noqa: SLF001
        if not (
            machine.state in _RECEIVING
            and machine.headers_received
            and self.state_machine.state is not _CLOSED
            and not self.incoming_buffer._headers_buffer  # noqa: SLF001
            and length <= self.max_inbound_frame_size
            and length <= own.current_window_size
            and length <= window.current_window_size
            and (expected is None or (received == expected if flags else received <= expected))
        ):
            return ()
        window.current_window_size -= length
        own.current_window_size -= length
        stream._actual_content_length = received  # noqa: SLF001
        event = _new_event(DataReceived)  # its __init__, made by dataclasses, takes a microsecond
        event.stream_id = stream_id
        event.data = data
        event.flow_controlled_length = length
        event.stream_ended = None
        if not flags:
            return (event,)
        [end] = machine.process_input(StreamInputs.RECV_END_STREAM)
        event.stream_ended = end  # type: ignore[assignment] # python-h2 annotates it as any event
        return event, end

    def _widened(self, stream_id: int, increment: int) -> bool:
        """Widen a window, unless an account is against it (§6.9, §6.9.1: states, greatest size)."""
        if not (0 < increment <= WIDEST_WINDOW and self._greeted and self._between_frames()):
            return False
        widened: Any = self if not stream_id else self.streams.get(stream_id)
        if widened is None or (stream_id and widened.state_machine.state not in _LIVING):
            return False
        if widened.outbound_flow_control_window + increment > WIDEST_WINDOW:
            return False
        widened.outbound_flow_control_window += increment
        return True

    def _sender(self, stream_id: int, length: int) -> H2Stream | None:
        """Return the stream that may send DATA of this length by every account, or None (§5.1)."""
        stream = self.streams.get(stream_id)
        fits = (
            stream is not None
            and stream.state_machine.state in _SENDING
            and self.state_machine.state in _OPEN
            and length <= stream.outbound_flow_control_window
            and length <= self.outbound_flow_control_window
        )
        return stream if fits else None

    def _between_frames(self) -> bool:
        """Return True if any frame may come next: no header block is open, nothing was closed."""
        return (
            self.state_machine.state is not _CLOSED and not self.incoming_buffer._headers_buffer  # noqa: SLF001
        )


def _head(size: int, stream_id: int, *, ended: bool) -> bytes:
    return HEAD.pack(size >> 8, size & 0xFF, DATA, END_STREAM if ended else 0, stream_id)
