"""What the standard variables ask for."""

import pytest

from app.otel.environment import PARENT, Batches, Destination, Limits, Wanted, read

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
    assert (bool(wanted.traces), bool(wanted.metrics)) == (traces, metrics)
    assert wanted.problems == ()


@pytest.mark.parametrize(
    "endpoint",
    ["localhost:4318", "ftp://x", "http://", "http://[", "x", "http://x:99999", "http://x:0"],
)
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


URL = "http://localhost:4318"
TIMEOUT = "OTEL_EXPORTER_OTLP_TIMEOUT"


@pytest.mark.parametrize(
    ("environ", "to"),
    [
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": f" {URL}/ "}, Destination(f"{URL}/v1/traces", 10)),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": f"{URL}/a"}, Destination(f"{URL}/a/v1/traces", 10)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{URL}/a"}, Destination(f"{URL}/a", 10)),
        ({TIMEOUT: "5"}, Destination(f"{URL}/v1/traces", 5)),  # seconds, as the SDK reads it
        ({TIMEOUT: "5000"}, Destination(f"{URL}/v1/traces", 5)),  # as the specification does
        ({TIMEOUT: "-5"}, Destination(f"{URL}/v1/traces", 10)),
        (
            {TIMEOUT: "5", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "7"},
            Destination(f"{URL}/v1/traces", 7),
        ),
        ({TIMEOUT: "9" * 6}, Destination(f"{URL}/v1/traces", 30)),
        ({"OTEL_BSP_EXPORT_TIMEOUT": "2000"}, Destination(f"{URL}/v1/traces", 2)),
    ],
)
def test_a_signal_goes_to_its_endpoint_in_its_time(
    environ: dict[str, str], to: Destination
) -> None:
    assert read(BOTH | environ).traces == to


@pytest.mark.parametrize(
    ("environ", "limits"),
    [
        ({}, Limits()),
        ({"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "9"}, Limits(length=9)),
        (
            {
                "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "9",
                "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT": "0",
            },
            Limits(length=0),
        ),
        ({"OTEL_ATTRIBUTE_COUNT_LIMIT": "5"}, Limits(attributes=5, event_attributes=5)),
        (
            {"OTEL_ATTRIBUTE_COUNT_LIMIT": "5", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "6"},
            Limits(attributes=6, event_attributes=5),
        ),
        ({"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT": "1"}, Limits(event_attributes=1)),
        ({"OTEL_SPAN_EVENT_COUNT_LIMIT": "2"}, Limits(events=2)),
        ({"OTEL_SPAN_EVENT_COUNT_LIMIT": "-2"}, Limits()),
    ],
)
def test_the_limits_of_spans_are_the_users(environ: dict[str, str], limits: Limits) -> None:
    assert read(BOTH | environ).limits == limits


@pytest.mark.parametrize(
    ("name", "valid", "not_valid"),
    [
        ("OTEL_SDK_DISABLED", "False", "secret"),
        ("OTEL_TRACES_SAMPLER", "Always_On", "secret"),
        ("OTEL_BSP_SCHEDULE_DELAY", "1", "0"),
        ("OTEL_BSP_EXPORT_TIMEOUT", "1", "secret"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1", "0"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "1", "1.5"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1", "-1"),
        ("OTEL_METRIC_EXPORT_TIMEOUT", "1", "٣"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "1", "9" * 5000),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1", "10s"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "1", "10s"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0", "-1"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "0", "secret"),
        ("OTEL_ATTRIBUTE_COUNT_LIMIT", "0", "-1"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0", "-1"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "0", "-1"),
        ("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "0", "-1"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "GZIP", "zstd"),
        ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none", "secret"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "secret"),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json", "http"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a=b, c=d=e,", "secret"),
        ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "Authorization=Bearer fake", "=secret"),
        ("OTEL_RESOURCE_ATTRIBUTES", "team=a%20b,empty=", "team=a,secret"),
        (
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            "LowMemory",
            "secret",
        ),
    ],
)
def test_a_variable_that_is_not_valid_is_named_without_its_value(
    name: str, valid: str, not_valid: str
) -> None:
    assert read(BOTH | {name: valid}).ignored == ()
    (ignored,) = read(BOTH | {name: not_valid}).ignored
    assert ignored.startswith(f"{name}: must be ")
    assert not_valid not in ignored.removeprefix(name) or len(not_valid) < 5
    assert read(BOTH | {name: ""}).ignored == ()
    assert read({name: not_valid}).ignored == ()  # nothing is exported, so nobody asks


@pytest.mark.parametrize(
    ("argument", "valid"), [("0.25", True), ("2", False), ("nan", False), ("half", False)]
)
def test_the_ratio_of_a_sampler_is_checked_where_it_counts(argument: str, valid: bool) -> None:
    given = BOTH | {"OTEL_TRACES_SAMPLER_ARG": argument}
    assert read(given).ignored == ()
    ratio = read(given | {"OTEL_TRACES_SAMPLER": "traceidratio"})
    assert (ratio.ignored == ()) is valid


def test_an_unknown_sampler_is_the_one_by_default() -> None:
    assert read(BOTH | {"OTEL_TRACES_SAMPLER": "jaeger_remote"}).sampler == PARENT
