"""One request's way through the proxy, in the order of the journey.

Each step takes values and returns values. The returned values are kept here, only for the record,
which is always made.
"""

import functools
from typing import TYPE_CHECKING, NamedTuple

from ..anthropic.endpoints import is_billed, route
from ..anthropic.errors import answer
from ..anthropic.intake import TAPPED_LIMIT, Intake
from ..anthropic.sse import RECORD_LIMIT
from ..anthropic.tap import Reading, Tap
from ..cache.report import CacheReport
from ..errors import Draining, InternalError, ProxyFailure, ResponseCut, UpstreamCut
from ..exchange import Observer, Progress
from ..wire.grammar import announced_length
from ..wire.headers import first, for_upstream, text
from ..wire.target import target
from .admission import Place, check_headers, check_method, check_token
from .backlog import Work
from .caching import OFF, CacheFlight
from .defects import report
from .endings import Cause, Ending
from .interrupt import Interrupt, run_until_disconnect
from .outbound import Outbound, Send
from .parts import Parts
from .record import Findings, read_response, record
from .relay import relay
from .request.body import Body
from .request.client_request import ClientRequest, Scope
from .request.inbound import Inbound, Receive, check_length
from .request.requested_model import ROUTES, early_model, late_model
from .stopwatch import Stopwatch
from .upstream.attempts import Attempts
from .upstream.request import UpstreamRequest
from .upstream.response import UpstreamResponse

if TYPE_CHECKING:  # a proxy without the scrubber loads none of it
    from ..scrubber.redact.scrubber import Redaction
    from ..scrubber.restore.restorer import Restorer
    from ..scrubber.restore.table import Plan
    from .scrubbing import Scrubbing

HOLD_LIMIT = 256 * 1024  # bytes read whole before they go on; a longer body goes on as it comes
BEGINNING = 16 * 1024  # bytes of a body that is announced to be longer, before it goes on
# Kept for a retry: all of a Messages request (the API accepts 32 MB), little of anything else.
REPLAY_LIMITS = {"messages": 32 * 2**20, "count_tokens": 32 * 2**20}

OK = 200


class Proxy(Parts, frozen=True):
    """An ASGI application that forwards every HTTP request it is given to upstream."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, whatever happens to it, and record it once."""
        journey = Journey(self, ClientRequest.of(scope), receive, send)
        self.observer.started(journey.progress)
        try:
            await journey.run()
        finally:
            self.backlog.add(journey.finish())


