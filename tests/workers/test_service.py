"""The metrics of several workers are those of one process."""

from collections.abc import Iterable, Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from app.telemetry.instruments import PREFIX
from app.telemetry.recorder import Telemetry
from app.telemetry.sampling.broadcast import Broadcast
from app.telemetry.sampling.sampler import Sampler
from app.telemetry.sampling.samples import Samples
from app.workers.hub import NAMES
from app.workers.messages import Collect, Family, Report
from app.workers.reports import packed, unpacked
from app.workers.service import Service
from app.workers.view import report
from tests.telemetry.exchanges import FAILED, PLAIN, Clock, record, telemetry
from tests.thorough import scaled

Totals = Mapping[tuple[str, frozenset[tuple[str, str]]], float]
WORKERS = 3


def _service(workers: int = WORKERS, clock: Clock | None = None) -> Service:
    clock = clock or Clock()
    return Service(workers, version="0", clock=clock, wall=clock)


def _told(service: Service, worker: int, observer: Telemetry) -> None:
    service.report(worker, report(observer, Collect()), whole=True)


def _values(service: Service, *types: str) -> Totals:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in service.collect()
        if family.type in types
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_a_report_is_the_same_after_its_way_over_a_channel() -> None:
    observer = telemetry()
    record(observer, PLAIN)
    families = observer.collect()
    assert unpacked(packed(families)) == families


@settings(max_examples=scaled(8, 3))
@given(st.lists(st.integers(0, WORKERS - 1), max_size=12))
def test_the_totals_are_those_of_one_process_that_has_served_everything(served: list[int]) -> None:
    alone, parts = telemetry(), [telemetry() for _ in range(WORKERS)]
    service = _service()
    for number, worker in enumerate(served):
        exchange = replace(FAILED if number % 3 else PLAIN, duration=float(number))
        for observer in (alone, parts[worker]):
            record(observer, exchange)
    for worker, part in enumerate(parts):
        _told(service, worker, part)
    one = Samples(alone.collect())
    all_of_them = Samples(service.collect())
    for name in (
        "requests_total",
        "requests_started_total",
        "errors_total",
        "tokens_total",
        "cost_usd_total",
        "request_duration_seconds_count",
        "request_duration_seconds_bucket",
        "run_requests_total",
        "output_tokens_live_total",
    ):
        assert abs(all_of_them.total(name) - one.total(name)) < 1e-9 * (1 + one.total(name)), name
    buckets = all_of_them.buckets("request_duration_seconds")
    assert buckets == one.buckets("request_duration_seconds")


steps = st.lists(
    st.tuples(
        st.sampled_from(["serve", "tell", "tell some", "hang", "kill"]), st.integers(0, WORKERS - 1)
    ),
    max_size=40,
)


@settings(max_examples=scaled(10, 4))
@given(steps)
def test_no_total_ever_falls_whatever_happens_to_workers(steps: list[tuple[str, int]]) -> None:
    service = _service()
    parts = [telemetry() for _ in range(WORKERS)]
    before = _values(service, "counter", "histogram")
    for step, worker in steps:
        match step:
            case "serve":
                record(parts[worker], PLAIN)
            case "tell":
                _told(service, worker, parts[worker])
            case "tell some":
                some = report(parts[worker], Collect(NAMES, service.known(worker)))
                service.report(worker, some, whole=False)
            case "hang":
                service.silent(worker)
            case "kill":
                service.ended(worker)
                service.restarted(worker)
                parts[worker] = telemetry()
        after = _values(service, "counter", "histogram")
        assert {
            key: value
            for key, value in before.items()
            if after.get(key, 0.0) < value and not key[0].startswith("anthropic_proxy_run_")
        } == {}
        before = after


def test_a_series_stays_together_when_only_a_part_of_it_was_known_of_a_worker_that_ended() -> None:
    service, young = _service(), telemetry()
    for model in ("claude-sonnet-4-5", "claude-opus-4-1"):
        record(young, replace(PLAIN, requested_model=model, model=model))
    service.report(0, report(young, Collect(NAMES)), whole=False)
    service.ended(0)
    _told(service, 1, young)
    text = generate_latest(service).decode()  # type: ignore[no-untyped-call]
    families = [*text_string_to_metric_families(text)]  # type: ignore[no-untyped-call]
    found = Samples(family for family in families if family.name.startswith(PREFIX))
    assert found.total("requests_total") == 4


