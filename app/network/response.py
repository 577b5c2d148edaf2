"""Response bodies under the name httpx knows."""

from collections.abc import AsyncIterator
from typing import Protocol

import httpx


class Readable(Protocol):
    """A stream, or a call: one response that is being received."""

    async def read(self) -> bytes:
        """Return all that was received and not yet read, b"" at the end; raises httpx's errors."""

    def close(self) -> None:
        """End it, whatever its state. Idempotent."""


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

    async def aclose(self) -> None:
        """End the stream."""
        self._stream.close()
