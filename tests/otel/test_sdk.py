"""The SDK's exporters against a receiver on loopback, by the standard variables."""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from structlog.testing import capture_logs

from app.certificates import Certificate, ensure
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
        receiver.status, receiver.fields = 307, {"location": f"{other.url}/v1/traces"}
        assert export(entry()) == Counter(failed=1)
        assert other.got == []


@pytest.mark.parametrize("status", [400, 401, 404])
def test_what_the_collector_refuses_is_a_failure_and_the_log_says_why(
    receiver: Receiver, status: int
) -> None:
    receiver.status = status
    with capture_logs() as lines:
        assert export(entry(), entry()) == Counter(failed=2)
    assert [line["reason"] for line in lines] == [str(status)]


def test_a_collector_that_is_down_is_a_failure(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "200")
    with capture_logs() as lines:
        assert export(entry()) == Counter(failed=1)
    assert [line["reason"] for line in lines] == ["ConnectionError"]
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


def answering(rejected: int) -> bytes:
    """Return the answer of a collector that did not take some spans."""
    partial = ExportTracePartialSuccess(rejected_spans=rejected, error_message="secret")
    return bytes(ExportTraceServiceResponse(partial_success=partial).SerializeToString())


@pytest.mark.parametrize(
    ("answer", "results"),
    [
        (answering(1), Counter(exported=1, failed=1)),
        (answering(2), Counter(failed=2)),
        (answering(2**40), Counter(failed=2)),
        (answering(-1), Counter(exported=2)),
        (b"<html>no protobuf</html>", Counter(exported=2)),
        (None, Counter(exported=2)),  # endless
    ],
)
def test_a_collectors_answer_says_what_it_did_not_take(
    receiver: Receiver, answer: bytes | None, results: Counter[str]
) -> None:
    receiver.answer = answer
    assert export(entry(), entry()) == results


@pytest.mark.parametrize("after", ["3600", "Fri, 01 Jan 2100 00:00:00 GMT", "nan", "-1"])
def test_a_collector_that_is_busy_for_longer_than_an_export_may_take_is_a_failure(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "200")
    receiver.status, receiver.fields = 429, {"retry-after": after}
    assert export(entry()) == Counter(failed=1)


def test_exports_share_a_connection(receiver: Receiver) -> None:
    made = sdk.Sdk(read(os.environ), "0.0.test", time.time_ns)
    assert [made.send_spans(b"", 1) for _ in range(3)] == [1, 1, 1]
    assert receiver.connections == 1


def test_the_certificate_of_the_collector_is_checked_by_the_users_own(
    monkeypatch: pytest.MonkeyPatch, certificate: Certificate, tmp_path: Path
) -> None:
    other = ensure(tmp_path, ("127.0.0.1",))
    with receiving(certificate) as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(other.ca_file))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate.ca_file))
        assert export(entry()) == Counter(failed=1)
        assert receiver.got == []
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(certificate.ca_file))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.ca_file))
        assert export(entry()) == Counter(exported=1)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/ca.pem", "ignored"),
        ("OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY", "/nowhere/key.pem", "ignored"),
        ("OTEL_EXPORTER_OTLP_METRICS_CLIENT_CERTIFICATE", "/nowhere/client.pem", "ignored"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "ignored"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "not exported"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:8443", "not exported"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://[::1]:9090/api", "not exported"),
    ],
)
def test_a_warning_names_the_variable_and_the_proxy_starts(
    receiver: Receiver, name: str, value: str, said: str
) -> None:
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, name: value}
    with capture_logs() as lines:
        made = exporter_of(SETTINGS, PRICES, environ)
    assert (made is None) is (said == "not exported")
    (line,) = lines
    assert said in line["event"]
    assert name in line["reason"]
    assert "/nowhere" not in line["reason"]


@pytest.mark.usefixtures("receiver")
def test_what_the_sdk_cannot_start_with_keeps_no_proxy_from_starting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("OTEL_SOMETHING must not be secret")

    monkeypatch.setattr(sdk, "Sdk", broken)
    with capture_logs() as lines:
        assert exporter_of(SETTINGS, PRICES) is None
    assert [line["log_level"] for line in lines] == ["warning"]
    assert "secret" not in repr(lines)


@pytest.mark.parametrize("sampler", ["always_on", "traceidratio"])
@pytest.mark.parametrize("limit", ["OTEL_SPAN_LINK_COUNT_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT"])
@pytest.mark.usefixtures("receiver")
def test_a_limit_that_is_not_valid_is_no_limit(
    monkeypatch: pytest.MonkeyPatch, sampler: str, limit: str
) -> None:
    monkeypatch.setenv(limit, "many")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    assert export(entry()) == Counter(exported=1)


def test_limits_shorten_a_span_and_it_says_how_much_is_missing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "12")
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "1")
    monkeypatch.setenv("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "0")
    export(entry())
    ((_, span),) = receiver.spans()
    said = attributes(span.attributes)
    assert len(said) == 12
    assert said["server.address"] == "api"
    assert said["gen_ai.response.finish_reasons"] == ["end"]
    assert said["server.port"] == 443
    assert span.dropped_attributes_count > 5
    assert len(span.events) == 1
    assert span.dropped_events_count > 1
    assert span.events[0].dropped_attributes_count == 1
