"""h11's connection of a server, with short ways for heads."""

from typing import Any

import h11
from h11._connection import _body_framing
from h11._headers import Headers
from h11._readers import maybe_read_from_IDLE_client

from . import request_head

_FRAMING = (b"content-length", b"transfer-encoding")
_UNKNOWN_LENGTH = ("chunked", "http/1.0")  # h11's words for such a body
_CHUNKED = (b"Transfer-Encoding", b"transfer-encoding", b"chunked")


class ServerCodec(h11.Connection):
    """Reads ordinary heads of requests at once, and frames a stream's head without a second look.

    h11 makes each field of a chunked response twice again, and validates it each time.

    State: ``ended``, once what else has come is not to be read.
    """

    ended = False

    def next_event(self) -> Any:
        """Return what the client sent next, unless nothing more is to be read."""
        return h11.NEED_DATA if self.ended else super().next_event()

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
