"""The client's side of a response."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from ..wire.handover import Rest, Take
from ..wire.headers import Headers
from .stopwatch import Stopwatch

PIECE = 64 * 1024  # bytes handed to the server at a time

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Outbound:
    """Sends one response to the client.

    ``write`` is the server's short way for a piece of the body, if it has one.
    State: the ``status`` sent, None before; how many bytes of the body the client's side ``took``.
    """

    def __init__(self, send: Send, watch: Stopwatch, write: Take | None = None) -> None:
        self.status: int | None = None
        self.took = 0
        self._send = send
        self._watch = watch
        self._write = write or self._send_piece

    @property
    def started(self) -> bool:
        """Whether a response has started: it can no longer be replaced by another."""
        return self.status is not None

    async def start(self, status: int, headers: Headers) -> None:
        """Send status and header fields."""
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    def write(self, chunk: bytes) -> Rest | None:
        """Send a chunk; return what is left to do if the client's side can't take it at once.

        A large chunk goes in pieces: TLS keeps what it is given until the client has taken it.
        """
        if len(chunk) > PIECE:
            return partial(self._write_in_pieces, chunk)
        rest = self._write(chunk)
        if rest is None:
            self.took += len(chunk)
            return None
        return partial(self._finish, rest, len(chunk))

    async def body(self, chunk: bytes) -> tuple[float, float]:
        """Send a chunk; return when it was offered and when it was taken.

        Waits while the client does not read.
        """
        offered = self._watch.awaiting_client()
        if (rest := self.write(chunk)) is not None:
            await rest()
        return offered, self._watch.client_took()

    async def end(self) -> None:
        """End the response; it is whole."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _write_in_pieces(self, chunk: bytes) -> None:
        for start in range(0, len(chunk), PIECE):
            if (rest := self._write(chunk[start : start + PIECE])) is not None:
                await rest()
        self.took += len(chunk)

    async def _finish(self, rest: Rest, size: int) -> None:
        await rest()
        self.took += size

    def _send_piece(self, piece: bytes) -> Rest:
        """Send a piece the way of every ASGI server."""
        return partial(self._send_body, piece)

    async def _send_body(self, piece: bytes) -> None:
        await self._send({"type": "http.response.body", "body": piece, "more_body": True})
