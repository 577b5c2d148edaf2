"""The record of an exchange, told step by step on a clock that stands still in between."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from app import errors
from app.anthropic.tap import Tap
from app.errors import ProxyFailure
from app.exchange import Exchange, Failure, Outcome, Retry
from app.proxy.body import Body, Inbound
from app.proxy.trace import Trace
from app.wire.headers import Headers
from simulator import Simulator, Step
from tests.proxying import MESSAGE, Running

START = (
    b'event: message_start\ndata: {"type":"message_start","message":{"model":"claude-sonnet-4-5",'
    b'"usage":{"input_tokens":5,"output_tokens":1}}}\n\n'
)
DELTA = (
    b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,'
    b'"delta":{"type":"text_delta","text":"hi"}}\n\n'
)
ERROR = (
    b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n'
)
EVENT_STREAM: Headers = [(b"content-type", b"text/event-stream")]
JSON: Headers = [(b"content-type", b"application/json")]


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Journey:
    """A trace and the clock it reads."""

    def __init__(
        self, headers: Headers | None = None, target: bytes = b"/v1/messages?beta=true"
    ) -> None:
        self.clock = Clock()
        self.trace = Trace("POST", target, headers or [], clock=self.clock, wall=lambda: 1e9)
        self.tap: Tap | None = None

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def answered(self, status: int = 200, headers: Headers = EVENT_STREAM) -> "Journey":
        """Make the way to upstream and back, to the answer's header fields."""
        self.trace.body_ready()
        self.trace.sending()
        self.trace.answered(httpx.Response(status))
        self.tap = Tap(headers[0][1].decode(), None)
        self.trace.relaying(status, headers, self.tap, None)
        self.trace.awaiting()
        return self

    def chunk(
        self, data: bytes, *, after: float = 0.0, own: float = 0.0, held: float = 0.0
    ) -> None:
        """Relay a chunk that comes ``after`` seconds, costs ``own`` and is ``held`` back."""
        assert self.tap is not None
        self.wait(after)
        arrived = self.trace.arrived()
        self.wait(own)
        handing_on = self.trace.handing_on()
        self.wait(held)
        handed_on = self.trace.handed_on(len(data))
        self.tap.feed(data)
        self.trace.relayed(arrived, handing_on, handed_on)
        self.trace.awaiting()

    def complete(self) -> Exchange:
        self.trace.outcome = Outcome.COMPLETE
        return self.trace.finish(0)


def test_durations_are_told_apart() -> None:
    journey = Journey()
    journey.wait(1.0)  # the upload
    journey.trace.body_ready()
    journey.wait(0.125)
    journey.trace.sending()
    journey.wait(2.0)
    journey.trace.answered(httpx.Response(200, extensions={"slot_wait": 0.5}))
    journey.tap = Tap("text/event-stream", None)
    journey.trace.relaying(200, EVENT_STREAM, journey.tap, None)
    journey.trace.awaiting()
    journey.chunk(START, after=0.25)
    journey.chunk(DELTA[:20], after=3.0, own=0.0625, held=8.0)
    journey.chunk(DELTA[20:], after=4.0)
    exchange = journey.complete()
    assert exchange.overhead_request == 0.125
    assert exchange.slot_wait == 0.5
    assert exchange.upstream_headers == 1.5
    assert exchange.first_byte == 3.375
    assert exchange.first_token == 18.4375
    assert exchange.longest_byte_gap == 4.0
    assert exchange.longest_event_gap == 3.0 + 4.0
    assert exchange.longest_client_stall == 8.0
    assert exchange.overhead_response == 0.0625
    assert exchange.duration == 18.4375
    assert exchange.started_at == 1e9
    assert exchange.bytes_out == len(START) + len(DELTA)


def test_the_clients_upload_is_no_wait_for_upstream() -> None:
    journey = Journey()
    journey.trace.body_ready()
    journey.trace.sending()
    journey.wait(5.0)
    journey.trace.answered(httpx.Response(200, extensions={"slot_wait": 1.0}), upload=3.0)
    assert journey.complete().upstream_headers == 1.0


