"""Exchanges to record: a plain one, and any."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from app.anthropic.endpoints import ROUTES
from app.anthropic.prices import Prices
from app.anthropic.usage import Attempt, Usage
from app.budgets.budgets import Budgets
from app.budgets.rules import parse
from app.errors import Source
from app.exchange import Exchange, Failure, Outcome, Progress, Retry
from app.scrubber.redact.report import ScrubReport
from app.scrubber.restore.sinks import REFUSALS
from app.telemetry.collectors.scrape_gauges import NoTransport
from app.telemetry.recorder import Telemetry
from app.telemetry.recorders.access_log import AccessLog

PRICES = Prices.packaged()
STATS = NoTransport(
    connections_opened=2,
    connections_open=3,
    streams_open=1,
    waiting=4,
    reused=5,
    goaways=6,
    resets_sent=7,
    resets_received=8,
    rtt=0.04,
)
SESSION = "0b5f9a52-6f0e-4a37-9a3e-0c2f4f1f6b6c"

USED = Usage(input=1_000, output=500, cache_read=40_000, cache_write_5m=200, thinking=100)
PLAIN = Exchange(
    route="messages",
    method="POST",
    path="/v1/messages",
    status=200,
    outcome=Outcome.COMPLETE,
    streamed=True,
    started_at=1_790_000_000.0,
    duration=4.0,
    upstream_headers=0.4,
    first_byte=0.41,
    first_token=1.5,
    longest_event_gap=0.3,
    longest_byte_gap=0.2,
    overhead_request=0.0008,
    overhead_response=0.0003,
    slot_wait=0.0,
    attempts=1,
    bytes_in=50_000,
    bytes_out=9_000,
    model="claude-opus-5-5",
    usage=USED,
    billed=(Attempt(model="claude-opus-5-5", usage=USED),),
    stop_reason="end_turn",
    request_id="req_011CTestTestTest",
    session_id=SESSION,
)

FAILED = replace(
    PLAIN,
    status=529,
    streamed=False,
    usage=None,
    billed=(),
    model=None,
    stop_reason=None,
    first_token=None,
    failure=Failure("upstream", "overloaded_error", "529"),
)


def billed(exchange: Exchange, **changes: Any) -> Exchange:
    """Return an exchange whose answer is billed to its own model and nobody else."""
    changed = replace(exchange, **changes)
    attempts = () if changed.usage is None else (Attempt(model=changed.model, usage=changed.usage),)
    return replace(changed, billed=attempts)


class Clock:
    """A clock that tests move."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def telemetry(clock: Callable[[], float] = time.monotonic, **arguments: Any) -> Telemetry:
    """Return a telemetry that writes no log lines, unless told."""
    defaults: dict[str, Any] = {
        "prices": PRICES,
        "clock": clock,
        "wall": lambda: 1_790_000_000.0,
        "version": "0.0.test",
        "config": {"scrub_mode": "off", "hash": "fake"},
        "access_log": AccessLog(slow=None),
        "transport_stats": lambda: STATS,
    }
    return Telemetry(**defaults | arguments)


def rising() -> list[Exchange]:
    """Return exchanges of 30 hours whose answers state how a usage window fills."""
    mark = "anthropic-ratelimit-unified-7d_oi"
    return [
        replace(
            PLAIN,
            started_at=PLAIN.started_at - 3_600 * (30 - number),
            labels={"repo": "acme/widgets"},
            headers={
                f"{mark}-utilization": f"{0.2 + number / 100:.2f}",
                f"{mark}-reset": f"{PLAIN.started_at + 400_000:.0f}",
            },
        )
        for number in range(30)
    ]


def budgeted(setting: str = "day:1") -> Budgets:
    """Return budgets that are enforced, without a ledger."""
    nothing = Path("none")
    return Budgets.of(
        parse(setting),
        ledger=nothing,
        announced=nothing,
        host="",
        wall=lambda: 1_790_000_000.0,
        enforce=True,
    )


def record(observer: Telemetry, *exchanges: Exchange) -> None:
    """Let exchanges start and end."""
    for exchange in exchanges:
        progress = Progress(exchange.route)
        observer.started(progress)
        observer.finished(progress, exchange)


