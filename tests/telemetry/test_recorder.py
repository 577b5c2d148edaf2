"""What a record leaves in the registry."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import structlog.testing
from msgspec.structs import replace

from app.anthropic.hints import Hints
from app.anthropic.usage import Usage
from app.exchange import Exchange, Failure, Outcome, Progress, Retry
from app.scrubber.redact.report import ScrubReport
from app.telemetry.entry import Entry
from app.telemetry.recorder import Telemetry
from app.telemetry.recorders.recent import Recent
from app.wire.trace_context import TraceContext
from tests.telemetry.exchanges import (
    FAILED,
    PLAIN,
    SESSION,
    Clock,
    billed,
    exposition,
    parsed,
    record,
    recorded,
    telemetry,
    value,
)

MODEL = {"model": "claude-opus-5-5"}


SCRUBBED = replace(
    PLAIN,
    modified=True,
    refused={"tool": 4},
    unresolved=5,
    scrub=ScrubReport(matches={"github_token": 3}, scanned=50_000, duration=0.004),
    restored={"github_token": 2},
)
UNSCANNED = replace(PLAIN, scrub=ScrubReport(skipped="too_large"))
LIMITED = replace(
    PLAIN,
    headers={
        "anthropic-ratelimit-unified-5h-utilization": "0.42",
        "anthropic-ratelimit-unified-5h-status": "allowed_warning",
        "anthropic-ratelimit-unified-5h-reset": "1790003600",
        "anthropic-ratelimit-tokens-limit": "80000",
        "anthropic-ratelimit-tokens-remaining": "79000",
    },
)


_alone: dict[str, Telemetry] = {}  # what has recorded one exchange only, by that


@pytest.mark.parametrize(
    ("exchange", "name", "labels", "expected"),
    [
        (
            PLAIN,
            "requests_total",
            {**MODEL, "route": "messages", "status": "200", "outcome": "complete"},
            1,
        ),
        (
            PLAIN,
            "request_duration_seconds_sum",
            {**MODEL, "route": "messages", "streamed": "true"},
            4.0,
        ),
        (
            replace(PLAIN, route="hello", model=None),
            "request_duration_seconds_sum",
            {"route": "hello", "streamed": "true", "model": "none"},
            4.0,
        ),
        (PLAIN, "time_per_output_token_seconds_sum", MODEL, 0.005),
        (PLAIN, "upstream_response_headers_seconds_sum", MODEL, 0.4),
        (PLAIN, "time_to_first_token_seconds_sum", MODEL, 1.5),
        (PLAIN, "output_tokens_per_second_sum", MODEL, 200.0),
        (PLAIN, "overhead_seconds_sum", {"phase": "request"}, 0.0008),
        (PLAIN, "overhead_seconds_sum", {"phase": "response"}, 0.0003),
        (PLAIN, "stream_gap_seconds_sum", {"kind": "event"}, 0.3),
        (PLAIN, "stream_gap_seconds_sum", {"kind": "byte"}, 0.2),
        (PLAIN, "stream_ends_total", {"cause": "complete"}, 1),
        (PLAIN, "stop_reasons_total", {**MODEL, "reason": "end_turn"}, 1),
        (PLAIN, "tokens_total", {**MODEL, "type": "input"}, 1_000),
        (PLAIN, "tokens_total", {**MODEL, "type": "output"}, 500),
        (PLAIN, "tokens_total", {**MODEL, "type": "cache_read"}, 40_000),
        (PLAIN, "tokens_total", {**MODEL, "type": "cache_write_5m"}, 200),
        (PLAIN, "tokens_total", {**MODEL, "type": "cache_write_1h"}, 0),
        (PLAIN, "thinking_tokens_total", MODEL, 100),
        (PLAIN, "request_input_tokens_sum", {}, 41_200),
        (PLAIN, "cost_usd_total", {**MODEL, "type": "output"}, 500 * 20e-6),
        (PLAIN, "request_body_bytes_sum", {}, 50_000),
        (PLAIN, "response_body_bytes_sum", {}, 9_000),
        (PLAIN, "body_bytes_total", {"direction": "in"}, 50_000),
        (PLAIN, "body_bytes_total", {"direction": "out"}, 9_000),
        (PLAIN, "upstream_slot_wait_seconds_count", {}, 1),
        (PLAIN, "upstream_connections_opened_total", {}, 2),
        (PLAIN, "upstream_connections_open", {}, 3),
        (PLAIN, "upstream_streams", {}, 1),
        (PLAIN, "upstream_requests_waiting", {}, 4),
        (PLAIN, "upstream_connections_reused_total", {}, 5),
        (PLAIN, "upstream_goaways_total", {}, 6),
        (PLAIN, "upstream_resets_total", {"by": "proxy"}, 7),
        (PLAIN, "upstream_resets_total", {"by": "upstream"}, 8),
        (PLAIN, "upstream_rtt_seconds", {}, 0.04),
        (PLAIN, "event_loop_lag_seconds_count", {}, 0),
        (PLAIN, "build_info", {"version": "0.0.test"}, 1),
        (PLAIN, "config_info", {"scrub_mode": "off", "hash": "fake"}, 1),
        (PLAIN, "pricing_info", {"as_of": "2026-11"}, 1),
        (FAILED, "errors_total", {"source": "upstream", "type": "overloaded_error"}, 1),
        (
            billed(PLAIN, model="gpt-fake"),
            "unpriced_requests_total",
            {"model": "other"},
            1,
        ),
        (
            billed(PLAIN, model="claude-opus-5-5-20261101[1m]"),
            "tokens_total",
            {**MODEL, "type": "output"},
            500,
        ),
        (
            billed(PLAIN, model="gpt-fake"),
            "tokens_total",
            {"model": "other", "type": "output"},
            500,
        ),
        (replace(PLAIN, model="gpt-fake"), "label_overflow_total", {"label": "model"}, 1),
        (
            replace(PLAIN, usage_missing="no_event"),
            "usage_missing_total",
            {"reason": "no_event"},
            1,
        ),
        (
            billed(PLAIN, usage=Usage(server_tools={"web_search": 3})),
            "server_tool_requests_total",
            {"tool": "web_search"},
            3,
        ),
        (
            replace(PLAIN, retries=(Retry("529", 2, recovered=True),)),
            "retries_total",
            {"reason": "529", "result": "recovered"},
            1,
        ),
        (
            replace(PLAIN, retries=(Retry("refused_stream", 2, recovered=False),)),
            "retries_total",
            {"reason": "refused_stream", "result": "exhausted"},
            1,
        ),
        (
            replace(PLAIN, retries=(Retry("529", 2, recovered=True),)),
            "retry_attempts_total",
            {"reason": "529"},
            2,
        ),
        (replace(PLAIN, client_retry=7), "client_retry_attempts_total", {"attempt": "3+"}, 1),
        (LIMITED, "upstream_ratelimit_limit", {"kind": "tokens"}, 80_000),
        (LIMITED, "upstream_ratelimit_remaining", {"kind": "tokens"}, 79_000),
        (LIMITED, "upstream_ratelimit_utilization_ratio", {"window": "5h"}, 0.42),
        (LIMITED, "upstream_ratelimit_reset_timestamp_seconds", {"window": "5h"}, 1_790_003_600),
        (LIMITED, "upstream_ratelimit_status", {"window": "5h", "status": "allowed_warning"}, 1),
        (LIMITED, "upstream_ratelimit_status", {"window": "5h", "status": "rejected"}, 0),
        (SCRUBBED, "scrub_matches_total", {"detector": "github_token"}, 3),
        (SCRUBBED, "scrub_restore_refused_total", {"reason": "tool"}, 4),
        (SCRUBBED, "scrub_unresolved_total", {}, 5),
        (SCRUBBED, "scrub_restored_total", {"detector": "github_token"}, 2),
        (SCRUBBED, "scrub_duration_seconds_sum", {}, 0.004),
        (SCRUBBED, "scrub_bytes_total", {}, 50_000),
        (SCRUBBED, "bytes_modified_requests_total", {}, 1),
        (UNSCANNED, "scrub_skipped_total", {"reason": "too_large"}, 1),
        (UNSCANNED, "scrub_duration_seconds_count", {}, 0),
    ],
)
def test_a_record_is_counted_where_its_name_says(
    exchange: Exchange, name: str, labels: dict[str, str], expected: float
) -> None:
    key = repr(exchange)
    if key not in _alone:
        _alone[key] = recorded(exchange)
    assert value(_alone[key], name, **labels) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        (Outcome.COMPLETE, "complete"),
        (Outcome.CLIENT_ABORT, "client_abort"),
        (Outcome.UPSTREAM_ABORT, "upstream_abort"),
        (Outcome.UPSTREAM_ERROR_EVENT, "upstream_error_event"),
        (Outcome.UPSTREAM_TIMEOUT, "upstream_timeout"),
        (Outcome.PROXY_ERROR, "proxy_error"),
        (Outcome.SHUTDOWN, "shutdown"),
    ],
)
def test_every_end_of_a_stream_has_its_cause(outcome: Outcome, cause: str) -> None:
    observer = recorded(replace(PLAIN, outcome=outcome))

    assert value(observer, "stream_ends_total", cause=cause) == 1


@pytest.mark.parametrize(("status", "label"), [(418, "4xx"), (599, "5xx"), (None, "none")])
def test_an_unknown_status_is_counted_by_its_class(status: int | None, label: str) -> None:
    observer = recorded(replace(PLAIN, status=status))

    labels = {**MODEL, "route": "messages", "status": label, "outcome": "complete"}
    assert value(observer, "requests_total", **labels) == 1


def test_a_request_without_a_model_is_counted_without_one() -> None:
    observer = recorded(replace(PLAIN, route="hello", model=None, usage=None, stop_reason=None))

    labels = {"model": "none", "route": "hello", "status": "200", "outcome": "complete"}
    assert value(observer, "requests_total", **labels) == 1
    assert value(observer, "label_overflow_total", label="model") == 0


def test_running_and_silent_streams_are_gauges_of_the_moment() -> None:
    clock = Clock()
    observer = telemetry(clock)
    progress = Progress("messages", streaming=True, upstream_since=clock())

    observer.started(progress)
    assert value(observer, "requests_in_progress", route="messages") == 1
    assert value(observer, "streams_stalled") == 0

    clock.now += 21
    assert value(observer, "streams_stalled") == 1

    observer.finished(progress, PLAIN)
    assert value(observer, "requests_in_progress", route="messages") == 0
    assert value(observer, "streams_stalled") == 0


def test_a_client_that_reads_nothing_is_not_a_silent_upstream() -> None:
    clock = Clock()
    observer = telemetry(clock)
    observer.started(Progress("messages", streaming=True, client_since=clock()))
    observer.started(Progress("files", client_since=clock()))

    clock.now += 21
    assert (value(observer, "clients_stalled"), value(observer, "streams_stalled")) == (2, 0)


def test_buckets_lead_to_the_log_through_exemplars() -> None:
    exemplars = {
        family.name: sample.exemplar.labels
        for family in parsed(exposition(recorded(PLAIN).registry))
        for sample in family.samples
        if sample.exemplar
    }
    ids = {"request_id": PLAIN.request_id, "session_id": SESSION}
    assert exemplars == {
        "anthropic_proxy_request_duration_seconds": ids,
        "anthropic_proxy_time_to_first_token_seconds": ids,
    }


TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize(
    ("sampled", "session", "labels"),
    [
        (True, SESSION, {"trace_id", "request_id", "session_id"}),
        (True, "s" * 48, {"trace_id", "request_id"}),
        (False, SESSION, {"request_id", "session_id"}),
    ],
)
def test_a_bucket_leads_to_a_recorded_trace(sampled: bool, session: str, labels: set[str]) -> None:
    hints = Hints(trace=TraceContext(TRACE, "b7ad6b7169203331", sampled))
    request_id = "req_011CTestTestTestTestTest"
    observer = recorded(replace(PLAIN, hints=hints, session_id=session, request_id=request_id))
    exemplars = [
        sample.exemplar.labels
        for family in parsed(exposition(observer.registry))
        for sample in family.samples
        if sample.exemplar
    ]
    assert [set(one) for one in exemplars] == [labels, labels]
    assert all(one.get("trace_id", TRACE) == TRACE for one in exemplars)


@pytest.mark.parametrize("odd", ["x" * 200, 'a"b', "ключ", "a b", ""])
def test_an_odd_session_id_never_reaches_an_exemplar(odd: str) -> None:
    observer = recorded(replace(PLAIN, session_id=odd, request_id=None))

    assert value(observer, "time_to_first_token_seconds_count", **MODEL) == 1
    assert " # {" not in exposition(observer.registry)


def test_every_counter_and_histogram_says_when_its_series_began() -> None:
    for family in parsed(exposition(recorded(PLAIN).registry)):
        # The totals of one run are made at each scrape, under a label that no other run has.
        own = family.name.startswith("anthropic_proxy_") and "_run_" not in family.name
        if own and family.type in ("counter", "histogram"):
            series = [sample for sample in family.samples if not sample.name.endswith("_created")]
            created = [sample for sample in family.samples if sample.name.endswith("_created")]
            labels = [{**sample.labels} for sample in series]
            assert {frozenset(one.items() - {("le", one.get("le"))}) for one in labels} == {
                frozenset(sample.labels.items()) for sample in created
            }
            assert all(sample.value > 1e9 for sample in created)


class Broken:
    """An exporter whose sampler fails."""

    def __init__(self) -> None:
        self.count: Callable[[str, int], None] = lambda _result, _number: None
        self.entries: list[Entry] = []

    def trace(self, parent: TraceContext | None) -> TraceContext | None:
        raise RuntimeError(f"a sampler of the user's, asked about {parent}")

    def put(self, entry: Entry) -> None:
        self.entries.append(entry)

    def start(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_a_sampler_that_fails_costs_the_span_only() -> None:
    exporter = Broken()
    observer = telemetry(exporter=exporter)
    with structlog.testing.capture_logs():
        record(observer, PLAIN)
    assert value(observer, "requests_started_total", route="messages") == 1
    assert value(observer, "request_body_bytes_count") == 1
    assert [entry.trace for entry in exporter.entries] == [None]


def test_a_defect_of_telemetry_is_logged_and_never_reaches_the_proxy() -> None:
    observer = telemetry(
        prices=SimpleNamespace(as_of="never", models={}, unpriced=())
    )  # it can price nothing

    with structlog.testing.capture_logs() as lines:
        record(observer, PLAIN)

    assert [line["event"] for line in lines] == ["telemetry failed"]
    assert observer.active == 0


def test_what_ends_in_a_group_is_recorded_at_its_end() -> None:
    observer = telemetry()
    with observer.grouped():
        record(observer, PLAIN)
        with observer.grouped():
            record(observer, PLAIN)
        assert len(observer.recent.as_json()) == 0
    assert len(observer.recent.as_json()) == 2


def test_a_defect_costs_one_recorder_one_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str | None] = []

    def fail_once(_: Recent, entry: Entry) -> None:
        taken.append(entry.exchange.request_id)
        if len(taken) == 2:
            raise RuntimeError("what a prompt says")

    monkeypatch.setattr(Recent, "record", fail_once)
    observer = telemetry()
    with structlog.testing.capture_logs() as lines, observer.grouped():
        for name in ("req_1", "req_2", "req_3"):
            record(observer, replace(PLAIN, request_id=name))

    assert taken == ["req_1", "req_2", "req_3"]
    assert value(observer, "request_body_bytes_count") == 3
    assert [line["event"] for line in lines] == ["telemetry failed"]


def test_known_series_start_at_zero() -> None:
    observer = telemetry()

    for cause in ("complete", "client_abort", "upstream_abort", "shutdown"):
        assert value(observer, "stream_ends_total", cause=cause) == 0
    assert value(observer, "errors_total", source="proxy", type="api_error") == 0


def test_a_failure_has_its_source_and_type() -> None:
    observer = recorded(replace(FAILED, failure=Failure("proxy", "made_up_error", "whatever")))

    assert value(observer, "errors_total", source="proxy", type="other") == 1
    assert value(observer, "label_overflow_total", label="error_type") == 1