def test_a_silence_that_no_byte_ends_is_upstreams_too() -> None:
    journey = Journey().answered()
    journey.chunk(START)
    journey.wait(300.0)
    journey.trace.cut_by_upstream(timed_out=True)
    assert journey.trace.finish(0).longest_byte_gap == 300.0


def test_a_client_that_takes_nothing_makes_no_gap_of_upstreams() -> None:
    journey = Journey().answered()
    journey.chunk(START, after=1.0)
    journey.trace.arrived()
    journey.trace.handing_on()
    assert (journey.trace.progress.upstream_since, journey.trace.progress.client_since) == (
        None,
        101.0,
    )
    journey.wait(600.0)
    journey.trace.end(Outcome.CLIENT_ABORT)
    exchange = journey.trace.finish(0)
    assert (exchange.longest_byte_gap, exchange.longest_client_stall) == (1.0, 600.0)


def test_what_the_client_says_of_a_request_is_kept() -> None:
    exchange = Journey([(b"x-claude-code-request-class", b"subagent")]).trace.finish(0)
    assert exchange.hints.request_class == "subagent"


def test_what_never_happened_is_none() -> None:
    exchange = Journey().trace.finish(7)
    assert exchange.bytes_in == 7
    assert exchange.attempts == exchange.bytes_out == 0
    for name in ("status", "overhead_request", "upstream_headers", "first_byte", "first_token"):
        assert getattr(exchange, name) is None


def test_an_exchange_without_an_outcome_is_a_defect() -> None:
    assert Journey().trace.finish(0).outcome is Outcome.PROXY_ERROR


def test_the_time_until_the_first_attempt_is_not_counted_anew_by_a_retry() -> None:
    journey = Journey()
    journey.trace.body_ready()
    journey.wait(0.25)
    journey.trace.sending()
    journey.wait(1.0)
    journey.trace.sending()
    journey.wait(0.5)
    journey.trace.answered(httpx.Response(200))
    journey.trace.retried("refused_stream", 2, recovered=True)
    journey.trace.retried("529", 1, recovered=True)
    exchange = journey.complete()
    assert (exchange.overhead_request, exchange.upstream_headers) == (0.25, 0.5)
    assert exchange.attempts == 2
    assert exchange.retries == (
        Retry("refused_stream", 2, recovered=True),
        Retry("529", 1, recovered=True),
    )


OUTCOMES: dict[type[ProxyFailure], Outcome] = {
    errors.BadRequest: Outcome.CLIENT_ERROR,
    errors.Unauthorized: Outcome.CLIENT_ERROR,
    errors.Forbidden: Outcome.CLIENT_ERROR,
    errors.MethodRefused: Outcome.CLIENT_ERROR,
    errors.RequestTimeout: Outcome.CLIENT_ERROR,
    errors.BodyTooLarge: Outcome.CLIENT_ERROR,
    errors.UpstreamUnreachable: Outcome.UPSTREAM_ERROR,
    errors.UpstreamBroken: Outcome.UPSTREAM_ERROR,
    errors.UpstreamTimeout: Outcome.UPSTREAM_TIMEOUT,
    errors.NoSlot: Outcome.PROXY_TIMEOUT,
    errors.Busy: Outcome.PROXY_REJECTED,
    errors.Draining: Outcome.PROXY_REJECTED,
    errors.InternalError: Outcome.PROXY_ERROR,
}


@pytest.mark.parametrize(("kind", "outcome"), OUTCOMES.items(), ids=str)
def test_a_failure_of_ours_has_its_outcome(kind: type[ProxyFailure], outcome: Outcome) -> None:
    trace = Journey().trace
    trace.refused(kind("reason", "Message."))
    exchange = trace.finish(0)
    assert (exchange.outcome, exchange.status) == (outcome, kind.status)
    assert exchange.failure == Failure(kind.source, kind.error_type, "reason")


