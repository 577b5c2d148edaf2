"""Sending upstream: one attempt after the other, until there is an answer for the client."""

import asyncio
import errno
import random
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import httpx

from ..errors import (
    BadRequest,
    Busy,
    InternalError,
    NoSlot,
    ProxyFailure,
    UpstreamBroken,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from ..http2 import Refused
from ..network.errors import MalformedResponse
from ..wire.headers import Headers, for_client, well_formed
from ..wire.origin import UpstreamBase
from .body import Body
from .retry import RetryBudget, RetryPolicy
from .trace import REFUSED_STREAM, Trace

REFUSAL_LIMIT = 64 * 1024  # bytes of a 529 read before it is given up or passed on
AHEAD_PATIENCE = 2.0  # seconds for the rest of a 529, before it is passed on as it comes
CLOSE_DEADLINE = 2.0  # seconds a clean-up may take


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Upstream time-outs in seconds: silence, never a total."""

    connect: float = 10.0
    read: float = 300.0
    write: float = 30.0
    pool: float = 10.0

    def extension(self) -> dict[str, float]:
        """Return them as httpx's ``timeout`` request extension."""
        return {
            "connect": self.connect,
            "read": self.read,
            "write": self.write,
            "pool": self.pool,
        }


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request for upstream, but for its body."""

    method: str
    target: bytes
    headers: Headers


class Answer:
    """Upstream's response, whose closing the holder owns; ``headers`` are the end-to-end ones.

    State: ``_ahead`` was read while a retry was weighed, ``_pending`` is a chunk still awaited.
    """

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        self.headers = for_client(response.headers.raw)
        self._chunks = _chunks(response)
        self._response = response
        self._ahead: list[bytes] = []
        self._pending: asyncio.Future[bytes | None] | None = None

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; httpx's errors pass."""
        for chunk in self._ahead:
            yield chunk
        if self._pending is not None and (late := await self._pending) is not None:
            yield late
        async for chunk in self._chunks:
            yield chunk

    async def read_ahead(self, limit: int) -> bool:
        """Read the body; False when it is late, cut or more than ``limit`` bytes."""
        try:
            async with asyncio.timeout(AHEAD_PATIENCE):
                while (chunk := await self._next()) is not None:
                    self._ahead.append(chunk)
                    if sum(map(len, self._ahead)) > limit:
                        return False
        except (TimeoutError, httpx.HTTPError):
            return False
        return True

    async def aclose(self) -> None:
        """Close the response and end its stream upstream. Idempotent, never endless."""
        if self._pending is not None:
            self._pending.cancel()
        try:
            async with asyncio.timeout(CLOSE_DEADLINE):
                await self._response.aclose()
        except (TimeoutError, httpx.HTTPError):
            pass  # the connection is of no use to anyone: the transport has dropped it

    async def _next(self) -> bytes | None:
        """Return the next chunk, None at the end; what is late or failed stays pending."""
        self._pending = asyncio.ensure_future(anext(self._chunks, None))
        chunk = await asyncio.shield(self._pending)
        self._pending = None
        return chunk


Result = Answer | UpstreamBroken  # the latter: upstream has not processed the request


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

    async def send(self, outgoing: Outgoing, body: Body, trace: Trace) -> Answer:
        """Return the answer to relay, after the retries the policy and the budget allow."""
        self._budget.deposit()
        retries, reason = 0, ""
        while True:
            result = await self._result(outgoing, body, trace)
            if reason:
                trace.retried(reason, 0, recovered=_reason(result) != reason)
            try:
                delay = await self._delay(retries, result, body)
            except BaseException:
                await _close(result)
                raise
            if delay is None:
                trace.release_body()
                if isinstance(result, ProxyFailure):
                    raise result
                return result
            await _close(result)
            await self._sleep(delay)
            retries, reason = retries + 1, _reason(result)
            trace.retried(reason, 1, recovered=False)  # until its answer is here

    async def _result(self, outgoing: Outgoing, body: Body, trace: Trace) -> Result:
        """Make an attempt; return its answer, or upstream's word that it was not processed."""
        try:
            return await self._attempt(outgoing, body, trace)
        except UpstreamBroken as exc:
            if not isinstance(exc.__cause__, Refused):
                raise
            return exc

    async def _delay(self, retries: int, result: Result, body: Body) -> float | None:
        """Return how long to wait before another attempt, None if there is to be none."""
        if isinstance(result, Answer):
            delay = self._retry.delay(retries, result.status, result.headers)
            if delay is None or not await result.read_ahead(REFUSAL_LIMIT):
                return None
        else:
            unwelcome = isinstance(result.__cause__, Refused) and result.__cause__.unwelcome
            delay = self._retry.delay_unprocessed(
                retries, unwelcome=unwelcome, chance=self._chance()
            )
        again = (
            delay is not None and await body.replayable() and self._budget.withdraw(self._clock())
        )
        return delay if again else None

    async def _attempt(self, outgoing: Outgoing, body: Body, trace: Trace) -> Answer:
        upload = _Upload(body.stream(), self._clock)
        request = httpx.Request(
            "POST",
            self._url,
            headers=outgoing.headers,
            stream=upload.stream,
            extensions={"target": outgoing.target, "timeout": self._timeout},
        )
        request.method = outgoing.method  # httpx's constructor would upper-case it
        trace.sending()
        try:
            response = await self._transport.handle_async_request(request)
        except httpx.HTTPError as exc:
            raise failure(exc, self.origin) from exc
        trace.answered(response, upload=upload.waited)
        answer = Answer(response)
        if (wrong := _malformed(response.headers.raw)) is not None:
            await answer.aclose()
            raise UpstreamBroken("malformed_response", f"{self.origin.url} answered with {wrong}.")
        return answer


class _Upload:
    """A request body on its way, ``waited`` seconds of which were for the client to send it.

    A body that is all here passes as it is: the transport can repeat it.
    """

    def __init__(self, body: httpx.AsyncByteStream, clock: Callable[[], float]) -> None:
        self.waited = 0.0
        self._clock = clock
        whole = isinstance(body, httpx.ByteStream)
        self.stream: httpx.AsyncByteStream = body if whole else _Stream(self._timed(body))

    async def _timed(self, body: httpx.AsyncByteStream) -> AsyncIterator[bytes]:
        chunks = aiter(body)
        while True:
            began = self._clock()
            chunk = await anext(chunks, None)
            self.waited += self._clock() - began
            if chunk is None:
                return
            yield chunk


class _Stream(httpx.AsyncByteStream):
    """An async iterator under the name that httpx knows."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._chunks


def _reason(result: Result) -> str:
    """Return the reason of a retry that a result would call for."""
    return str(result.status) if isinstance(result, Answer) else REFUSED_STREAM


async def _close(result: Result) -> None:
    if isinstance(result, Answer):
        await result.aclose()


def _malformed(headers: list[tuple[bytes, bytes]]) -> str | None:
    """Say what leaves an answer's framing open to interpretation (behaviour E4), or None."""
    if not well_formed(headers):
        return "a header value that holds a line end or a NUL"
    names = {name.lower() for name, _ in headers}
    lengths = {value for name, value in headers if name.lower() == b"content-length"}
    if len(lengths) > 1:
        return "several content-lengths"
    if {b"content-length", b"transfer-encoding"} <= names:
        return "both a content-length and a transfer-encoding"
    return None


def _chunks(response: httpx.Response) -> AsyncIterator[bytes]:
    # The raw stream: `aiter_raw` with a chunk size would buffer events, without one adds cost.
    stream = response.stream
    if not isinstance(stream, httpx.AsyncByteStream):
        raise TypeError("the transport's response must stream asynchronously")
    return stream.__aiter__()


# No room for another connection on this machine: not upstream's doing.
_SHORTAGES = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
OUT_OF_DESCRIPTORS = (
    "The proxy has no file descriptor left for a connection upstream: try again, and raise its "
    "limit (ulimit -n) or lower ANTHROPIC_PROXY_MAX_ACTIVE_REQUESTS."
)
TLS_ADVICE = (
    " Nothing was sent. Behind a private CA, name it in ANTHROPIC_PROXY_UPSTREAM_CA_FILE "
    "or SSL_CERT_FILE."
)

# The first that matches wins. Messages say whose doing it is and what to do.
_FAILURES: tuple[tuple[type[httpx.HTTPError], type[ProxyFailure], str, str], ...] = (
    (
        httpx.PoolTimeout,
        NoSlot,
        "pool_timeout",
        (
            "No upstream slot became free in time: try again, or raise "
            "ANTHROPIC_PROXY_UPSTREAM_MAX_CONNECTIONS."
        ),
    ),
    (
        httpx.ConnectTimeout,
        UpstreamTimeout,
        "connect_timeout",
        (
            "Connecting to {origin} took too long ({detail}): check the network, or raise "
            "ANTHROPIC_PROXY_UPSTREAM_CONNECT_TIMEOUT."
        ),
    ),
    (
        httpx.WriteTimeout,
        UpstreamTimeout,
        "write_timeout",
        (
            "{origin} stopped accepting the request body "
            "(ANTHROPIC_PROXY_UPSTREAM_WRITE_TIMEOUT): try again."
        ),
    ),
    (
        httpx.ReadTimeout,
        UpstreamTimeout,
        "read_timeout",
        "{origin} sent nothing for too long (ANTHROPIC_PROXY_UPSTREAM_READ_TIMEOUT): try again.",
    ),
    (
        httpx.ProxyError,
        UpstreamUnreachable,
        "upstream_proxy_failed",
        (
            "The HTTPS_PROXY on the way to {origin} failed: {detail}. Check its address and "
            "credentials, or name the host in NO_PROXY."
        ),
    ),
    (
        httpx.ConnectError,
        UpstreamUnreachable,
        "connect_failed",
        (
            "Cannot connect to {origin}: {detail}. Check the network and "
            "ANTHROPIC_PROXY_UPSTREAM_BASE_URL."
        ),
    ),
    (
        httpx.LocalProtocolError,
        BadRequest,
        "malformed_request",
        (
            "The request cannot be sent on as it is: a header field or the framing is not valid "
            "HTTP. Correct it and send it again."
        ),
    ),
    (
        httpx.NetworkError,
        UpstreamBroken,
        "connection_lost",
        "The connection to {origin} was lost before it answered ({detail}): try again.",
    ),
    (
        MalformedResponse,
        UpstreamBroken,
        "malformed_response",
        "{origin} did not answer in valid HTTP ({detail}).",
    ),
    (
        httpx.RemoteProtocolError,
        UpstreamBroken,
        "connection_lost",
        "{origin} ended the request before it answered ({detail}): try again.",
    ),
)


def failure(exc: httpx.HTTPError, origin: UpstreamBase) -> ProxyFailure:
    """Translate httpx's error, once, into the answer the client gets (behaviour C5)."""
    if isinstance(exc, httpx.ConnectError | httpx.ProxyError) and _shortage(exc):
        return Busy("no_descriptors", OUT_OF_DESCRIPTORS, retry_after=1)
    for kind, made, reason, message in _FAILURES:
        if isinstance(exc, kind):
            detail, tls = _detail(exc), reason == "connect_failed" and _tls_failed(exc)
            return made(
                "tls_failed" if tls else reason,
                message.format(origin=origin.url, detail=detail) + (TLS_ADVICE if tls else ""),
                retry_after=1 if made is NoSlot else None,
            )
    return InternalError("internal_error", f"The proxy failed: {type(exc).__name__}.")


def _detail(exc: httpx.HTTPError) -> str:
    """Return an error's words, but none of those that quote what was sent or received (E3).

    Where no connection was made there was nothing to quote.
    """
    words = str(exc).rstrip(".")
    quotes = "'" in words and not isinstance(exc, httpx.ConnectError)
    return type(exc).__name__ if quotes or not words else words


def _tls_failed(exc: BaseException) -> bool:
    return any(isinstance(one, ssl.SSLError) for one in _behind(exc))


def _shortage(exc: BaseException) -> bool:
    """Return True if it was this machine that had no room for a connection."""
    return any(isinstance(one, OSError) and one.errno in _SHORTAGES for one in _behind(exc))


def _behind(exc: BaseException) -> Iterator[BaseException]:
    """Yield an error and what caused it; an attempt at several addresses has several causes."""
    left, seen = [exc], set[int]()
    while left:
        one = left.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        inner = one.exceptions if isinstance(one, BaseExceptionGroup) else ()
        left += [cause for cause in (one.__cause__, one.__context__, *inner) if cause is not None]
