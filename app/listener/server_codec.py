"""h11's connection of a server, with short ways for a request's head and body."""

from typing import Any

import h11
from h11._readers import READERS, ContentLengthReader
from h11._writers import WRITERS

from . import framing, request_head

_BETWEEN = {h11.CLIENT: h11.IDLE, h11.SERVER: h11.IDLE}  # two exchanges
_OVER = {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}  # an exchange, whole on both sides
_READ_HEAD: Any = READERS[h11.CLIENT, h11.IDLE]
_WRITE_ERROR: Any = WRITERS[h11.SERVER, h11.IDLE]
_WRITE_HEAD: Any = WRITERS[h11.SERVER, h11.SEND_RESPONSE]
_READ_NOTHING: Any = READERS[h11.CLIENT, h11.DONE]
_ANSWERING = (h11.SEND_RESPONSE, h11.SEND_BODY, h11.DONE)


class ServerCodec(h11.Connection):
    """Takes ordinary requests without looking for what is not there.

    h11 looks at each field five times, and it copies each piece of a body three times. A piece of
    one whose length is known changes nothing of h11's except how much is left.

    State: ``ended``, once what else has come is not to be read; ``_piece`` of a body that has
    come and is not in h11's buffer.
    """

    ended = False
    _piece = b""
    frame = framing.frame

    @property
    def they_are_waiting_for_100_continue(self) -> bool:
        """Return False: Hypercorn sends a 100 at once, and here the application asks for it."""
        return False

    def begin(self, data: bytes) -> request_head.Head | None:
        """Begin an exchange at once whose request's head is ordinary and comes whole.

        The rest of ``data`` is of its body. None leaves all to `receive_data`.
        """
        waiting = self._receive_buffer._data or self._piece or self.ended  # noqa: SLF001
        if waiting or self._cstate.states != _BETWEEN:
            return None
        head = request_head.parse(data)
        left = -1 if head is None else head.length - (len(data) - head.end)
        if head is None or left < 0:
            return None
        self._open(head.method, b"1.1", left)
        if not left:
            self._cstate.states[h11.CLIENT] = h11.DONE
            self._reader = _READ_NOTHING
        return head

    @property
    def over(self) -> bool:
        """Whether an exchange is whole on both sides, and another one may follow."""
        cstate = self._cstate
        kept = cstate.keep_alive and not cstate.pending_switch_proposals
        return kept and cstate.states == _OVER

    def start_next_cycle(self) -> None:
        """Be between two exchanges again; h11 looks for what each change of state calls for."""
        if not self.over:
            super().start_next_cycle()  # raises
        self._cstate.states = dict(_BETWEEN)
        self._request_method = None
        self._reader, self._writer = _READ_HEAD, _WRITE_ERROR

    def receive_data(self, data: bytes) -> None:
        """Take bytes; a piece of a body does not go through the buffer."""
        reader = self._reader
        if self._piece:
            self._receive_buffer += self._piece
            self._piece = b""
        if (
            data
            and type(reader) is ContentLengthReader
            and not self._receive_buffer
            and not self.client_is_waiting_for_100_continue
            and len(data) <= reader._remaining  # noqa: SLF001
        ):
            self._piece = data
        else:
            super().receive_data(data)

    def next_event(self) -> Any:
        """Return what the client sent next, unless nothing more is to be read."""
        if self.ended:
            return h11.NEED_DATA
        if not self._piece:
            return self._begin() or super().next_event()
        piece, self._piece = self._piece, b""
        reader: Any = self._reader
        reader._remaining -= len(piece)  # noqa: SLF001
        return h11.Data(data=piece)

    def _begin(self) -> h11.Request | None:
        """Begin an exchange at once whose request has an ordinary head."""
        found = request_head.read(self._receive_buffer) if self._cstate.states == _BETWEEN else None
        if found is None:
            return None
        request, length = found
        self._open(request.method, request.http_version, length)
        return request

    def _open(self, method: bytes, version: bytes, length: int) -> None:
        """Change to the states in which a body of ``length`` bytes is read."""
        self._cstate.states = {h11.CLIENT: h11.SEND_BODY, h11.SERVER: h11.SEND_RESPONSE}
        self._request_method = method
        self.their_http_version = version
        self._reader = ContentLengthReader(length)
        self._writer = _WRITE_HEAD

    def _process_event(self, role: Any, event: Any) -> None:
        """Note a piece of a body, or its end, without h11's checks for upgrades and switches."""
        cstate = self._cstate
        states = cstate.states
        if (
            role is not h11.CLIENT
            or states[h11.CLIENT] is not h11.SEND_BODY
            or states[h11.SERVER] not in _ANSWERING
            or not cstate.keep_alive
            or cstate.pending_switch_proposals
        ):
            super()._process_event(role, event)
            return
        self.client_is_waiting_for_100_continue = False
        if type(event) is h11.EndOfMessage:
            states[h11.CLIENT] = h11.DONE
            self._reader = _READ_NOTHING
