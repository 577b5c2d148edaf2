"""The response's way back: each chunk goes on at once, then a copy is read.

A response that upstream cut is cut for the client too: it never looks complete (behaviour B4).
"""

from typing import TYPE_CHECKING

import httpx

from ..anthropic.tap import Tap
from ..errors import ResponseCut, UpstreamCut, UpstreamSilent
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
    try:
        await outbound.start(response.status, _headers(response.headers, restoring))
        watch.awaiting_upstream()
        async for chunk in response.chunks():
            arrived = watch.upstream_arrived()
            try:
                passed = chunk if restoring is None else await restoring.feed(chunk)
                offered = taken = watch.now()
                if passed:
                    offered, taken = await outbound.body(passed)
            finally:
                tap.feed(chunk)  # upstream charges for it, even if the client leaves meanwhile
            watch.relayed(
                arrived,
                offered,
                taken,
                sent=bool(passed),
                token=tap.first_token,
                events=tap.events,
            )
            watch.awaiting_upstream()
        watch.upstream_arrived()
        if restoring is not None and (rest := await restoring.close()):
            await outbound.body(rest)
    except httpx.TimeoutException as exc:
        raise UpstreamSilent(f"upstream stopped sending its response: {exc}") from exc
    except (httpx.HTTPError, ResponseCut) as exc:  # cut, or damaged beyond restoring
        raise UpstreamCut(f"upstream cut its response: {exc}") from exc


def _headers(headers: Headers, restoring: "Restoring | None") -> Headers:
    """Return the fields as they are true of what the client gets."""
    if restoring is None:
        return headers
    resized = with_length(headers, None)
    return without(resized, {b"content-encoding"}) if restoring.decodes else resized