class Journey:
    """One request and its response.

    State, of which each is set here once its step has returned, for the record: ``_body``,
    ``_model``, ``_redaction``, ``_response``, ``_tap``, ``_restorer``.
    """

    def __init__(self, parts: Parts, request: ClientRequest, receive: Receive, send: Send) -> None:
        self.progress = Progress(route(request.method, request.target))
        self._parts = parts
        self._request = request
        self._started_at = parts.wall()
        self._watch = Stopwatch(parts.clock, self.progress)
        self._inbound = Inbound(receive, parts.max_body_size, parts.body_timeout)
        self._outbound = Outbound(send, self._watch, request.write)
        self._ending = Ending()
        self._attempts = Attempts()
        billed = is_billed(request.method, self.progress.route)
        self._cache = CacheFlight(parts.caching if billed else OFF, request, parts.backlog)
        self._body: Body | None = None
        self._model: str | None = None
        self._redaction: Redaction | None = None
        self._response: UpstreamResponse | None = None
        self._tap: Tap | None = None
        self._restorer: Restorer | None = None

    async def run(self) -> None:
        """Make the journey: to its end, or until the client leaves or the drain ends."""
        interrupt, poll, told = (
            Interrupt(self._ending.on),
            self._request.poll,
            self._request.on_disconnect,
        )
        all_here = poll is not None and told is not None and self._inbound.take_arrived(poll)
        watch = None if all_here else self._inbound.watch()
        cause = await run_until_disconnect(self._answer(interrupt), watch, interrupt, told)
        if cause is Cause.DRAIN_ENDED:
            await self._refuse(Draining("draining", "The proxy shut down: send the request again."))

    async def _answer(self, interrupt: Interrupt) -> None:
        """Forward the request and relay the response; where that fails, answer instead."""
        try:
            with self._parts.admission.enter(
                self._request.peer,
                functools.partial(interrupt, Cause.DRAIN_ENDED),
                self._inbound.fail,
                before_drain=self._request.before_drain,
            ) as place:
                await self._forward(place)
        except ProxyFailure as failure:
            await self._refuse(failure)
        except UpstreamCut as cut:
            self._ending.fail(cut)
            raise
        except Exception as exc:  # noqa: BLE001 - a defect of the proxy, reported as one
            report("the proxy failed", exc)
            await self._refuse(InternalError("internal_error", "The proxy failed: see its log."))

    async def _forward(self, place: Place) -> None:
        request = await self._admit()
        if self._request.proceed is not None:
            await self._request.proceed()
        body = await self._read(place)
        plan = None
        if self._parts.scrubbing is not None:
            request, plan = await self._scrub(self._parts.scrubbing, request, body)
        self._cache.sending(body, self._watch.now())
        try:
            response = await self._parts.upstream.send(request, body, self._attempts, self._watch)
        finally:
            self._release()
        try:
            await self._relay(response, plan)
        finally:
            await response.aclose()
        await self._cache.settle()

    async def _admit(self) -> UpstreamRequest:
        """Return the request as it goes upstream; raises what forbids it."""
        parts, request = self._parts, self._request
        check_method(request.method, request.headers)
        check_headers(request.headers)
        await check_token(request.headers, parts.access_token, parts.sleep)
        if parts.guard is not None and is_billed(request.method, self.progress.route):
            parts.backlog.flush()  # what was spent so far counts
            parts.guard.check(request.headers)
        check_length(request.headers, parts.max_body_size)
        origin = parts.upstream.origin
        return UpstreamRequest(
            request.method,
            target(origin.prefix, request.target),
            for_upstream(request.headers, host=origin.host),
        )

    async def _read(self, place: Place) -> Body:
        """Read the body as far as it is held, and take one of the places."""
        limit = REPLAY_LIMITS.get(self.progress.route, HOLD_LIMIT)
        self._body = body = Body(self._inbound, limit, self._parts.hold_budget)
        announced = announced_length(first(self._request.headers, b"content-length")) or 0
        await body.hold(BEGINNING if announced > HOLD_LIMIT else HOLD_LIMIT, needed=False)
        place.serve()
        self._watch.body_read()
        if self.progress.route in ROUTES:
            self.progress.model = early_model(body)
        return body

    async def _scrub(
        self, scrubbing: "Scrubbing", request: UpstreamRequest, body: Body
    ) -> "tuple[UpstreamRequest, Plan | None]":
        """Put the redaction in the body's place; return how its values are restored."""
        self._redaction = redaction = await scrubbing.redact(request, body)
        if redaction is None:
            return request, None
        scrubbing.check(redaction)
        if not redaction.report.modified:
            return request, None
        if not redaction.decoded:
            self._cache.changed(body.held)
        body.replace(redaction.body)
        return scrubbing.redacted(request, redaction), scrubbing.plan(redaction)

    async def _relay(self, response: UpstreamResponse, plan: "Plan | None") -> None:
        """Hand on the response."""
        kind = text(response.headers, b"content-type"), text(response.headers, b"content-encoding")
        intake = Intake(*kind, limit=TAPPED_LIMIT if plan is None else RECORD_LIMIT)
        self._response, self._tap = response, Tap(intake)
        self.progress.streaming = (kind[0] or "").startswith("text/event-stream")
        if is_billed(self._request.method, self.progress.route):
            self.progress.content = self._tap
        if response.status == OK:
            self._cache.answered(self._watch.now())
        restoring = None
        if plan is not None and self._parts.scrubbing is not None:
            restoring = self._parts.scrubbing.restoring(plan, intake)
            self._restorer = None if restoring is None else restoring.restorer
        self._ending.on(Cause.RESPONSE_STARTED)
        await relay(
            response,
            restoring,
            self._outbound,
            self._tap,
            self._watch,
            self._parts.reading,
            # before the end: the client may leave with the last byte
            functools.partial(self._ending.on, Cause.RESPONSE_RELAYED),
        )

    async def _refuse(self, failure: ProxyFailure) -> None:
        """Answer in upstream's place; a response that has started is cut with `ResponseCut`."""
        self._ending.fail(failure)
        if self._outbound.started:
            raise ResponseCut(failure.message) from failure
        status, headers, body = answer(failure)
        await self._outbound.start(status, headers)
        await self._outbound.body(body)
        await self._outbound.end()

    def _release(self) -> None:
        """Release the request's body, which no attempt needs any more; read its model before."""
        if self._body is not None:
            self._model = self._model or self.progress.model or late_model(self._body)
            self._cache.sent(self._body)
            self._body.release()

    def finish(self) -> Work:
        """Release what is held, and return what makes the record, in three steps."""
        self._release()
        self._inbound.drop()
        self._watch.stop()
        findings = Findings(
            request=self._request,
            progress=self.progress,
            started_at=self._started_at,
            attempts=self._attempts,
            bytes_in=self._inbound.received,
            bytes_out=self._outbound.took,
            status=self._outbound.status,
            model=self._model,
            redaction=self._redaction,
            headers=self._response.headers if self._response is not None else [],
            tap=self._tap,
            restorer=self._restorer,
            digest=self._parts.caching.digest,
        )
        ended = Ended(findings, self._cache, self._ending, self._watch, self._parts.observer)
        return functools.partial(_read_response, ended)


class Ended(NamedTuple):
    """The parts of a journey that its record needs; all the others are let go before."""

    found: Findings
    cache: CacheFlight
    ending: Ending
    watch: Stopwatch
    observer: Observer


def _read_response(ended: Ended) -> Work:
    return functools.partial(_judge, ended, read_response(ended.found))


def _judge(ended: Ended, reading: Reading) -> Work:
    return functools.partial(_record, ended, reading, ended.cache.judge(reading))


def _record(ended: Ended, reading: Reading, cache: CacheReport | None) -> None:
    exchange = record(ended.found, reading, cache, ended.ending, ended.watch)
    ended.observer.finished(ended.found.progress, exchange)
