"""Upstream's response, as it comes."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from ...network.fields import lowered
from ...network.response import ResponseBody
from ...wire.handover import Take
from ...wire.headers import for_client
from ...wire.heads import framing_fault

READ_AHEAD_TIMEOUT = 2.0  # seconds for the rest of a 529, before it is passed on as it comes
CLOSE_TIMEOUT = 2.0  # seconds a clean-up may take


class UpstreamResponse:
    """A response, which its holder must close; ``headers`` are the end-to-end ones.

    State: ``_chunks``, once something asks for them; ``_ahead`` was read while a retry was
    considered, when the iterator was ``_begun``; ``_pending`` is a chunk still awaited.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self._fields = lowered(response.headers)
        self.headers = for_client(self._fields, status=self.status)
        self._stream = _stream(response)
        self._chunks: AsyncIterator[bytes] | None = None
        self._begun = False
        self._response = response
        self._ahead: list[bytes] = []
        self._pending: asyncio.Future[bytes | None] | None = None

    @property
    def malformed(self) -> str | None:
        """What makes the framing ambiguous (behaviour E4), or None."""
        return framing_fault(self._fields)

    async def pour(self, take: Take) -> None:
        """Hand the body to ``take``, as it comes; httpx's errors pass."""
        if not self._begun and isinstance(self._stream, ResponseBody):
            await self._stream.pour(take)
            return
        async for chunk in self.chunks():
            if (rest := take(chunk)) is not None:
                await rest()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; httpx's errors pass."""
        for chunk in self._ahead:
            yield chunk
        if self._pending is not None and (late := await self._pending) is not None:
            yield late
        async for chunk in self._iterator():
            yield chunk

    async def read_ahead(self, limit: int) -> bool:
        """Read the body; False when it is late, cut or more than ``limit`` bytes."""
        try:
            async with asyncio.timeout(READ_AHEAD_TIMEOUT):
                while (chunk := await self._next()) is not None:
                    self._ahead.append(chunk)
                    if sum(map(len, self._ahead)) > limit:
                        return False
        except (TimeoutError, httpx.HTTPError):
            return False
        return True

    async def aclose(self) -> None:
        """Close the response and end its stream upstream. Idempotent, never endless."""
        if self._pending is not None:
            self._pending.cancel()
        if isinstance(self._stream, ResponseBody):
            self._stream.close()
            return
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                await self._response.aclose()
        except (TimeoutError, httpx.HTTPError):
            pass  # the transport has dropped the connection

    def _iterator(self) -> AsyncIterator[bytes]:
        if self._chunks is None:
            self._chunks = aiter(self._stream)
        return self._chunks

    async def _next(self) -> bytes | None:
        """Return the next chunk, None at the end; a chunk that is late or failed stays pending."""
        self._begun = True
        self._pending = asyncio.ensure_future(anext(self._iterator(), None))
        chunk = await asyncio.shield(self._pending)
        self._pending = None
        return chunk


def _stream(response: httpx.Response) -> httpx.AsyncByteStream:
    # The raw stream: `aiter_raw` with a chunk size would buffer events, without one adds cost.
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("the transport's response must stream asynchronously")
    return stream
