"""A real proxy, a simulated upstream and an OTLP receiver: what each of them gets."""

import asyncio
import io
import sys
from contextlib import suppress
from typing import Any

import pytest
from structlog.testing import capture_logs

import app.otel
from app import settings
from app.certificates import Certificate
from app.factories.exporting import INSTALL, exporter_of
from app.settings import Settings
from simulator import Simulator, Step
from tests.otel.entries import PARENT
from tests.otel.fixtures import receiver
from tests.otel.receiver import Receiver, attributes
from tests.proxying import STREAM, proxying
from tests.telemetry.exchanges import PRICES
from tests.test_canary import CANARIES, FAULTS, PROMPT, logged

__all__ = ["logged", "receiver"]  # fixtures

TRACEPARENT = f"00-{PARENT.trace_id}-{PARENT.span_id}-01"
OPEN_METRICS = {"accept": "application/openmetrics-text"}


async def test_our_span_is_the_clients_child_and_the_client_is_forwarded_unchanged(
    receiver: Receiver, upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(Step(status=529), Step(text="an answer"))
    sent = {"traceparent": TRACEPARENT, "tracestate": "vendor=value"}
    async with proxying(upstream.url, certificate) as proxy, proxy.client() as client:
        answer = await client.post("/v1/messages", json=STREAM, headers=sent)
        await asyncio.to_thread(receiver.wait, 1)
        metrics = (await client.get("/prometheus", headers=OPEN_METRICS)).text
    assert answer.status_code == 200
    assert upstream.received[-1].header(b"traceparent") == TRACEPARENT.encode()
    assert upstream.received[-1].header(b"tracestate") == b"vendor=value"
    ((_, span),) = receiver.spans()
    assert span.trace_id.hex() == PARENT.trace_id
    assert span.parent_span_id.hex() == PARENT.span_id
    said = attributes(span.attributes)
    assert said["gen_ai.request.model"] == "claude-sonnet-4-5"
    assert said["server.address"] == "127.0.0.1"
    usage = proxy.exchanges[0].usage
    assert usage is not None
    assert said["gen_ai.usage.input_tokens"] == usage.prompt
    assert [event.name.rpartition(".")[2] for event in span.events] == [
        "queue",
        "retry",
        "slot",
        "upstream_headers",
        "first_token",
    ]
    times = [event.time_unix_nano for event in span.events]
    assert times == sorted(times)
    assert span.start_time_unix_nano <= times[0]
    assert times[-1] <= span.end_time_unix_nano
    assert f'trace_id="{PARENT.trace_id}"' in metrics


async def test_an_invalid_traceparent_begins_a_new_trace_and_passes(
    receiver: Receiver, upstream: Simulator, certificate: Certificate
) -> None:
    async with proxying(upstream.url, certificate) as proxy, proxy.client() as client:
        answer = await client.post("/v1/messages", json=STREAM, headers={"traceparent": "zz"})
        await asyncio.to_thread(receiver.wait, 1)
    assert answer.status_code == 200
    assert upstream.received[-1].header(b"traceparent") == b"zz"
    ((_, span),) = receiver.spans()
    assert (span.parent_span_id, len(span.trace_id)) == (b"", 16)


@pytest.mark.slow  # the two seconds of the last export
async def test_a_hanging_collector_stops_no_request_and_no_shutdown(
    receiver: Receiver,
    upstream: Simulator,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "2")
    receiver.gate.clear()
    async with proxying(upstream.url, certificate) as proxy, proxy.client() as client:
        for _ in range(6):
            assert (await client.post("/v1/messages", json=STREAM)).status_code == 200
            await proxy.ended()
        value = proxy.application.telemetry.registry.get_sample_value
        dropped = value("anthropic_proxy_otel_spans_total", {"result": "dropped"})
    assert dropped is not None
    assert dropped >= 1
    assert not receiver.gate.is_set()


async def test_nothing_that_was_planted_is_exported(
    logged: io.StringIO, receiver: Receiver, upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(*FAULTS)
    chosen: dict[str, Any] = {
        "access_token": CANARIES["x-anthropic-proxy-token"],
        "log_level": "debug",
        "log_requests": True,
        "retry_max_attempts": 0,
    }
    body = STREAM | {"system": PROMPT, "metadata": {"user_id": PROMPT}}
    headers = CANARIES | {"traceparent": TRACEPARENT, "baggage": f"prompt={PROMPT}"}
    headers["tracestate"] = f"vendor={PROMPT}"
    async with proxying(upstream.url, certificate, **chosen) as proxy, proxy.client() as client:
        for model in ("claude-sonnet-4-5", PROMPT):
            for _ in FAULTS:
                with suppress(Exception):  # a cut answer is one of the cases
                    await client.post(
                        f"/v1/messages?{PROMPT}", json=body | {"model": model}, headers=headers
                    )
        await client.get(f"/v1/{PROMPT}", headers=headers)
        await asyncio.to_thread(receiver.wait, 2 * len(FAULTS) + 1)
    assert "canary" not in receiver.text()
    assert "canary" not in logged.getvalue()


def test_without_the_extra_one_warning_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    monkeypatch.delitem(sys.modules, "app.otel.sdk", raising=False)
    monkeypatch.delattr(app.otel, "sdk", raising=False)
    plain = Settings(_env_file=None)  # type: ignore[call-arg]
    with capture_logs() as lines:
        asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://localhost:4318"}
        assert exporter_of(plain, PRICES, asked) is None
    assert [(line["log_level"], line["install"]) for line in lines] == [("warning", INSTALL)]


def test_variables_of_an_env_file_in_the_working_directory_are_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    (tmp_path / ".env").write_text("OTEL_EXPORTER_OTLP_ENDPOINT=http://collector.example\n")
    monkeypatch.chdir(tmp_path)
    assert exporter_of(settings.load(), PRICES) is None