def exposition(source: Collector, accept: str = "application/openmetrics-text") -> str:
    """Render what ``source`` collects as a scraper gets it."""
    encode, _ = choose_encoder(accept)
    return encode(source).decode()


def parsed(openmetrics: str) -> list[Metric]:
    """Read an exposition as strictly as the format says."""
    return list(text_string_to_metric_families(openmetrics))  # type: ignore[no-untyped-call]


seconds = st.none() | st.floats(0, 2_000)
counts = st.integers(0, 2**40)
words = st.text(st.characters(codec="utf-8"), max_size=20)
models = st.sampled_from([*PRICES.models, *PRICES.unpriced]) | words
detectors = st.dictionaries(words, counts, max_size=3)
headers = st.dictionaries(
    st.sampled_from(["5h", "7d", "7d_opus", "overage"])
    | st.from_regex("[a-z0-9]{1,8}", fullmatch=True),
    st.tuples(
        st.sampled_from(["utilization", "status", "reset"]),
        st.sampled_from(["1", "0.25", "allowed", "odd"]),
    ),
    max_size=4,
).map(lambda said: {f"anthropic-ratelimit-unified-{w}-{f}": v for w, (f, v) in said.items()})
sources: st.SearchStrategy[Source] = st.sampled_from(["client", "upstream", "proxy"])

usages = st.builds(
    Usage,
    input=counts,
    output=counts,
    cache_read=counts,
    cache_write_5m=counts,
    cache_write_1h=counts,
    thinking=counts,
    server_tools=st.dictionaries(words, counts, max_size=2),
)
exchanges = st.builds(
    Exchange,
    route=st.sampled_from(ROUTES),
    method=words,
    path=words,
    status=st.none() | st.integers(100, 599),
    outcome=st.sampled_from(Outcome),
    streamed=st.booleans(),
    started_at=st.floats(0, 2e9),
    duration=st.floats(0, 2_000),
    upstream_headers=seconds,
    first_byte=seconds,
    first_token=seconds,
    longest_event_gap=seconds,
    longest_byte_gap=seconds,
    overhead_request=seconds,
    overhead_response=seconds,
    slot_wait=seconds,
    attempts=st.integers(0, 4),
    retries=st.lists(
        st.builds(Retry, words | st.just("529"), st.integers(1, 3), st.booleans()), max_size=3
    ).map(tuple),
    client_retry=st.integers(0, 99),
    bytes_in=counts,
    bytes_out=counts,
    modified=st.booleans(),
    requested_model=st.none() | models,
    model=st.none() | models,
    usage=st.none() | usages,
    billed=st.lists(
        st.builds(
            Attempt,
            model=st.none() | models,
            usage=usages,
            kind=words,
            estimated=st.booleans(),
            samplings=st.lists(usages, max_size=2).map(tuple),
        ),
        max_size=3,
    ).map(tuple),
    usage_missing=st.sampled_from([None, "encoding", "truncated", "no_event", "not_final", "x"]),
    stop_reason=st.none() | st.sampled_from(["end_turn", "tool_use"]) | words,
    failure=st.none() | st.builds(Failure, sources, words | st.just("overloaded_error"), words),
    headers=headers,
    request_id=st.none() | words | st.just("req_011CTestTestTest"),
    session_id=st.none() | words | st.just(SESSION),
    agent_id=st.none() | words,
    scrub=st.none()
    | st.builds(
        ScrubReport,
        matches=detectors,
        skipped=st.sampled_from([None, "too_large", "encoding", "not_json", "not_post", "error"]),
        scanned=counts,
        duration=st.floats(0, 10),
    ),
    restored=detectors,
    refused=st.dictionaries(st.sampled_from(REFUSALS), st.integers(0, 99), max_size=3),
    unresolved=st.integers(0, 9),
)


def value(observer: Telemetry, name: str, **labels: str) -> float | None:
    """Return a sample's value: of its own metric, or of all if no metric announces its name."""
    full, registry = f"anthropic_proxy_{name}", observer.registry
    for source in (registry.restricted_registry([full]), registry):
        for metric in source.collect():
            for sample in metric.samples:
                if sample.name == full and sample.labels == labels:
                    return sample.value
    return None


def recorded(*exchanges: Exchange) -> Telemetry:
    observer = telemetry()
    record(observer, *exchanges)
    return observer
