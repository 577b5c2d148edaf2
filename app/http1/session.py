"""The responses on one connection over h11: bytes in, events out; no sockets, no clock.

Of each request h11 gets only the method, which decides how the response is framed (§6.3).
"""

from collections.abc import Iterator

import h11
import msgspec

from ..network.errors import Lost, MalformedResponse
from ..wire.headers import Headers
from ..wire.heads import framing_fault
from ..wire.limits import RESPONSE_FIELDS


class Head(msgspec.Struct, frozen=True):
    """A final response's status and fields, names as they came."""

    status: int
    fields: Headers


class Interim(msgspec.Struct, frozen=True):
    """A response that precedes the final one, such as 100 or 103."""


class End(msgspec.Struct, frozen=True):
    """The end of a response; ``reusable`` is whether another one may follow on the connection."""

    reusable: bool


Event = Head | Interim | End | bytes | bytearray  # bytes: of the body


class Session:
    """Reads responses, one after the other. State is h11's; ``_part`` names what is being read."""

    def __init__(self) -> None:
        self._part = "head"
        self._codec = h11.Connection(h11.CLIENT, max_incomplete_event_size=RESPONSE_FIELDS)

    def begin(self, method: bytes) -> None:
        """Expect the response to a request."""
        self._part = "head"
        self._codec.send(h11.Request(method=method, target=b"/", headers=[(b"host", b"")]))
        self._codec.send(h11.EndOfMessage())

    def receive(self, data: bytes) -> Iterator[Event]:
        """Yield what ``data`` brought; b"" is the end of the connection.

        Raises `MalformedResponse`, or `Lost` when the connection ends within a response.
        """
        self._codec.receive_data(data)
        try:
            while (event := self._codec.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.ConnectionClosed):
                    raise Lost("the peer closed the connection")
                yield self._event(event)
                if isinstance(event, h11.EndOfMessage):
                    return
        except h11.RemoteProtocolError as exc:
            if not data:
                raise Lost("the peer closed the connection") from exc
            raise MalformedResponse(f"malformed {self._part}") from exc  # h11 quotes what came

    def _event(self, event: object) -> Event:
        match event:
            case h11.Data():
                return event.data
            case h11.Response():
                return self._head(event)
            case h11.InformationalResponse():
                return Interim()
            case _:
                return self._end()

    def _head(self, event: h11.Response) -> Head:
        if fault := framing_fault(event.headers):
            raise MalformedResponse(fault)
        self._part = "body"
        return Head(event.status_code, event.headers.raw_items())

    def _end(self) -> End:
        """Start over, if nothing came behind the response and neither side is to close (§9.3)."""
        behind, closed = self._codec.trailing_data
        if behind or closed or self._codec.their_state is not h11.DONE:
            return End(reusable=False)
        self._codec.start_next_cycle()
        return End(reusable=True)
