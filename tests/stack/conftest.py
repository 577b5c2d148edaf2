"""Fixtures of the stack's tests: a registry with something of everything, and a Prometheus."""

import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.registry import Collector

from app.telemetry.recorder import Telemetry
from app.workers.reports import unpacked
from app.workers.service import Service
from tests.programs import absent
from tests.stack.base_image import base_image
from tests.stack.engine import Engine, UnavailableError, engine
from tests.stack.servers import Prometheus, exposed, prometheus, record, wait
from tests.stack.tree import ROOT, yaml_file
from tests.telemetry import exchanges
from tests.telemetry.exchanges import budgeted, telemetry

COMPOSE = yaml_file("docker-compose.yml")["services"]
SCHEMA = Path(__file__).parent / "schema"
SERVERS = ("balancer", "prometheus", "alertmanager")  # beside the proxy; Grafana is in no Debian

# What a family's samples are called.
_SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "info": ("_info",),
    "gauge": ("",),
}


@pytest.fixture(scope="session")
def built() -> Iterator[Engine]:
    """A Docker engine that has the image, and those of the servers beside it."""
    servers = (COMPOSE[name]["image"] for name in SERVERS)
    try:
        with engine() as made:
            made.check(base_image(made, *servers))
            # The engine has no network of its own.
            tag = f"--tag={COMPOSE['proxy']['image']}"
            made.docker("build", "--network=host", tag, ROOT)
            yield made
    except UnavailableError as exc:
        pytest.skip(f"no Docker engine here: {exc}")


@pytest.fixture(scope="session")
def compiler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the schema and the compiler, as installed beside the tests."""
    packages = SCHEMA / "node_modules"
    if not packages.is_dir():
        absent("the compiler is not installed: npm ci --prefix tests/stack/schema")
    folder = tmp_path_factory.mktemp("schema")
    ignored = shutil.ignore_patterns(packages.name)
    shutil.copytree(SCHEMA, folder, ignore=ignored, dirs_exist_ok=True)
    (folder / packages.name).symlink_to(packages)
    return folder


class _Workers(Collector):
    """What the supervisor of several workers adds."""

    def collect(self) -> Iterable[Metric]:
        service = Service(2, version="0.0.test", clock=time.monotonic, wall=time.time)
        return unpacked(service.own())


@pytest.fixture(scope="session")
def observer() -> Telemetry:
    """The telemetry of a proxy that has seen a little of everything."""
    made = telemetry(budgets=budgeted(), labels=("repo",))
    made.registry.register(_Workers())
    made.forward.decided("intercepted")  # the forward proxy's metrics are made when it is on
    exchanges.record(made, *exchanges.rising())
    record(made)
    return made


@pytest.fixture(scope="session")
def metric_names(observer: Telemetry) -> frozenset[str]:
    """The names that a scrape can bring."""
    return frozenset(
        family.name + suffix
        for family in observer.registry.collect()
        for suffix in _SUFFIXES[family.type]
    )


@pytest.fixture(scope="module")  # it works as long as it runs
def scraped(observer: Telemetry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A real Prometheus with the shipped rules that has scraped ``observer`` as it counted."""

    def complete() -> bool:
        record(observer)
        return bool(
            server.query("rate(anthropic_proxy_requests_total[10m]) > 0")
            and server.query("job_slo:anthropic_proxy_budget_burn:rate30d")
            and server.query('ALERTS{alertname=~"AnthropicProxy.*", alertstate="firing"}')
        )

    with (
        exposed(observer.registry) as port,
        prometheus(tmp_path_factory.mktemp("prometheus"), port) as server,
    ):
        wait(complete)
        yield server
