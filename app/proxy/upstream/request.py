"""A request on its way to upstream."""

from collections.abc import AsyncIterator, Callable

import httpx
import msgspec

from ...wire.headers import Headers
from ..request.body import ChunkStream


class UpstreamRequest(msgspec.Struct, frozen=True):
    """A request for upstream, except for its body."""

    method: str
    target: bytes
    headers: Headers


class Upload:
    """A request body on its way, ``waited`` seconds of which were for the client to send it.

    A body that is already whole passes as it is: the transport sends it with the headers.
    """

    def __init__(self, body: httpx.AsyncByteStream, clock: Callable[[], float]) -> None:
        self.waited = 0.0
        self._clock = clock
        whole = isinstance(body, httpx.ByteStream)
        self.stream: httpx.AsyncByteStream = body if whole else ChunkStream(self._timed(body))

    async def _timed(self, body: httpx.AsyncByteStream) -> AsyncIterator[bytes]:
        chunks = aiter(body)
        while True:
            began = self._clock()
            chunk = await anext(chunks, None)
            self.waited += self._clock() - began
            if chunk is None:
                return
            yield chunk