def _gauge(name: str, value: float, **labels: str) -> Family:
    return Family(name, "a gauge", "gauge", "", [(name, labels, value, None)])


def _total(families: Iterable[Family], name: str) -> Any:
    service = _service()
    for worker, family in enumerate(families):
        service.report(worker, Report(1, families=[family], limits_at=float(-worker)), whole=True)
    return Samples(service.collect()).total(name)


def test_amounts_are_summed_and_other_gauges_follow_their_rule() -> None:
    values = (2.0, 3.0, 5.0)
    for name, expected in {
        "anthropic_proxy_requests_in_progress": 10.0,
        "process_resident_memory_bytes": 10.0,
        "process_open_fds": 10.0,
        "process_start_time_seconds": 2.0,
        # The first worker has heard from upstream last.
        "anthropic_proxy_upstream_ratelimit_remaining": 2.0,
    }.items():
        found = _total(
            [_gauge(name, value) for value in values], name.removeprefix("anthropic_proxy_")
        )
        assert found == expected, name


def test_no_total_falls_by_the_last_bit_when_the_workers_are_summed_in_another_order() -> None:
    """Prometheus would take that for a restart, and count all of the total again."""
    service, name = _service(), f"{PREFIX}cost_usd"

    def tell(worker: int, cost: float, limits_at: float) -> None:
        total = Family(name, "a total", "counter", "usd", [(f"{name}_total", {}, cost, None)])
        service.report(worker, Report(1, families=[total], limits_at=limits_at), whole=True)

    def shown() -> float:
        return Samples(service.collect()).total("cost_usd_total")

    for worker, cost in enumerate((0.1, 0.2, 0.3)):
        tell(worker, cost, limits_at=float(worker))
    before = shown()
    tell(0, 0.1, limits_at=9.0)  # summed last from now on
    assert sum((0.2, 0.3, 0.1)) < before
    assert shown() == before
    service.ended(1)
    assert shown() == before
    tell(0, 0.2, limits_at=9.0)
    assert shown() > before


def test_what_a_silent_worker_has_counted_stays_and_its_gauges_do_not() -> None:
    service, observer = _service(2), telemetry()
    record(observer, PLAIN)
    observer.connections.open("proxy").inc()
    _told(service, 0, observer)
    assert Samples(service.collect()).by("worker_up", "worker") == {"0": 1, "1": 0}
    service.silent(0)
    samples = Samples(service.collect())
    assert samples.total("requests_total") == 1
    assert samples.total("connections_open") == 0
    assert samples.by("worker_up", "worker") == {"0": 0, "1": 0}


def test_the_runs_of_ended_workers_do_not_pile_up() -> None:
    service = _service()
    for _ in range(5):
        observer = telemetry()
        record(observer, PLAIN)
        _told(service, 0, observer)
        service.ended(0)
    samples = Samples(service.collect())
    assert samples.total("requests_total") == 5
    assert samples.total("run_requests_total") == 0


def test_a_worker_without_news_sends_nothing() -> None:
    service, observer = _service(), telemetry()
    record(observer, PLAIN)
    first = report(observer, Collect(NAMES, service.known(0)))
    assert first.families
    service.report(0, first, whole=False)
    observer.advance()
    while observer.advance():
        pass
    assert report(observer, Collect(NAMES, service.known(0))).families is None
    assert report(observer, Collect()).families


def test_the_document_shows_the_rows_of_all_workers_the_latest_first() -> None:
    clock = Clock()
    service = _service(2, clock)
    for worker, start in enumerate((5.0, 7.0)):
        observer = telemetry(clock)
        record(observer, replace(PLAIN, started_at=start))
        _told(service, worker, observer)
    service.ended(0)
    document = Sampler(service, Broadcast()).current().as_json()
    assert [row["time"] for row in document["recent"]] == [7.0, 5.0]
    assert document["requests"]["total"] == 2
