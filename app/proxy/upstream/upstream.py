"""Sends a request upstream: one attempt after the other, until there is a response to relay."""

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable

import httpx

from ...errors import NoSlot, ProxyFailure, UpstreamBroken
from ...exchange import RetryReason
from ...http2 import Refused
from ...network.fields import Fields
from ...wire.origin import UpstreamBase
from ...wire.timeouts import Timeouts
from ..request.body import Body
from ..retry import OVERLOADED, RetryBudget, RetryPolicy
from ..stopwatch import Stopwatch
from .attempts import Attempts
from .failures import failure
from .request import Upload, UpstreamRequest
from .response import UpstreamResponse

READ_AHEAD_LIMIT = 64 * 1024  # bytes of a 529 read before it is given up or passed on


Result = UpstreamResponse | UpstreamBroken  # the latter: upstream has not processed the request


class Upstream:
    """The way to the configured origin, with its time-outs and retries."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        origin: UpstreamBase,
        *,
        timeouts: Timeouts,
        retry: RetryPolicy,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.origin = origin
        self._transport = transport
        self._url = httpx.URL(origin.url)
        self._timeout = timeouts.extension()
        self._retry = retry
        self._budget = RetryBudget()
        self._clock = clock
        self._sleep = sleep
        self._chance = chance

    async def send(
        self, request: UpstreamRequest, body: Body, attempts: Attempts, watch: Stopwatch
    ) -> UpstreamResponse:
        """Return the response to relay, after the retries that policy and budget allow.

        ``attempts`` and ``watch`` learn of each attempt, so that they are right at any moment.
        """
        self._budget.deposit()
        reason: RetryReason | None = None
        for retries in itertools.count():
            result = await self._result(request, body, attempts, watch)
            if reason is not None:
                attempts.settle(reason, recovered=_reason(result) != reason)
            try:
                delay = await self._delay(retries, result, body)
            except BaseException:
                await _close(result)
                raise
            if delay is None:
                break
            await _close(result)
            await self._sleep(delay)
            if (reason := _reason(result)) is not None:
                attempts.retry(reason)
        if isinstance(result, ProxyFailure):
            raise result
        return result

    async def _result(
        self, request: UpstreamRequest, body: Body, attempts: Attempts, watch: Stopwatch
    ) -> Result:
        """Make an attempt; return its response, or the failure of one that was not processed."""
        attempts.start()
        try:
            return await self._attempt(request, body, watch)
        except UpstreamBroken as exc:
            if not isinstance(exc.__cause__, Refused):
                raise
            return exc

    async def _delay(self, retries: int, result: Result, body: Body) -> float | None:
        """Return how long to wait before another attempt, None if there is to be none."""
        if isinstance(result, UpstreamResponse):
            delay = self._retry.delay(retries, result.status, result.headers)
            if delay is None or not await result.read_ahead(READ_AHEAD_LIMIT):
                return None
        else:
            with_error = isinstance(result.__cause__, Refused) and result.__cause__.with_error
            delay = self._retry.delay_unprocessed(
                retries, with_error=with_error, chance=self._chance()
            )
        again = (
            delay is not None and await body.replayable() and self._budget.withdraw(self._clock())
        )
        return delay if again else None

    async def _attempt(
        self, request: UpstreamRequest, body: Body, watch: Stopwatch
    ) -> UpstreamResponse:
        upload = Upload(body.stream(), self._clock)
        sent = object.__new__(httpx.Request)  # its constructor takes 4 µs, and copies the fields
        sent.url, sent.method, sent.headers = self._url, request.method, Fields(request.headers)
        sent.stream = upload.stream
        sent.extensions = {"target": request.target, "timeout": self._timeout}
        watch.attempt_started()
        try:
            received = await self._transport.handle_async_request(sent)
        except httpx.HTTPError as exc:
            raise self._failure(exc, watch) from exc  # a local name for it would make a cycle
        watch.response_started(
            slot_wait=received.extensions.get("slot_wait"), upload_wait=upload.waited
        )
        response = UpstreamResponse(received)
        if (fault := response.malformed) is not None:
            await response.aclose()
            raise UpstreamBroken("malformed_response", f"{self.origin.url} answered with {fault}.")
        return response

    def _failure(self, exc: httpx.HTTPError, watch: Stopwatch) -> ProxyFailure:
        made = failure(exc, self.origin)
        if isinstance(made, NoSlot):
            watch.slot_missed()
        return made


def _reason(result: Result) -> RetryReason | None:
    """Return the reason of a retry that a result calls for, None for one that calls for none."""
    if isinstance(result, UpstreamResponse):
        return "529" if result.status == OVERLOADED else None
    return "refused_stream"


async def _close(result: Result) -> None:
    if isinstance(result, UpstreamResponse):
        await result.aclose()