def test_every_failure_is_in_the_table() -> None:
    def leaves(kind: type[ProxyFailure]) -> set[type[ProxyFailure]]:
        below = kind.__subclasses__()
        return set().union(*map(leaves, below)) if below else {kind}

    assert leaves(ProxyFailure) == set(OUTCOMES)


def test_the_first_cause_stands_and_cancels_once() -> None:
    trace = Journey().trace
    cancelled: list[int] = []
    trace.cancel = lambda: cancelled.append(1)
    trace.end(Outcome.SHUTDOWN)
    trace.end(Outcome.CLIENT_ABORT)
    trace.refused(errors.Draining("draining", "Message."))
    assert cancelled == [1]
    assert trace.finish(0).outcome is Outcome.SHUTDOWN


def test_a_client_that_leaves_after_the_end_changes_nothing() -> None:
    journey = Journey().answered()
    journey.trace.outcome = Outcome.COMPLETE
    journey.trace.end(Outcome.CLIENT_ABORT)
    assert journey.trace.finish(0).outcome is Outcome.COMPLETE


def test_the_status_that_was_sent_stands_when_an_answer_fails_midway() -> None:
    journey = Journey().answered(200)
    journey.trace.refused(errors.InternalError("internal_error", "Message."))
    exchange = journey.trace.finish(0)
    assert (exchange.status, exchange.outcome) == (200, Outcome.PROXY_ERROR)


@pytest.mark.parametrize(
    ("timed_out", "outcome", "kind"),
    [
        (False, Outcome.UPSTREAM_ABORT, "api_error"),
        (True, Outcome.UPSTREAM_TIMEOUT, "timeout_error"),
    ],
)
def test_an_answer_cut_by_upstream_keeps_its_usage(
    *, timed_out: bool, outcome: Outcome, kind: str
) -> None:
    journey = Journey().answered()
    journey.chunk(START)
    journey.trace.cut_by_upstream(timed_out=timed_out)
    exchange = journey.trace.finish(0)
    assert exchange.outcome is outcome
    assert exchange.failure is not None
    assert (exchange.failure.source, exchange.failure.type) == ("upstream", kind)
    assert exchange.usage is not None
    assert (exchange.usage.input, exchange.model) == (5, "claude-sonnet-4-5")


def test_an_error_event_is_a_failure_of_an_answer_that_is_whole() -> None:
    journey = Journey().answered()
    journey.chunk(START)
    journey.chunk(ERROR)
    exchange = journey.complete()
    assert exchange.outcome is Outcome.UPSTREAM_ERROR_EVENT
    assert exchange.failure == Failure("upstream", "overloaded_error", "error_event")
    assert exchange.streamed


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"type":"error","error":{"type":"rate_limit_error","message":"x"}}', "rate_limit_error"),
        (b"", "unknown"),
    ],
)
def test_an_error_status_is_upstreams_failure_and_a_complete_exchange(
    body: bytes, kind: str
) -> None:
    journey = Journey().answered(429, JSON)
    journey.chunk(body)
    exchange = journey.complete()
    assert (exchange.status, exchange.outcome) == (429, Outcome.COMPLETE)
    assert exchange.failure == Failure("upstream", kind, "429")
    assert exchange.usage_missing is None
    assert not exchange.streamed


@pytest.mark.parametrize(
    ("target", "outcome", "missing"),
    [
        (b"/v1/messages", Outcome.COMPLETE, "no_event"),
        (b"/v1/messages", Outcome.UPSTREAM_ABORT, "no_event"),
        (b"/v1/messages", Outcome.CLIENT_ABORT, None),
        (b"/v1/messages", Outcome.SHUTDOWN, None),
        (b"/v1/messages/count_tokens", Outcome.COMPLETE, None),
        (b"/v1/models", Outcome.COMPLETE, None),
    ],
)
def test_usage_is_missed_only_where_it_was_owed(
    target: bytes, outcome: Outcome, missing: str | None
) -> None:
    journey = Journey(target=target).answered()
    journey.trace.outcome = outcome
    assert journey.trace.finish(0).usage_missing == missing


