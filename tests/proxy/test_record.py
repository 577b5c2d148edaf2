"""The record of an exchange, told step by step on a clock that stands still in between."""

import pytest

from app import errors
from app.anthropic.endpoints import route
from app.anthropic.intake import Intake
from app.anthropic.tap import Tap
from app.errors import UpstreamCut, UpstreamSilent
from app.exchange import Exchange, Failure, Outcome, Progress, Retry
from app.proxy.endings import Cause, Ending
from app.proxy.record import Findings, read_response, record
from app.proxy.request.client_request import ClientRequest
from app.proxy.stopwatch import Stopwatch
from app.proxy.upstream.attempts import Attempts
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


def request(headers: Headers | None = None, target: bytes = b"/v1/messages") -> ClientRequest:
    return ClientRequest("POST", target, headers or [], peer="")


class Journey:
    """What an exchange has found so far, and the clock it reads."""

    def __init__(
        self, headers: Headers | None = None, target: bytes = b"/v1/messages?beta=true"
    ) -> None:
        self.clock = Clock()
        self.request = request(headers, target)
        self.progress = Progress(route("POST", target))
        self.watch = Stopwatch(self.clock, self.progress)
        self.ending = Ending()
        self.attempts = Attempts()
        self.status: int | None = None
        self.headers: Headers = []
        self.tap: Tap | None = None
        self.bytes_out = 0

    def wait(self, seconds: float) -> None:
        self.clock.now += seconds

    def answered(self, status: int = 200, headers: Headers = EVENT_STREAM) -> "Journey":
        """Make the way to upstream and back, to the response's header fields."""
        self.watch.body_read()
        self.attempts.start()
        self.watch.attempt_started()
        self.watch.response_started(slot_wait=None, upload_wait=0.0)
        self.relaying(status, headers)
        return self

    def relaying(self, status: int = 200, headers: Headers = EVENT_STREAM) -> None:
        self.status, self.headers = status, headers
        self.tap = Tap(Intake(headers[0][1].decode(), None))
        self.progress.streaming = headers is EVENT_STREAM
        self.ending.on(Cause.RESPONSE_STARTED)
        self.watch.awaiting_upstream()

    def chunk(
        self, data: bytes, *, after: float = 0.0, own: float = 0.0, held: float = 0.0
    ) -> None:
        """Relay a chunk that comes ``after`` seconds, costs ``own`` and is ``held`` back."""
        assert self.tap is not None
        self.wait(after)
        arrived = self.watch.upstream_arrived()
        self.wait(own)
        offered = self.watch.awaiting_client()
        self.wait(held)
        taken = self.watch.client_took()
        self.bytes_out += len(data)
        self.tap.feed(data)
        self.watch.relayed(
            arrived,
            offered,
            taken,
            sent=bool(data),
            token=self.tap.first_token,
            events=self.tap.events,
        )
        self.watch.awaiting_upstream()

    def complete(self) -> Exchange:
        self.ending.on(Cause.RESPONSE_RELAYED)
        return self.finish()

    def finish(self, bytes_in: int = 0, model: str | None = None) -> Exchange:
        self.watch.stop()
        findings = Findings(
            request=self.request,
            progress=self.progress,
            started_at=1e9,
            attempts=self.attempts,
            bytes_in=bytes_in,
            bytes_out=self.bytes_out,
            status=self.status,
            model=model,
            redaction=None,
            headers=self.headers,
            tap=self.tap,
            restorer=None,
        )
        return record(findings, read_response(findings), None, self.ending, self.watch)


def test_durations_are_separate() -> None:
    journey = Journey()
    journey.wait(1.0)  # the upload
    journey.watch.body_read()
    journey.wait(0.125)
    journey.watch.attempt_started()
    journey.wait(2.0)
    journey.watch.response_started(slot_wait=0.5, upload_wait=0.0)
    journey.relaying()
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
    journey.watch.body_read()
    journey.watch.attempt_started()
    journey.wait(5.0)
    journey.watch.response_started(slot_wait=1.0, upload_wait=3.0)
    journey.relaying()
    assert journey.complete().upstream_headers == 1.0


def test_a_silence_that_no_byte_ends_is_upstreams_too() -> None:
    journey = Journey().answered()
    journey.chunk(START)
    journey.wait(300.0)
    journey.ending.fail(UpstreamSilent())
    assert journey.finish().longest_byte_gap == 300.0


def test_a_client_that_takes_nothing_makes_no_gap_of_upstreams() -> None:
    journey = Journey().answered()
    journey.chunk(START, after=1.0)
    journey.watch.upstream_arrived()
    journey.watch.awaiting_client()
    assert (journey.progress.upstream_since, journey.progress.client_since) == (None, 101.0)
    journey.wait(600.0)
    journey.ending.on(Cause.CLIENT_LEFT)
    exchange = journey.finish()
    assert (exchange.longest_byte_gap, exchange.longest_client_stall) == (1.0, 600.0)


def test_the_clients_hints_are_kept() -> None:
    exchange = Journey([(b"x-claude-code-request-class", b"subagent")]).finish()
    assert exchange.hints.request_class == "subagent"


