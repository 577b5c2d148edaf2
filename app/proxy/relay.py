"""The response's way back: each chunk goes on at once, then the tap reads it.

Where something is to be restored, a chunk is decoded, split and parsed once, for both.

A response that upstream cut is cut for the client too: it never looks complete (behaviour B4).
"""

from functools import partial
from typing import TYPE_CHECKING

import httpx

from ..anthropic.records import Record
from ..anthropic.tap import Tap
from ..errors import ResponseCut, UpstreamCut, UpstreamSilent
from ..wire.handover import Rest
from ..wire.headers import Headers, with_length, without
from .outbound import Outbound
from .stopwatch import Stopwatch
from .upstream.response import UpstreamResponse

if TYPE_CHECKING:
    from .restoring import Restoring


async def relay(
    response: UpstreamResponse,
    restoring: "Restoring | None",
    outbound: Outbound,
    tap: Tap,
    watch: Stopwatch,
) -> None:
    """Hand ``response`` on chunk by chunk, except its end; the tap reads a copy.

    Raises `UpstreamCut` when upstream cut it. The caller closes the response.
    """
    relaying = _Relaying(restoring, outbound, tap, watch)
    try:
        await outbound.start(response.status, _headers(response.headers, restoring))
        watch.awaiting_upstream()
        await response.pour(relaying.take)
        watch.upstream_arrived()
        if restoring is not None and (rest := await restoring.close()):
            await outbound.body(rest)
    except httpx.TimeoutException as exc:
        raise UpstreamSilent(f"upstream stopped sending its response: {exc}") from exc
    except (httpx.HTTPError, ResponseCut) as exc:  # cut, or damaged beyond restoring
        raise UpstreamCut(f"upstream cut its response: {exc}") from exc


class _Relaying:
    """Hands each chunk to the client, then a copy to the tap: at once, unless something waits.

    The tap reads what the client leaves without having read: upstream charges for it.
    """

    def __init__(
        self, restoring: "Restoring | None", outbound: Outbound, tap: Tap, watch: Stopwatch
    ) -> None:
        self._restoring = restoring
        self._outbound = outbound
        self._tap = tap
        self._watch = watch

    def take(self, chunk: bytes) -> Rest | None:
        """Take a chunk; return what is left to do with it, if that has to wait."""
        watch, tap = self._watch, self._tap
        arrived = watch.upstream_arrived()
        if self._restoring is not None:
            records = self._restoring.read(chunk)
            tap.take((records,))
            return partial(self._restore, self._restoring, records, arrived)
        rest = self._outbound.write(chunk)
        if rest is not None:
            offered = watch.awaiting_client()
            tap.feed(chunk)
            return partial(self._finish, rest, arrived, offered)
        taken = watch.now()
        tap.feed(chunk)
        watch.passed(arrived, taken, token=tap.first_token, events=tap.events)
        return None

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
