"""The profile ``tracing``: spans find their way from the proxy to Grafana, by name and port."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from app.anthropic.hints import Hints
from app.wire.trace_context import TraceContext
from tests.stack.servers import exposed, prometheus, wait
from tests.stack.tree import ROOT, Json, yaml_file
from tests.telemetry.exchanges import PLAIN, record, telemetry

SERVICES: dict[str, Json] = yaml_file("docker-compose.yml")["services"]
COLLECTOR: Json = yaml_file("deploy/tracing/collector.yml")
TEMPO: Json = yaml_file("deploy/tracing/tempo.yml")


def _source(name: str) -> Json:
    (source,) = yaml_file(f"grafana/provisioning/datasources/{name}.yml")["datasources"]
    found: Json = source
    return found


def test_the_collector_listens_where_the_documents_send_the_proxy() -> None:
    listens = COLLECTOR["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    assert listens == "0.0.0.0:4318"
    assert SERVICES["collector"]["ports"] == ["127.0.0.1:${OTLP_PORT:-4318}:4318"]
    endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT=http://collector:4318"
    for file in ("docs/tracing.md", "docker-compose.yml"):
        assert endpoint in (ROOT / file).read_text("utf-8")


def test_the_collector_hands_traces_to_tempo() -> None:
    assert COLLECTOR["service"]["pipelines"]["traces"]["exporters"] == ["otlp"]
    name, _, port = COLLECTOR["exporters"]["otlp"]["endpoint"].partition(":")
    assert name in SERVICES
    receiver = TEMPO["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert receiver == f"0.0.0.0:{port}"


def test_every_pipeline_names_parts_that_exist() -> None:
    for pipeline in COLLECTOR["service"]["pipelines"].values():
        for kind, names in pipeline.items():
            assert set(names) <= set(COLLECTOR[kind])
    assert COLLECTOR["exporters"]["debug"] == {"verbosity": "basic"}  # prints no content


def test_tempo_writes_to_its_volume_only() -> None:
    trace = TEMPO["storage"]["trace"]
    paths = (trace["wal"]["path"], trace["local"]["path"])
    (volume,) = [one for one in SERVICES["tempo"]["volumes"] if one.startswith("tempo-data:")]
    directory = volume.partition(":")[2]
    assert all(Path(path).is_relative_to(directory) for path in paths)


@pytest.mark.parametrize(
    ("service", "option"), [("collector", "--config="), ("tempo", "-config.file=")]
)
def test_a_service_reads_the_file_that_is_mounted(service: str, option: str) -> None:
    (argument,) = SERVICES[service]["command"]
    mounts = [one.split(":") for one in SERVICES[service]["volumes"]]
    assert argument.removeprefix(option) in {target for _, target, *_ in mounts}


def test_grafana_links_exemplars_to_tempo() -> None:
    tempo = _source("tempo")
    assert tempo["type"] == "tempo"
    assert tempo["url"] == f"http://tempo:{TEMPO['server']['http_listen_port']}"
    (link,) = _source("prometheus")["jsonData"]["exemplarTraceIdDestinations"]
    assert (link["name"], link["datasourceUid"]) == ("trace_id", tempo["uid"])


@pytest.mark.external
def test_a_real_prometheus_keeps_the_trace_of_an_observation(tmp_path: Path) -> None:
    assert any("exemplar-storage" in word for word in SERVICES["prometheus"]["command"])
    trace = TraceContext("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", sampled=True)
    observer = telemetry()
    with exposed(observer.registry) as port, prometheus(tmp_path, port) as server:
        record(observer, replace(PLAIN, hints=Hints(trace=trace)))
        selector = "anthropic_proxy_time_to_first_token_seconds_bucket"
        wait(lambda: bool(server.exemplars(selector)))
        assert {one["trace_id"] for one in server.exemplars(selector)} == {trace.trace_id}
