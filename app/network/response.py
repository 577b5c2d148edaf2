"""Responses as httpx knows them."""

from collections.abc import AsyncIterator
from typing import Protocol

import httpx

from ..wire.handover import Take
from ..wire.headers import Headers
from .fields import Fields

# What httpx's constructor sets, which takes 3 µs: it also copies the fields and their extensions.
_BLANK = vars(httpx.Response(200, stream=httpx.ByteStream(b"")))


class Slot(Protocol):
    """The right to send a request on a connection, as far as a response reports it."""

    @property
    def waited(self) -> float:
        """Seconds from asking for it to getting it."""

    @property
    def connect_time(self) -> float | None:
        """Seconds that the connection took; None on one that had carried a request before."""


class Readable(Protocol):
    """A stream, or a call: one response that is being received."""

    async def read(self) -> bytes:
        """Return all that was received and not yet read, b"" at the end; raises httpx's errors."""

    async def pour(self, take: Take) -> None:
        """Hand all that is received to ``take``, as it comes, to the end; raises httpx's errors."""

    def close(self) -> None:
        """End it in any state. Idempotent."""


class ResponseBody(httpx.AsyncByteStream):
    """A body; closing it, or leaving it, ends the stream."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield what comes, as it comes."""
        try:
            while chunk := await self._stream.read():
                yield chunk
        finally:
            self._stream.close()

    async def pour(self, take: Take) -> None:
        """Hand what comes to ``take``, as it comes: faster than iterating (`Reception.pour`)."""
        try:
            await self._stream.pour(take)
        finally:
            self._stream.close()

    def close(self) -> None:
        """End the stream. Idempotent."""
        self._stream.close()

    async def aclose(self) -> None:
        """End the stream."""
        self.close()


def response(
    status: int,
    fields: Headers,
    stream: Readable,
    slot: Slot,
    *,
    version: bytes,
    stream_id: int | None = None,
) -> httpx.Response:
    """Return a response whose body is still to be read, with what is known of its way here."""
    made = object.__new__(httpx.Response)
    made.__dict__.update(_BLANK)
    made.status_code, made.history = status, []
    made.headers, made.stream = Fields(fields), ResponseBody(stream)
    made.extensions = {
        "http_version": version,
        "stream_id": stream_id,
        "reused": slot.connect_time is None,
        "slot_wait": slot.waited,
        "connect_time": slot.connect_time,
    }
    return made
