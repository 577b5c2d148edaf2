"""The client's side of a response."""

from collections.abc import Awaitable, Callable
from typing import Any

from ..wire.headers import Headers
from .stopwatch import Stopwatch

PIECE = 64 * 1024  # bytes handed to the server at a time

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Outbound:
    """Sends one response to the client.

    State: the ``status`` sent, None before; how many bytes of the body the client's side ``took``.
    """

    def __init__(self, send: Send, watch: Stopwatch) -> None:
        self.status: int | None = None
        self.took = 0
        self._send = send
        self._watch = watch

    @property
    def started(self) -> bool:
        """Whether a response has started: it can no longer be replaced by another."""
        return self.status is not None

    async def start(self, status: int, headers: Headers) -> None:
        """Send status and header fields."""
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def body(self, chunk: bytes) -> tuple[float, float]:
        """Send a chunk; return when it was offered and when it was taken.

        Waits while the client does not read. A large chunk goes in pieces: TLS keeps what it is
        given until the client has taken it.
        """
        offered = self._watch.awaiting_client()
        if len(chunk) <= PIECE:
            await self._send({"type": "http.response.body", "body": chunk, "more_body": True})
        else:
            for start in range(0, len(chunk), PIECE):
                piece = chunk[start : start + PIECE]
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        self.took += len(chunk)
        return offered, self._watch.client_took()

    async def end(self) -> None:
        """End the response; it is whole."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})
