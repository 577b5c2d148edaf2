"""Grafana's own queries, asked of a real Prometheus: exact totals, and of our targets only."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry, Metric, ProcessCollector
from prometheus_client.registry import Collector

from app.telemetry.recorder import Telemetry
from tests.stack.servers import Prometheus, exposed, prometheus, wait
from tests.stack.tree import DASHBOARDS, panels
from tests.telemetry.exchanges import FAILED, PLAIN, record, telemetry

pytestmark = pytest.mark.external

HOUR = "1h"
BY_MODEL = {"Requests": "requests_total", "Cost": "cost_usd_total"}


class Process(Collector):
    """A target whose process can be restarted. ``counted`` is what all runs counted together."""

    def __init__(self) -> None:
        self._runs = [telemetry()]

    def collect(self) -> Iterable[Metric]:
        return self._runs[-1].registry.collect()

    def restart(self) -> None:
        self._runs.append(telemetry())

    @property
    def now(self) -> Telemetry:
        return self._runs[-1]

    def counted(self, name: str) -> float:
        return sum(total(run, name) for run in self._runs)


def total(run: Telemetry, name: str) -> float:
    return sum(
        sample.value
        for family in run.collect()
        for sample in family.samples
        if sample.name == f"anthropic_proxy_{name}"
    )


def shown(title: str, time_range: str = HOUR, ref: str = "A") -> str:
    """Return a panel's expression as Grafana sends it with everything selected."""
    (expr,) = {
        str(target["expr"])
        for path in DASHBOARDS
        for panel in panels(path)
        for target in panel["targets"]
        if panel["title"] == title and target["refId"] == ref
    }
    for name, value in {"$__range": time_range, "$__rate_interval": "1m"}.items():
        expr = expr.replace(name, value)
    return expr.replace("$job", ".+").replace("$instance", ".+").replace("$model", ".*")


@pytest.fixture
def process() -> Process:
    return Process()


@pytest.fixture
def server(process: Process, tmp_path: Path) -> Iterator[Prometheus]:
    with exposed(process) as port, prometheus(tmp_path, port) as running:
        wait(lambda: bool(running.query("anthropic_proxy_requests_started_total")))
        yield running


def scraped(server: Prometheus, process: Process) -> None:
    """Wait for a scrape that began after the running process had counted everything.

    An earlier one may have a part of it. What a scrape brings is of the time when it began.
    """
    counted = time.time()
    names = ("requests_started_total", "requests_total", "cost_usd_total")
    wanted = [[pytest.approx(total(process.now, name), abs=1e-9)] for name in names]

    def has_it() -> bool:
        shown = [server.numbers(f"sum(anthropic_proxy_{name})") for name in names]
        at = server.numbers(f"min(timestamp(anthropic_proxy_{names[0]}))")
        return shown == wanted and at >= [counted]

    wait(has_it)


def assert_exact(server: Prometheus, process: Process) -> None:
    cost, requests = process.counted("cost_usd_total"), process.counted("requests_total")
    assert server.numbers(shown("Cost")) == [pytest.approx(cost, abs=1e-9)]
    assert server.numbers(shown("Requests")) == [requests]
    assert sum(server.numbers(shown("Models", ref="A"))) == requests
    assert sum(server.numbers(shown("Models", ref="I"))) == pytest.approx(cost, abs=1e-9)


def test_one_request_shows_to_the_cent(server: Prometheus, process: Process) -> None:
    record(process.now, PLAIN)
    scraped(server, process)

    assert process.counted("cost_usd_total") > 0
    assert_exact(server, process)


def test_a_session_shows_to_the_cent_also_after_restarts(
    server: Prometheus, process: Process
) -> None:
    models = ("claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5")
    for model in (*models, *models[:2]):
        record(process.now, replace(PLAIN, model=model), FAILED)
        scraped(server, process)
        assert_exact(server, process)
    for count, model in zip((20, 30, 40), models, strict=True):
        process.restart()  # each run counts more than the last one did: no counter falls
        record(process.now, *[replace(PLAIN, model=model)] * count)
        scraped(server, process)
        assert_exact(server, process)


def test_a_time_range_shows_what_was_counted_in_it(server: Prometheus, process: Process) -> None:
    record(process.now, *[PLAIN] * 3)
    scraped(server, process)
    before, begin = process.counted("cost_usd_total"), time.time()
    scraped(server, process)  # none has begun earlier that would bring what comes now
    record(process.now, PLAIN)
    scraped(server, process)
    process.restart()
    record(process.now, PLAIN)
    scraped(server, process)

    end = time.time()
    time_range = f"{round((end - begin) * 1000)}ms"
    gained = process.counted("cost_usd_total") - before
    assert server.numbers(shown("Cost", time_range), at=end) == [pytest.approx(gained, abs=1e-9)]
    assert server.numbers(shown("Requests", time_range), at=end) == [2]


def test_a_process_that_has_ended_still_shows_what_it_cost(tmp_path: Path) -> None:
    process = Process()
    with ExitStack() as target:
        port = target.enter_context(exposed(process))
        with prometheus(tmp_path, port) as server:
            wait(lambda: bool(server.query("anthropic_proxy_requests_started_total")))
            record(process.now, PLAIN)
            scraped(server, process)
            target.close()
            wait(lambda: not server.query("anthropic_proxy_build_info"))
            assert_exact(server, process)


def test_foreign_targets_are_counted_nowhere(tmp_path: Path) -> None:
    first, second, foreign = telemetry(), telemetry(), CollectorRegistry()
    ProcessCollector(registry=foreign)
    with (
        exposed(first.registry) as one,
        exposed(second.registry) as two,
        exposed(foreign) as other,
        prometheus(tmp_path, one, two, foreign=other) as server,
    ):
        wait(lambda: len(server.query("up == 1")) == 4)
        wait(lambda: len(server.query("anthropic_proxy_build_info")) == 2)

        # A busy machine may miss a scrape: then a proxy is down for a moment.
        ours = {f"127.0.0.1:{port}" for port in (one, two)}
        wait(lambda: server.numbers(shown("Replicas up")) == [2])
        for title in ("CPU", "Memory", "Open files", "Uptime"):
            wait(lambda title=title: _instances(server, title) == ours)  # type: ignore[misc]


def test_no_proxy_up_is_a_zero(tmp_path: Path) -> None:
    foreign = CollectorRegistry()
    ProcessCollector(registry=foreign)
    with exposed(foreign) as other, prometheus(tmp_path, foreign=other) as server:
        wait(lambda: bool(server.query("up == 1")))
        assert server.numbers(shown("Replicas up")) == [0]


def _instances(server: Prometheus, title: str) -> set[str]:
    return {found["metric"]["instance"] for found in server.query(shown(title))}