@pytest.mark.parametrize(
    ("second", "known"), [(b"00-1af7651916cd43dd8448eb211c80319c", False), (b"", True)]
)
def test_two_trace_parents_that_differ_are_none(second: bytes, known: bool) -> None:
    first = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    other = second + first[len(second) :]
    class_of = (b"x-claude-code-request-class", b"subagent")
    hints = Journey([(b"traceparent", first), class_of, (b"traceparent", other)]).finish().hints
    assert (hints.trace is not None) is known
    assert hints.request_class == "subagent"


def test_what_never_happened_is_none() -> None:
    exchange = Journey().finish(7)
    assert exchange.bytes_in == 7
    assert exchange.attempts == exchange.bytes_out == 0
    for name in ("status", "overhead_request", "upstream_headers", "first_byte", "first_token"):
        assert getattr(exchange, name) is None


def test_an_exchange_without_an_outcome_is_a_defect() -> None:
    assert Journey().finish().outcome is Outcome.PROXY_ERROR


def test_the_time_until_the_first_attempt_is_not_counted_again_by_a_retry() -> None:
    journey = Journey()
    journey.watch.body_read()
    journey.wait(0.25)
    journey.attempts.start()
    journey.watch.attempt_started()
    journey.wait(1.0)
    journey.attempts.retry("529")
    journey.attempts.start()
    journey.watch.attempt_started()
    journey.attempts.settle("529", recovered=True)
    journey.wait(0.5)
    journey.watch.response_started(slot_wait=None, upload_wait=0.0)
    journey.relaying()
    exchange = journey.complete()
    assert (exchange.overhead_request, exchange.upstream_headers) == (0.25, 0.5)
    assert exchange.attempts == 2
    assert exchange.retries == (Retry("529", 1, recovered=True),)


def test_a_failure_is_recorded_as_the_client_saw_it() -> None:
    journey = Journey()
    journey.ending.fail(errors.Busy("peer_limit", "Message."))
    assert journey.finish().failure == Failure("proxy", "overloaded_error", "peer_limit")


@pytest.mark.parametrize(
    ("cut", "outcome", "kind"),
    [
        (UpstreamCut(), Outcome.UPSTREAM_ABORT, "api_error"),
        (UpstreamSilent(), Outcome.UPSTREAM_TIMEOUT, "timeout_error"),
    ],
)
def test_an_answer_cut_by_upstream_keeps_its_usage(
    cut: UpstreamCut, outcome: Outcome, kind: str
) -> None:
    journey = Journey().answered()
    journey.chunk(START)
    journey.ending.fail(cut)
    exchange = journey.finish()
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
    ("target", "cause", "missing"),
    [
        (b"/v1/messages", Cause.RESPONSE_RELAYED, "no_event"),
        (b"/v1/messages", Cause.RESPONSE_CUT, "no_event"),
        (b"/v1/messages", Cause.CLIENT_LEFT, None),
        (b"/v1/messages", Cause.DRAIN_ENDED, None),
        (b"/v1/messages/count_tokens", Cause.RESPONSE_RELAYED, None),
        (b"/v1/models", Cause.RESPONSE_RELAYED, None),
    ],
)
def test_usage_is_missed_only_where_it_was_owed(
    target: bytes, cause: Cause, missing: str | None
) -> None:
    journey = Journey(target=target).answered()
    journey.ending.on(cause)
    assert journey.finish().usage_missing == missing


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
    assert Journey(headers).finish().client_retry == count


def test_sessions_and_agents_are_noted_and_the_query_is_not() -> None:
    headers = [(b"x-claude-code-session-id", b"s"), (b"x-claude-code-agent-id", b"a")]
    exchange = Journey(headers).finish()
    assert (exchange.session_id, exchange.agent_id) == ("s", "a")
    assert (exchange.route, exchange.path) == ("messages", "/v1/messages")


def test_the_model_asked_for_is_noted_beside_the_one_that_answers() -> None:
    assert Journey().finish(model="claude-opus-4-1").requested_model == "claude-opus-4-1"
    named = Journey().answered()
    named.chunk(START)
    finished = named.finish(model="claude-opus-4-1")
    assert finished.requested_model == "claude-opus-4-1"
    assert finished.model not in (None, "claude-opus-4-1")


def test_a_client_that_takes_what_it_did_not_wait_for_has_not_stalled() -> None:
    journey = Journey()
    journey.wait(1.0)
    assert journey.watch.client_took() == journey.clock.now
    assert journey.watch.timings.longest_client_stall is None


async def test_a_retry_that_finds_no_answer_is_recorded(
    proxy: Running, upstream: Simulator
) -> None:
    upstream.script(Step(status=529), Step(fault="close_before_headers"))
    async with proxy.client() as client:
        answer = await client.post("/v1/messages", json=MESSAGE)
    exchange = await proxy.ended()
    assert (answer.status_code, exchange.attempts) == (502, 2)
    assert exchange.retries == (Retry("529", 1, recovered=False),)
