"""The request body for upstream: streamed with back-pressure, held only as far as it is needed.

It sends what has come, and keeps a bounded copy so that a refused request can be sent again.
"""

from collections.abc import AsyncIterator

import httpx

from .hold_budget import HoldBudget
from .inbound import Inbound

HOLD_BUDGET = 256 * 2**20  # bytes of all bodies held at a time, unless set otherwise


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
            and not self._inbound.exhausted
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

    @property
    def chunks(self) -> tuple[bytes, ...]:
        """The pieces of a body that is all here; none of another one."""
        return () if self._dropped or not self._inbound.exhausted else tuple(self._held)

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
