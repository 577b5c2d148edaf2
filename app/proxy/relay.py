"""The answer's way back: each chunk goes on at once, then a copy is read.

What is restored takes a while if there is much of it: then it is done in the scrubber's threads.

The relay owns upstream's response. Whatever ends it, the response is closed, and an answer that
upstream cut is cut for the client too: it never looks complete (behaviour B4).
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import httpx

from ..anthropic.errors import envelope
from ..anthropic.tap import Tap
from ..errors import MethodRefused, ProxyFailure, ResponseCut
from ..exchange import Outcome
from ..scrubber.restore import Restorer
from ..wire.headers import ERROR_HEADER, Headers, text, with_length, without
from .scan_pool import ScanPool
from .trace import Trace
from .upstream import Answer

PIECE = 64 * 1024  # bytes handed to the server at a time
INLINE_LIMIT = 2048  # bytes restored on the event loop: most events of a stream are shorter
_INFLATED = 32  # bytes that a compressed one may become, about: more is rare

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Outbound:
    """The client's side of the answer; knows whether it has started."""

    def __init__(self, send: Send) -> None:
        self.started = False
        self._send = send

    async def start(self, status: int, headers: Headers) -> None:
        """Send status and header fields."""
        self.started = True
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    async def body(self, chunk: bytes) -> None:
        """Send a chunk; waits while the client does not read.

        A large one goes in pieces: TLS keeps what it is given until the client has taken it.
        """
        for start in range(0, len(chunk), PIECE):
            piece = chunk if len(chunk) <= PIECE else chunk[start : start + PIECE]
            await self._send({"type": "http.response.body", "body": piece, "more_body": True})

    async def end(self) -> None:
        """End the answer, whole."""
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})


async def relay(
    answer: Answer, outbound: Outbound, trace: Trace, pool: ScanPool | None = None
) -> None:
    """Hand ``answer`` on, chunk by chunk; raises `ResponseCut` when upstream cut it.

    Large pieces are restored in ``pool``.
    """
    kind = text(answer.headers, b"content-type"), text(answer.headers, b"content-encoding")
    tap = Tap(*kind)
    restorer = Restorer(trace.plan, *kind) if trace.plan is not None else None
    trace.relaying(answer.status, answer.headers, tap, restorer)
    try:
        await outbound.start(answer.status, _headers(answer.headers, restorer))
        trace.awaiting()
        async for chunk in answer.chunks():
            arrived = trace.arrived()
            try:
                passed = chunk if restorer is None else await _restored(chunk, restorer, pool)
                handing_on = handed_on = trace.clock()
                if passed:
                    handing_on, handed_on = await _hand_on(passed, outbound, trace)
            finally:
                tap.feed(chunk)  # upstream charges for it, even if the client leaves meanwhile
            trace.relayed(arrived, handing_on, handed_on)
            trace.awaiting()
        trace.arrived()
        if restorer is not None and (rest := await _closed(restorer, pool)):
            await _hand_on(rest, outbound, trace)
        trace.outcome = Outcome.COMPLETE  # before the end is sent: the client may leave upon it
        await outbound.end()
    except (httpx.HTTPError, ResponseCut) as exc:  # cut, or damaged beyond restoring
        trace.cut_by_upstream(timed_out=isinstance(exc, httpx.TimeoutException))
        raise ResponseCut(f"upstream cut its answer: {exc}") from exc
    finally:
        await answer.aclose()


async def _restored(chunk: bytes, restorer: Restorer, pool: ScanPool | None) -> bytes:
    size = len(chunk) * (_INFLATED if restorer.identity else 1) + restorer.held
    return await _in_turn(partial(restorer.feed, chunk), size, pool)


async def _closed(restorer: Restorer, pool: ScanPool | None) -> bytes:
    return await _in_turn(restorer.close, restorer.held, pool)


async def _in_turn(work: Callable[[], bytes], size: int, pool: ScanPool | None) -> bytes:
    """Do work on ``size`` bytes here, or in the pool: the next begins when it is done."""
    return work() if pool is None or size <= INLINE_LIMIT else await pool.run(size, work)


async def _hand_on(chunk: bytes, outbound: Outbound, trace: Trace) -> tuple[float, float]:
    """Send a chunk to the client; return when it was offered and when it was taken."""
    offered = trace.handing_on()
    await outbound.body(chunk)
    return offered, trace.handed_on(len(chunk))


async def refuse(failure: ProxyFailure, outbound: Outbound, trace: Trace) -> None:
    """Answer in upstream's place, in Anthropic's error shape (behaviour C5).

    An answer that has begun cannot be taken back: it is cut with `ResponseCut`.
    """
    trace.refused(failure)
    if outbound.started:
        raise ResponseCut(failure.message) from failure
    await outbound.start(failure.status, failure_headers(failure))
    await _hand_on(envelope(failure.error_type, failure.message), outbound, trace)
    await outbound.end()


def failure_headers(failure: ProxyFailure) -> Headers:
    """Return the fields of an answer of our own, which name its reason."""
    headers = [
        (b"content-type", b"application/json"),
        (ERROR_HEADER, failure.reason.encode("ascii")),
    ]
    if isinstance(failure, MethodRefused):  # RFC 9110 §15.5.6
        headers.append((b"allow", b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"))
    if failure.retry_after is not None:
        headers.append((b"retry-after", b"%d" % failure.retry_after))
    return headers


def _headers(headers: Headers, restorer: Restorer | None) -> Headers:
    """Return the fields as they are true of what the client gets."""
    if restorer is None:
        return headers
    resized = with_length(headers, None)
    return without(resized, {b"content-encoding"}) if restorer.identity else resized
