"""The request body on its way: streamed with back-pressure, held only as far as it is needed.

`Inbound` is the client's side: it receives from the entry of a request to its end, since that is
the only way to learn that the client has left. `Body` is upstream's side: it sends what came,
and keeps a bounded copy so that a refused request can be sent again.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import Any

import httpx

from ...errors import BodyTooLarge, ProxyFailure, RequestTimeout
from ...wire.headers import Headers, first
from .hold_budget import HoldBudget

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BUFFER = 256 * 1024  # bytes that may wait between the client and upstream
HOLD_BUDGET = 256 * 2**20  # bytes of all bodies held at a time, unless set otherwise


class Inbound:
    """What the client sends.

    ``limit`` is the largest body in bytes; ``silence`` is how many seconds it may make no
    progress; ``received`` counts what has come so far.
    State: ``_chunks`` with ``_waiting`` bytes in all, ``complete`` once the last has come,
    ``_failure`` once reading has failed.
    """

    def __init__(self, receive: Receive, limit: int, silence: float | None = None) -> None:
        self.received = 0
        self._silence = silence
        self._failure: ProxyFailure | None = None
        self.complete = False
        self._receive = receive
        self._limit = limit
        self._chunks: deque[bytes] = deque()
        self._waiting = 0
        self._readable = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def watch(self) -> None:
        """Receive until the client has left, holding back while `BUFFER` bytes lie unread."""
        while (message := await self._next())["type"] != "http.disconnect":
            self._put(message.get("body", b""), last=not message.get("more_body", False))
            if not self.complete:
                await self._room.wait()

    async def read(self) -> bytes:
        """Return what has come and was not yet read, b"" at the end.

        Raises `BodyTooLarge` past the limit, or the failure that ended the reading.
        """
        while not self._chunks and not self.complete and self._failure is None:
            self._readable.clear()
            await self._readable.wait()
        if self._failure is not None:
            raise self._failure
        if self.received > self._limit:
            raise too_large(self._limit)
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._waiting = 0
        self._room.set()
        return data

    @property
    def exhausted(self) -> bool:
        """Whether the whole body was received and read."""
        return self.complete and not self._chunks

    def fail(self, failure: ProxyFailure) -> None:
        """Let the reader of a body that is not complete fail."""
        if not self.complete and self._failure is None:
            self._failure = failure
            self._readable.set()

    def drop(self) -> None:
        """Drop what has come and was not read: nobody will."""
        self._chunks.clear()
        self._waiting = 0

    async def _next(self) -> MutableMapping[str, Any]:
        """Return the next message; a client that is silent in the middle of a body is refused."""
        if self.complete or self._failure is not None:
            return await self._receive()
        try:
            async with asyncio.timeout(self._silence):
                return await self._receive()
        except TimeoutError:
            self.fail(
                RequestTimeout(
                    "body_timeout",
                    f"The request body made no progress for {self._silence:g} s: send it again.",
                )
            )
            return await self._receive()

    def _put(self, data: bytes, *, last: bool) -> None:
        if data:
            self._chunks.append(data)
            self._waiting += len(data)
            self.received += len(data)
        self.complete = last
        if self._waiting >= BUFFER:
            self._room.clear()
        self._readable.set()


class Body:
    """A body for upstream that can be sent more than once.

    Up to ``replay_limit`` bytes are kept, as far as the ``budget`` of all bodies goes; a longer
    one goes through once and is then gone. `release` frees the kept bytes.
    State: ``_held`` is the body so far (``_size`` bytes, ``_charged`` of them to the budget),
    unless it was ``_dropped``.
    """

    def __init__(
        self, inbound: Inbound, replay_limit: int, budget: HoldBudget | None = None
    ) -> None:
        self._inbound = inbound
        self._replay_limit = replay_limit
        self._budget = budget or HoldBudget(HOLD_BUDGET)
        self._held: list[bytes] = []
        self._size = 0
        self._charged = 0
        self._dropped = False

    async def hold(self, limit: int, *, needed: bool = True) -> bytes | None:
        """Read on until the body is whole and return it, or None once it exceeds ``limit``.

        One that is not ``needed`` whole is None, too, while the budget is exhausted.
        """
        while (
            self._size <= limit
            and (needed or not self._budget.exhausted)
            and (chunk := await self._inbound.read())
        ):
            self._held.append(chunk)
            self._size += len(chunk)
            self._charge(len(chunk))
        return self._whole() if self._size <= limit and self._inbound.exhausted else None

    def replace(self, body: bytes) -> None:
        """Send ``body`` instead of the held one."""
        self._uncharge()
        self._held = [body]
        self._size = len(body)
        self._charge(len(body))

    @property
    def held(self) -> bytes | None:
        """The whole body, if it is all here."""
        return None if self._dropped or not self._inbound.exhausted else self._whole()

    def start(self, size: int) -> bytes:
        """Return the first bytes of what is held, at most ``size``."""
        found = b""
        for chunk in self._held:
            found += chunk[: size - len(found)]
            if len(found) >= size:
                break
        return found

    def release(self) -> None:
        """Let go of what is held: it will not be sent again."""
        self._dropped = True
        self._held.clear()
        self._uncharge()

    async def replayable(self) -> bool:
        """Read the rest; return True if the whole can be sent again."""
        while not self._dropped and (chunk := await self._inbound.read()):
            self._keep(chunk)
        return not self._dropped

    def stream(self) -> httpx.AsyncByteStream:
        """Return it for one attempt; one that is all here is a `httpx.ByteStream`."""
        whole = self.held
        return ChunkStream(self._send()) if whole is None else httpx.ByteStream(whole)

    async def _send(self) -> AsyncIterator[bytes]:
        for chunk in tuple(self._held):
            yield chunk
        while chunk := await self._inbound.read():
            self._keep(chunk)
            yield chunk

    def _keep(self, chunk: bytes) -> None:
        """Keep a chunk that is sent, for another attempt."""
        self._size += len(chunk)
        if self._dropped:
            return
        if self._size > self._replay_limit or not self._budget.take(len(chunk)):
            self.release()
        else:
            self._charged += len(chunk)
            self._held.append(chunk)

    def _charge(self, size: int) -> None:
        self._budget.force(size)
        self._charged += size

    def _uncharge(self) -> None:
        self._budget.give(self._charged)
        self._charged = 0

    def _whole(self) -> bytes:
        if len(self._held) != 1:
            self._held = [b"".join(self._held)]
        return self._held[0]


class ChunkStream(httpx.AsyncByteStream):
    """An async iterator under the name that httpx knows."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks


def check_length(headers: Headers, limit: int) -> None:
    """Refuse a body that is announced to be too large before any of it is read."""
    announced = first(headers, b"content-length") or b"0"
    if announced.isdigit() and int(announced[:20]) > limit:
        raise too_large(limit)


def too_large(limit: int) -> BodyTooLarge:
    """Return the failure for a body of more than ``limit`` bytes."""
    return BodyTooLarge(
        "body_too_large",
        f"The request body is larger than this proxy accepts ({limit} bytes): send less, "
        "or raise ANTHROPIC_PROXY_MAX_BODY_SIZE.",
    )
