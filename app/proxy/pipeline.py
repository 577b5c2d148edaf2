"""The journey of one request through the proxy, top to bottom."""

import asyncio
import functools
import traceback
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from contextlib import AbstractContextManager
from typing import Any

import structlog

from ..errors import Draining, InternalError, ProxyFailure, ResponseCut
from ..exchange import Observer, Outcome
from ..wire.headers import for_upstream
from ..wire.target import target
from .admission import Admission, Place, check_headers, check_method, check_token
from .body import HOLD_BUDGET, Body, Inbound, Receive, check_length
from .hold_budget import HoldBudget
from .peer import peer_of
from .relay import Outbound, Send, refuse, relay
from .scrubbing import Scrubbing
from .trace import Trace
from .upstream import Outgoing, Upstream

Scope = MutableMapping[str, Any]

HOLD_LIMIT = 256 * 1024  # bytes read whole before they go on; a longer body goes on as it comes
# Kept for a retry: all of a Messages request (the API accepts 32 MB), little of anything else.
REPLAY_LIMITS = {"messages": 32 * 2**20, "count_tokens": 32 * 2**20}

log = structlog.get_logger(__name__)


class Proxy:
    """An ASGI application that forwards every HTTP request it is given to upstream."""

    def __init__(
        self,
        upstream: Upstream,
        *,
        admission: Admission,
        observer: Observer,
        clock: Callable[[], float],
        wall: Callable[[], float],
        max_body_size: int,
        access_token: str | None = None,
        body_timeout: float | None = None,
        scrubbing: Scrubbing | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        hold_budget: HoldBudget | None = None,
    ) -> None:
        self._upstream = upstream
        self._admission = admission
        self._observer = observer
        self._clock = clock
        self._wall = wall
        self._max_body_size = max_body_size
        self._access_token = access_token
        self._body_timeout = body_timeout
        self._scrubbing = scrubbing
        self._sleep = sleep
        self._hold_budget = hold_budget or HoldBudget(HOLD_BUDGET)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, whatever happens to it, and record it once."""
        extensions = scope.get("extensions", {})  # of our listener (app.listener.stream)
        incoming = Outgoing(scope["method"], requested_target(scope), list(scope["headers"]))
        trace = Trace(
            incoming.method,
            incoming.target,
            incoming.headers,
            clock=self._clock,
            wall=self._wall,
        )
        inbound = Inbound(receive, self._max_body_size, self._body_timeout)
        outbound = Outbound(send)
        self._observer.started(trace.progress)
        try:
            enter = functools.partial(
                self._admission.enter,
                peer_of(scope.get("client")),
                functools.partial(trace.end, Outcome.SHUTDOWN),
                inbound.fail,
                before_drain=extensions.get("before_drain", False),
            )
            journey = self._answer(incoming, inbound, outbound, trace, enter)
            await until_left(journey, inbound, outbound, trace, left=extensions.get("left"))
        finally:
            trace.release_body()
            inbound.drop()
            self._observer.finished(trace.progress, trace.finish(inbound.received))

    async def _answer(
        self,
        incoming: Outgoing,
        inbound: Inbound,
        outbound: Outbound,
        trace: Trace,
        enter: Callable[[], AbstractContextManager[Place]],
    ) -> None:
        """Make the journey; where it fails, answer in upstream's place."""
        try:
            with enter() as place:
                await self._journey(incoming, inbound, outbound, trace, place)
        except ProxyFailure as failure:
            await refuse(failure, outbound, trace)
        except ResponseCut:
            raise
        except Exception as exc:  # noqa: BLE001 - a defect of ours, told as one
            where = traceback.extract_tb(exc.__traceback__)[-1]  # its message may quote a request
            log.error(  # noqa: TRY400
                "the proxy failed",
                error=type(exc).__name__,
                where=f"{where.filename}:{where.lineno} {where.name}",
            )
            defect = InternalError("internal_error", "The proxy failed: see its log.")
            await refuse(defect, outbound, trace)

    async def _journey(
        self, incoming: Outgoing, inbound: Inbound, outbound: Outbound, trace: Trace, place: Place
    ) -> None:
        check_method(incoming.method, incoming.headers)
        check_headers(incoming.headers)
        await check_token(incoming.headers, self._access_token, self._sleep)
        check_length(incoming.headers, self._max_body_size)
        outgoing = Outgoing(
            incoming.method,
            target(self._upstream.origin.prefix, incoming.target),
            for_upstream(incoming.headers, host=self._upstream.origin.host),
        )

        limit = REPLAY_LIMITS.get(trace.progress.route, HOLD_LIMIT)
        trace.body = Body(inbound, limit, self._hold_budget)
        await trace.body.hold(HOLD_LIMIT, needed=False)
        place.serve()
        trace.body_ready()

        if self._scrubbing is not None:
            outgoing = await self._scrubbing.apply(outgoing, trace.body, trace)

        answer = await self._upstream.send(outgoing, trace.body, trace)
        pool = self._scrubbing.pool if self._scrubbing is not None else None
        await relay(answer, outbound, trace, pool)


async def until_left(
    journey: Coroutine[Any, Any, None],
    inbound: Inbound,
    outbound: Outbound,
    trace: Trace,
    *,
    left: Any = None,
) -> None:
    """Run the journey until its end, the client's leaving or the end of the drain.

    ``left`` is our listener's: it tells of the leaving even while the body's reading is held up.
    """
    work = asyncio.ensure_future(journey)
    trace.cancel = work.cancel
    watcher = asyncio.ensure_future(inbound.watch())
    watcher.add_done_callback(lambda _: trace.end(Outcome.CLIENT_ABORT))
    if left is not None:
        left.then(lambda: trace.end(Outcome.CLIENT_ABORT))
    try:
        await work
    except asyncio.CancelledError:
        if trace.outcome is None:  # the server gave the connection up
            trace.outcome = Outcome.SHUTDOWN
            raise
        if trace.outcome is Outcome.SHUTDOWN:
            failure = Draining("draining", "The proxy shut down: send the request again.")
            await refuse(failure, outbound, trace)
    finally:
        watcher.cancel()
        trace.cancel = _nothing  # the task's frames hold the trace: no cycle is left to collect


def _nothing() -> None:
    """Do nothing."""


def requested_target(scope: Scope) -> bytes:
    """Return the request target byte for byte, with a bare ``?`` where there was one."""
    if (whole := scope.get("extensions", {}).get("target")) is not None:
        return bytes(whole)
    query = scope["query_string"]
    return bytes(scope["raw_path"] + b"?" + query if query else scope["raw_path"])
