"""h11's connection of a server, with short ways for heads and for a request's body."""

from typing import Any

import h11
from h11._connection import _body_framing
from h11._headers import Headers
from h11._readers import ContentLengthReader, maybe_read_from_IDLE_client

from . import request_head

_FRAMING = (b"content-length", b"transfer-encoding")
_UNKNOWN_LENGTH = ("chunked", "http/1.0")  # h11's words for such a body
_CHUNKED = (b"Transfer-Encoding", b"transfer-encoding", b"chunked")


class ServerCodec(h11.Connection):
    """Reads ordinary heads of requests at once, and frames a stream's head without a second look.

    h11 makes each field of a chunked response twice again, and validates it each time.

    And it copies each piece of a body three times. A piece of one whose length is known changes
    nothing of h11's except how much is left.

    State: ``ended``, once what else has come is not to be read; ``_piece`` of a body that has
    come and is not in h11's buffer.
    """

    ended = False
    _piece = b""

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
            return super().next_event()
        piece, self._piece = self._piece, b""
        reader: Any = self._reader
        reader._remaining -= len(piece)  # noqa: SLF001
        return h11.Data(data=piece)

    def _get_io_object(self, role: Any, event: Any, io_dict: Any) -> Any:
        found = super()._get_io_object(role, event, io_dict)
        return request_head.read_or_leave if found is maybe_read_from_IDLE_client else found

    def _clean_up_response_headers_for_sending(self, response: h11.Response) -> h11.Response:
        chunked = (
            self.their_http_version == b"1.1"
            and self._cstate.keep_alive
            and _body_framing(self._request_method or b"", response)[0] in _UNKNOWN_LENGTH
        )
        if not chunked:
            return super()._clean_up_response_headers_for_sending(response)
        kept = [item for item in response.headers._full_items if item[1] not in _FRAMING]  # noqa: SLF001
        return h11.Response(
            headers=Headers([*kept, _CHUNKED]),
            status_code=response.status_code,
            http_version=response.http_version,
            reason=response.reason,
        )
