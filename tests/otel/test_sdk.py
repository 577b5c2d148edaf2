"""The SDK's exporters against a receiver on loopback, by the standard variables."""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from structlog.testing import capture_logs

from app.factories.exporting import exporter_of
from app.otel import sdk
from app.otel.environment import read
from app.otel.exporter import Exporter
from app.settings import Settings
from app.telemetry.entry import Entry
from app.wire.trace_context import TraceContext
from tests.otel.entries import PARENT, TRACED, entry
from tests.otel.receiver import Receiver, attributes, receiving
from tests.telemetry.exchanges import PRICES

SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]
UNSAMPLED = TraceContext(PARENT.trace_id, PARENT.span_id, sampled=False)


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without a variable of the machine's, and put the loggers' levels back."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    loggers = [logging.getLogger(name) for name in sdk.SILENT]
    levels = [logger.level for logger in loggers]
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    with receiving() as made:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", made.url)
        yield made


def export(*exchanges: Entry) -> Counter[str]:
    """Export as the variables say; return what became of the spans."""
    exporter = exporter_of(SETTINGS, PRICES)
    assert isinstance(exporter, Exporter)
    results: Counter[str] = Counter()
    exporter.count = lambda result, number: results.update({result: number})
    for one in exchanges:
        trace = exporter.trace(one.exchange.hints.trace)
        exporter.put(entry(one.exchange, trace))
    exporter.close(deadline=60.0)
    return results


def test_a_span_is_the_child_of_the_clients_and_names_its_process(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    assert export(entry()) == Counter(exported=1)
    ((resource, span),) = receiver.spans()
    assert span.trace_id.hex() == PARENT.trace_id
    assert span.parent_span_id.hex() == PARENT.span_id
    assert span.span_id.hex() not in {PARENT.span_id, "0" * 16}
    assert attributes(span.attributes)["gen_ai.usage.input_tokens"] == 41_200
    assert resource["service.name"] == "anthropic-proxy"
    assert resource["service.version"]
    assert len(resource["service.instance.id"]) == 36
    assert resource["telemetry.sdk.name"] == "opentelemetry"
    assert resource["deployment.environment.name"] == "test"


def test_without_a_client_trace_a_new_one_begins(receiver: Receiver) -> None:
    export(
        entry(
            hints=SimpleNamespace(trace=None, agent_type=None, prompt_id=None, request_class=None)
        )
    )
    ((_, span),) = receiver.spans()
    assert len(span.trace_id) == 16
    assert span.trace_id != bytes(16)
    assert span.parent_span_id == b""


@pytest.mark.parametrize(
    ("sampler", "argument", "parent", "exported"),
    [
        (None, None, PARENT, 1),
        (None, None, UNSAMPLED, 0),
        ("always_on", None, UNSAMPLED, 1),
        ("always_off", None, PARENT, 0),
        ("traceidratio", "0", PARENT, 0),
        ("parentbased_traceidratio", "0", PARENT, 1),
        ("parentbased_always_off", None, None, 0),
    ],
)
def test_the_sampler_is_the_chosen_one(
    monkeypatch: pytest.MonkeyPatch,
    sampler: str | None,
    argument: str | None,
    parent: TraceContext | None,
    exported: int,
) -> None:
    for name, value in (("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", argument)):
        if value is not None:
            monkeypatch.setenv(name, value)
    made = sdk.Sdk(read(os.environ), "0.0.test", time.time_ns)
    assert made.trace(parent).sampled is bool(exported)


def test_the_name_of_the_service_is_the_users(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "gateway")
    export(entry())
    ((resource, _),) = receiver.spans()
    assert resource["service.name"] == "gateway"


def test_headers_and_compression_are_the_users(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=fake-collector-key")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    export(entry())
    assert {one.headers["x-api-key"] for one in receiver.got} == {"fake-collector-key"}
    assert {one.headers["content-encoding"] for one in receiver.got} == {"gzip"}
    assert receiver.spans()


def test_a_netrc_file_adds_no_credentials(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login fake password fake\n")
    monkeypatch.setenv("NETRC", str(netrc))
    export(entry())
    assert receiver.got
    assert not [one for one in receiver.got if "authorization" in one.headers]


def test_credentials_of_the_endpoint_are_sent_to_it(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = receiver.url.replace("http://", "http://fake:secret@")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    assert export(entry()) == Counter(exported=1)
    assert {one.headers["authorization"] for one in receiver.got} == {"Basic ZmFrZTpzZWNyZXQ="}


@pytest.mark.parametrize("status", [200, 401, 503])
def test_no_header_of_the_variables_is_ever_logged(
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    receiver.status = status
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "secret without a name,x-key=secret")
    with caplog.at_level(logging.DEBUG), capture_logs() as lines:
        export(entry())
    assert "secret" not in caplog.text
    assert "secret" not in repr(lines)
    assert receiver.url not in repr(lines)


def test_a_redirect_is_a_failure_and_nothing_follows_it(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=fake-collector-key")
    with receiving() as other:
        receiver.status, receiver.location = 307, f"{other.url}/v1/traces"
        assert export(entry()) == Counter(failed=1)
        assert other.got == []


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_the_collector_refuses_is_a_failure(receiver: Receiver, status: int) -> None:
    receiver.status = status
    assert export(entry(), entry()) == Counter(failed=2)


def test_a_collector_that_is_down_is_a_failure(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    assert export(entry()) == Counter(failed=1)
    assert receiver.got == []


def test_metrics_follow_the_conventions_too(receiver: Receiver) -> None:
    export(entry(), entry(TRACED, duration=100.0))
    metrics = receiver.metrics()
    assert set(metrics) == {
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
    }
    duration = metrics["gen_ai.client.operation.duration"]
    assert duration.unit == "s"
    assert duration.histogram.aggregation_temporality == 2  # cumulative
    (point,) = duration.histogram.data_points
    assert (point.count, point.sum, point.min, point.max) == (2, 104.0, 4.0, 100.0)
    assert sum(point.bucket_counts) == 2
    assert point.bucket_counts[-1] == 1
    assert point.start_time_unix_nano <= point.time_unix_nano
    tokens = {
        attributes(one.attributes)["gen_ai.token.type"]: one.sum
        for one in metrics["gen_ai.client.token.usage"].histogram.data_points
    }
    assert tokens == {"input": 2 * 41_200, "output": 2 * 500}


def test_a_signal_that_is_off_is_not_sent(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    export(entry())
    assert {one.path for one in receiver.got} == {"/v1/traces"}
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    assert exporter_of(SETTINGS, PRICES) is None