def test_only_limits_are_kept_of_the_answers_fields() -> None:
    limit = (b"anthropic-ratelimit-unified-5h-utilization", b"0.5")
    fields = [*JSON, limit, (b"set-cookie", b"fake"), (b"request-id", b"req_1")]
    exchange = Journey().answered(200, fields).complete()
    assert exchange.headers == {"anthropic-ratelimit-unified-5h-utilization": "0.5"}
    assert exchange.request_id == "req_1"


@pytest.mark.parametrize(
    ("sent", "count"),
    [(None, 0), (b"2", 2), (b"", 0), (b"-1", 0), (b"x", 0), (b"1000", 0), (b"\xb2", 0)],
)
def test_the_clients_own_retries_are_counted_when_they_are_a_small_number(
    sent: bytes | None, count: int
) -> None:
    headers = [] if sent is None else [(b"x-stainless-retry-count", sent)]
    assert Journey(headers).trace.finish(0).client_retry == count


def test_sessions_and_agents_are_noted_and_the_query_is_not() -> None:
    headers = [(b"x-claude-code-session-id", b"s"), (b"x-claude-code-agent-id", b"a")]
    exchange = Journey(headers).trace.finish(0)
    assert (exchange.session_id, exchange.agent_id) == ("s", "a")
    assert (exchange.route, exchange.path) == ("messages", "/v1/messages")


async def test_the_model_asked_for_is_noted_when_no_answer_names_one() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": json.dumps({"model": "claude-opus-4-1"}).encode()}

    inbound = Inbound(receive, 1000)
    trace = Journey().trace
    trace.body = Body(inbound, 1000)
    inbound._put((await receive())["body"], last=True)  # type: ignore[arg-type]
    await trace.body.hold(1000)
    assert trace.finish(0).requested_model == "claude-opus-4-1"


async def test_a_retry_that_finds_no_answer_is_recorded(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(status=529), Step(fault="close_before_headers"))
    async with proxy.client() as client:
        answer = await client.post("/v1/messages", json=MESSAGE)
    exchange = await proxy.ended()
    assert (answer.status_code, exchange.attempts) == (502, 2)
    assert exchange.retries == (Retry("529", 1, recovered=False),)


async def test_a_running_exchange_shows_its_model_and_how_much_has_streamed() -> None:
    journey = Journey()
    await held(journey, json.dumps(MESSAGE).encode())
    journey.answered()
    journey.chunk(START)

    assert journey.trace.progress.model == MESSAGE["model"]
    assert journey.trace.progress.characters == 0
    journey.chunk(DELTA * 3)
    assert journey.trace.progress.characters == 6


async def test_a_body_that_is_not_whole_yet_shows_its_model_where_that_stands_first() -> None:
    journey = Journey()
    await held(journey, json.dumps(MESSAGE | {"system": "x" * 5_000}).encode()[:4_000], more=True)

    journey.trace.body_ready()

    assert journey.trace.progress.model == MESSAGE["model"]


def test_content_of_a_saved_answer_is_not_streamed_output() -> None:
    journey = Journey(target=b"/v1/files/file_1/content").answered()

    journey.chunk(START + DELTA * 3)

    assert journey.trace.progress.characters == 0


async def held(journey: Journey, data: bytes, *, more: bool = False) -> None:
    """Give the journey a body of which ``data`` is here."""
    left: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
    messages = iter([{"type": "http.request", "body": data, "more_body": more}])

    async def receive() -> dict[str, Any]:
        return next(messages, None) or await left

    inbound = Inbound(receive, 10_000)
    watching = asyncio.ensure_future(inbound.watch())
    journey.trace.body = Body(inbound, 10_000)
    await journey.trace.body.hold(1_000)
    watching.cancel()
