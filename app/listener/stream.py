"""One request and its response."""

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from hypercorn.protocol.events import Body, EndBody, Event, Request, StreamClosed
from hypercorn.protocol.http_stream import ASGIHTTPState, HTTPStream
from hypercorn.utils import suppress_body

from ..wire.handover import Rest, Take
from ..wire.headers import Headers, Sound
from . import refusal

if TYPE_CHECKING:
    from hypercorn.protocol.h2 import H2Protocol
    from hypercorn.protocol.h11 import H11Protocol
    from hypercorn.typing import ASGISendEvent, HTTPScope


class ResponseAborted(StreamClosed):
    """The application ended before its response did."""


class Disconnect:
    """Whether the client has left. State: ``_set``, and the ``_callback`` for when it leaves."""

    def __init__(self) -> None:
        self._set = False
        self._callback: Callable[[], object] = lambda: None

    @property
    def is_set(self) -> bool:
        """Whether the client has left."""
        return self._set

    def on_disconnect(self, callback: Callable[[], object]) -> None:
        """Call ``callback`` when the client leaves, or now if it has left."""
        self._callback = callback
        if self._set:
            callback()

    def set(self) -> None:
        """Note that the client has left."""
        if not self._set:
            self._set = True
            self._callback()


class RequestStream(HTTPStream):
    """Hypercorn's, with four differences.

    - The scope's ``extensions`` have more entries: ``disconnect``, which is set at once when
      the client leaves, even while its body is unread; ``before_drain``, true on a connection that
      was open before the drain began, so that its client could not know of it; ``target``, the
      whole request target, because a bare ``?`` is lost otherwise; ``write``, which is
      `RequestStream.write`, the short way of a piece of the body; ``poll``, which returns the next
      message if it has come, else None; and ``proceed``, where the client waits for a 100 before it
      sends its body: the application asks for it, or answers at once.
    - A target that is not ASCII reaches the application, it does not end the connection.
    - An unfinished response is aborted (`ResponseAborted`) instead of ended.
    - If the application sends no response, the client gets an error in Anthropic's shape.

    ``frame`` is set by a protocol that has a shorter way for a piece of the body than its events:
    what it returns, if not None, ``write_framed`` then writes. So are ``frame_head``, for a
    response's head, which ``begin`` then writes, and ``end``, for its end; ``proceed`` by one whose
    client waits for a 100. State: ``_body_begun``, once pieces may follow.
    """

    frame: Callable[[bytes], bytes | None] | None = None
    write_framed: Take
    frame_head: Callable[[int, Headers], bytes | None] | None = None
    begin: Take
    end: Rest | None = None
    proceed: Rest | None = None

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.disconnect = Disconnect()
        self.before_drain = False
        self._body_begun = False

    @classmethod
    def of(cls, protocol: "H11Protocol | H2Protocol", app: Any, stream_id: int) -> "RequestStream":
        """Return the stream of a connection's next request, which ``app`` answers."""
        return cls(
            app,
            protocol.config,
            protocol.context,
            protocol.task_group,
            protocol.ssl,
            protocol.client,
            protocol.server,
            protocol.stream_send,
            stream_id,
        )

    async def handle(self, event: Event) -> None:
        """Take an event from the protocol."""
        if isinstance(event, Request) and not self.closed:
            await self.open(event)
        elif isinstance(event, StreamClosed):
            await self._close()
        else:
            await super().handle(event)

    async def receive(self, data: bytes, *, whole: bool) -> None:
        """Take what of the body came with the head; ``whole`` if that is all."""
        if not self.closed:
            await self.app_put({"type": "http.request", "body": data, "more_body": not whole})

    def write(self, data: bytes) -> Rest | None:
        """Write a piece of a response's body that more follows; return what is left to do, if any.

        It does what `app_send` does with ``http.response.body``, at once where that can be.
        """
        if self._body_begun and data:
            framed = None if self.frame is None else self.frame(data)
            if framed is not None:
                return self.write_framed(framed)
            return partial(self.send, Body(stream_id=self.stream_id, data=data))
        return partial(super().app_send, cast("ASGISendEvent", _piece(data)))

    async def app_send(self, message: Any) -> None:
        """Take a message from the application; None once it has returned."""
        if message is None:
            await self._app_ended()
        elif self._body_begun and message["type"] == "http.response.body":
            await self._send_body(message)
        elif (head := self._framed_head(message)) is not None:
            self.response, self.state, self._body_begun = message, ASGIHTTPState.RESPONSE, True
            if (rest := self.begin(head)) is not None:
                await rest()
        else:
            await self._send_stock(message)

    async def _app_ended(self) -> None:
        self.scope["extensions"].pop("write", None)  # nobody writes any more: leave no cycle
        if self.closed:
            await super().app_send(None)
        elif self.state is ASGIHTTPState.REQUEST:
            for own in refusal.messages(HTTPStatus.INTERNAL_SERVER_ERROR):
                await self._send_stock(own)
        else:
            await self.send(ResponseAborted(stream_id=self.stream_id))

    def _framed_head(self, message: Any) -> bytes | None:
        """Return the head of an ordinary response, as the protocol frames it."""
        starts = message["type"] == "http.response.start" and self.state is ASGIHTTPState.REQUEST
        if self.frame_head is None or not starts or message.get("trailers", False):
            return None
        headers = message.get("headers", [])
        fields = headers if type(headers) is Sound else list(headers)
        return self.frame_head(int(message["status"]), fields)

    async def _send_body(self, message: Any) -> None:
        data = bytes(message.get("body", b""))
        if data and (rest := self.write(data)) is not None:
            await rest()
        if not message.get("more_body", False):
            self._body_begun = False
            await self._send_closed()

    async def _send_stock(self, message: Any) -> None:
        """Send a message as Hypercorn does."""
        await super().app_send(message)
        self._body_begun = (
            self.state is ASGIHTTPState.RESPONSE
            and not suppress_body(self.scope["method"], int(self.response["status"]))
            and not self.response.get("trailers", False)
        )

    async def _send_closed(self) -> None:
        """End the response; stock also looks for an access log, of which there is none."""
        if self.end is None:
            await self.send(EndBody(stream_id=self.stream_id))
            self.state = ASGIHTTPState.CLOSED
            await self.send(StreamClosed(stream_id=self.stream_id))
        else:
            self.state = ASGIHTTPState.CLOSED
            await self.end()

    async def _close(self) -> None:
        self.disconnect.set()
        if not self.closed:
            self.closed = True
            await self.app_put({"type": "http.disconnect"})

    async def open(self, request: Request) -> None:
        """Start the application that answers ``request``."""
        path, _, query = request.raw_path.partition(b"?")
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": request.http_version,
            "asgi": {"spec_version": "2.1", "version": "3.0"},
            "method": request.method,
            "scheme": self.scheme,
            "path": unquote(path.decode("latin-1")),
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": request.headers,
            "client": self.client,
            "server": self.server,
            "state": request.state.copy(),
            "extensions": {
                "target": request.raw_path,
                "disconnect": self.disconnect,
                "before_drain": self.before_drain,
                "write": self.write,
            },
        }
        if self.proceed is not None:
            scope["extensions"]["proceed"] = self.proceed
        self.scope = cast("HTTPScope", scope)
        self.app_put = await self.task_group.spawn_app(
            self.app, self.config, self.scope, self.app_send
        )


def _piece(data: bytes) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": True}
