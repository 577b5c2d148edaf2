"""The response's way back: each chunk goes on at once, and soon after it the tap reads it.

Small chunks are read up to a quarter of a second later, several at a time: no client waits for
that, and between two segments it takes three times as long. Whoever wants to know what was read
flushes that backlog first.

Where something is to be restored, a chunk is decoded, split and parsed once, for both.

A response that upstream cut is cut for the client too: it never looks complete (behaviour B4).
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import httpx

from ..anthropic.records import Record
from ..anthropic.tap import Tap
from ..errors import ResponseCut, UpstreamCut, UpstreamSilent
from ..wire.handover import Rest
from ..wire.headers import Headers, with_length, without
from .backlog import Backlog
from .outbound import Outbound
from .stopwatch import Stopwatch
from .upstream.response import UpstreamResponse

if TYPE_CHECKING:
    from .restoring import Restoring

UNREAD = 16 * 1024  # bytes of a response that have passed and that the tap has not read


async def relay(
    response: UpstreamResponse,
    restoring: "Restoring | None",
    outbound: Outbound,
    tap: Tap,
    watch: Stopwatch,
    backlog: Backlog,
    whole: Callable[[], object],
) -> None:
    """Hand ``response`` on chunk by chunk, to its end; the tap reads a copy.

    ``whole`` is called once all has passed, before the end is sent. Raises `UpstreamCut` when
    upstream cut it. The caller closes the response.
    """
    relaying = _Relaying(restoring, outbound, tap, watch, backlog)
    try:
        await outbound.start(response.status, _headers(response.headers, restoring))
        watch.awaiting_upstream()
        try:
            await response.pour(relaying.take)
            arrived = watch.now()
            if restoring is None:
                whole()
                await outbound.end()  # the client waits for it, nobody for what is read
        finally:
            relaying.read()
        watch.upstream_arrived(arrived)
        if restoring is not None:
            if rest := await restoring.close():
                await outbound.body(rest)
            whole()
            await outbound.end()
    except httpx.TimeoutException as exc:
        raise UpstreamSilent(f"upstream stopped sending its response: {exc}") from exc
    except (httpx.HTTPError, ResponseCut) as exc:  # cut, or damaged beyond restoring
        raise UpstreamCut(f"upstream cut its response: {exc}") from exc


class _Relaying:
    """Hands each chunk to the client, then a copy to the tap: at once, unless something waits.

    The tap reads what the client leaves without having read: upstream charges for it. State: the
    ``_unread`` chunks that have passed, when they arrived and when they were taken, and their
    ``_size`` in bytes.
    """

    def __init__(
        self,
        restoring: "Restoring | None",
        outbound: Outbound,
        tap: Tap,
        watch: Stopwatch,
        backlog: Backlog,
    ) -> None:
        self._restoring = restoring
        self._outbound = outbound
        self._tap = tap
        self._watch = watch
        self._backlog = backlog
        self._unread: list[tuple[bytes, float, float]] = []
        self._size = 0

    def take(self, chunk: bytes) -> Rest | None:
        """Take a chunk; return what is left to do with it, if that has to wait."""
        if self._restoring is not None:
            return self._take_apart(chunk, self._restoring)
        now = self._watch.now
        arrived = now()
        rest = self._outbound.write(chunk)
        if rest is not None:
            return self._wait(chunk, rest, arrived)
        self._unread.append((chunk, arrived, now()))
        self._size += len(chunk)
        if self._size > UNREAD:
            self.read()
        elif len(self._unread) == 1:
            self._backlog.add(self.read)
        return None

    def read(self) -> None:
        """Let the tap read what has passed."""
        if not self._unread:
            return
        unread, self._unread, self._size = self._unread, [], 0
        tap, watch = self._tap, self._watch
        began = watch.now()
        for chunk, arrived, taken in unread:
            tap.feed(chunk)
            ended = watch.now()
            own = ended - began
            watch.passed(arrived, taken, own, token=tap.first_token, events=tap.events)
            began = ended

    def _take_apart(self, chunk: bytes, restoring: "Restoring") -> Rest:
        arrived = self._watch.upstream_arrived()
        records = restoring.read(chunk)
        self._tap.take((records,))
        return partial(self._restore, restoring, records, arrived)

    def _wait(self, chunk: bytes, rest: Rest, arrived: float) -> Rest:
        self.read()
        self._watch.upstream_arrived(arrived)
        offered = self._watch.awaiting_client()
        self._tap.feed(chunk)
        return partial(self._finish, rest, arrived, offered)

    async def _finish(self, rest: Rest, arrived: float, offered: float) -> None:
        await rest()
        self._done(arrived, offered, self._watch.client_took(), sent=True)

    async def _restore(self, restoring: "Restoring", records: list[Record], arrived: float) -> None:
        passed = await restoring.feed(records)
        offered = taken = self._watch.now()
        if passed:
            offered, taken = await self._outbound.body(passed)
        self._done(arrived, offered, taken, sent=bool(passed))

    def _done(self, arrived: float, offered: float, taken: float, *, sent: bool) -> None:
        tap = self._tap
        self._watch.relayed(
            arrived, offered, taken, sent=sent, token=tap.first_token, events=tap.events
        )
        self._watch.awaiting_upstream()


def _headers(headers: Headers, restoring: "Restoring | None") -> Headers:
    """Return the fields as they are true of what the client gets."""
    if restoring is None:
        return headers
    resized = with_length(headers, None)
    return without(resized, {b"content-encoding"}) if restoring.decodes else resized
