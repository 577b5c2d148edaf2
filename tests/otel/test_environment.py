"""What the standard variables ask for."""

import pytest

from app.otel.environment import Batches, Wanted, read

BOTH = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
TRACES = {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://collector.example/v1/traces"}


@pytest.mark.parametrize(
    ("environ", "traces", "metrics"),
    [
        ({}, False, False),
        (BOTH, True, True),
        (TRACES, True, False),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://[::1]:4318/v1/metrics"}, False, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False, False),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, False, False),
        (BOTH | {"OTEL_TRACES_EXPORTER": "none"}, False, True),
        (BOTH | {"OTEL_METRICS_EXPORTER": "none"}, True, False),
        (BOTH | {"OTEL_METRICS_EXPORTER": "prometheus"}, True, False),
        (BOTH | {"OTEL_TRACES_EXPORTER": "console, otlp"}, True, True),
        (BOTH | {"OTEL_TRACES_EXPORTER": ""}, True, True),
        (BOTH | {"OTEL_SDK_DISABLED": "true"}, False, False),
        (BOTH | {"OTEL_SDK_DISABLED": "TRUE"}, False, False),
        (BOTH | {"OTEL_SDK_DISABLED": "1"}, True, True),  # the specification: only "true"
    ],
)
def test_the_variables_decide(environ: dict[str, str], traces: bool, metrics: bool) -> None:
    wanted = read(environ)
    assert (wanted.traces, wanted.metrics, wanted.problems) == (traces, metrics, ())


@pytest.mark.parametrize("endpoint", ["localhost:4318", "ftp://x", "http://", "http://[", "x"])
def test_an_endpoint_that_is_no_url_is_a_problem(endpoint: str) -> None:
    wanted = read({"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint})
    assert not wanted.anything
    (problem,) = wanted.problems
    assert "OTEL_EXPORTER_OTLP_ENDPOINT" in problem
    assert endpoint not in problem.replace("http://localhost:4318", "")


@pytest.mark.parametrize(
    "name", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"]
)
def test_grpc_is_a_problem(name: str) -> None:
    wanted = read(TRACES | {name: "grpc"})
    assert not wanted.anything
    assert wanted.problems == (
        f"{name}=grpc: only http/protobuf is supported, usually on port 4318",
    )


def test_the_bounds_of_batches_are_the_specifications() -> None:
    assert read(BOTH).batches == Batches(queue=2048, delay=5.0, size=512)
    chosen = {
        "OTEL_BSP_MAX_QUEUE_SIZE": "100",
        "OTEL_BSP_SCHEDULE_DELAY": "250",
        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "200",
        "OTEL_METRIC_EXPORT_INTERVAL": "10000",
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE": "Delta",
    }
    wanted = read(BOTH | chosen)
    assert wanted.batches == Batches(queue=100, delay=0.25, size=100)
    assert (wanted.interval, wanted.delta) == (10.0, True)


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "٣", "9" * 20])
def test_a_bound_that_is_no_number_is_the_default(value: str) -> None:
    assert read(BOTH | {"OTEL_BSP_MAX_QUEUE_SIZE": value}).batches == Wanted().batches
