"""Trace headers of clients that are broken, or mean harm: the request passes, the span is right."""

import asyncio

import pytest

from app.certificates import Certificate
from simulator import Simulator
from tests.otel.entries import PARENT
from tests.otel.fixtures import receiver
from tests.otel.receiver import Receiver, attributes
from tests.proxying import STREAM, proxying

__all__ = ["receiver"]  # a fixture

ID = "x-claude-code-prompt-id"
TRACE, SPAN = PARENT.trace_id, PARENT.span_id
VALID = f"00-{TRACE}-{SPAN}-01"
OPEN_METRICS = {"accept": "application/openmetrics-text"}

Fields = tuple[tuple[str, str], ...]
# The fields of a request, and whether its span is the child of the client's.
CASES: tuple[tuple[Fields, bool], ...] = (
    ((("traceparent", VALID),), True),
    ((("traceparent", f"cc-{TRACE}-{SPAN}-01-later"),), True),
    ((("traceparent", VALID), ("traceparent", VALID)), True),
    ((("traceparent", VALID), ("traceparent", f"00-{'1' * 32}-{SPAN}-01")), False),
    ((("traceparent", VALID), ("traceparent", "garbage")), False),
    ((("traceparent", f"ff-{TRACE}-{SPAN}-01"),), False),
    ((("traceparent", f"00-{'0' * 32}-{SPAN}-01"),), False),
    ((("traceparent", f"00-{TRACE}-{'0' * 16}-01"),), False),
    ((("traceparent", f"00-{TRACE.upper()}-{SPAN}-01"),), False),
    ((("traceparent", f"{VALID}-{'x' * 4000}"),), False),
    ((("traceparent", "a" * 4000),), False),
    ((("traceparent", ""),), False),
    ((("tracestate", "canary=" + "x" * 4000), ("traceparent", VALID)), True),
    ((("baggage", "canary=" + "x" * 4000), ("tracestate", "canary"), ("b3", f"{TRACE}-1")), False),
)


async def test_trace_headers_pass_and_only_a_valid_one_is_a_parent(
    receiver: Receiver, upstream: Simulator, certificate: Certificate
) -> None:
    async with proxying(upstream.url, certificate) as proxy, proxy.client() as client:
        for number, (fields, _) in enumerate(CASES):
            sent = [*fields, (ID, f"case-{number}")]
            answer = await client.post("/v1/messages", json=STREAM, headers=sent)
            assert answer.status_code == 200, fields
            names = {name.encode() for name, _ in fields}
            passed = [pair for pair in upstream.received[-1].headers if pair[0] in names]
            assert passed == [(name.encode(), value.encode()) for name, value in fields]
        await asyncio.to_thread(receiver.wait, len(CASES))
    spans = {
        attributes(span.attributes)["anthropic_proxy.prompt_id"]: span
        for _, span in receiver.spans()
    }
    for number, (fields, child) in enumerate(CASES):
        span = spans[f"case-{number}"]
        assert span.parent_span_id.hex() == (SPAN if child else ""), fields
        assert (span.trace_id.hex() == TRACE) is child, fields
    assert "canary" not in receiver.text()


async def test_what_the_client_does_not_sample_has_no_span_and_no_exemplar(
    receiver: Receiver, upstream: Simulator, certificate: Certificate
) -> None:
    async with proxying(upstream.url, certificate) as proxy, proxy.client() as client:
        unsampled = {"traceparent": f"00-{TRACE}-{SPAN}-00"}
        for headers in (unsampled, {}):
            (await client.post("/v1/messages", json=STREAM, headers=headers)).raise_for_status()
        await asyncio.to_thread(receiver.wait, 1)
        metrics = (await client.get("/prometheus", headers=OPEN_METRICS)).text
    ((_, span),) = receiver.spans()
    assert span.trace_id.hex() != TRACE
    assert TRACE not in metrics
    assert f'trace_id="{span.trace_id.hex()}"' in metrics


async def test_a_sampler_that_records_nothing_leaves_no_exemplar(
    receiver: Receiver,
    upstream: Simulator,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    async with proxying(upstream.url, certificate) as proxy, proxy.client() as client:
        sent = {"traceparent": VALID}
        (await client.post("/v1/messages", json=STREAM, headers=sent)).raise_for_status()
        await proxy.ended()
        metrics = (await client.get("/prometheus", headers=OPEN_METRICS)).text
    assert "request_duration_seconds_bucket" in metrics
    assert "trace_id" not in metrics
    assert receiver.spans() == []


PLANTED = "canary0001"


async def test_names_that_clients_choose_are_in_no_metric_of_the_export(
    receiver: Receiver, upstream: Simulator, certificate: Certificate
) -> None:
    tool = {"name": f"{PLANTED}_tool", "description": PLANTED, "input_schema": {"type": "object"}}
    sent = {
        "x-claude-code-session-id": f"{PLANTED} session",
        "x-claude-code-agent-id": f"{PLANTED} agent",
        "x-claude-code-prompt-id": f"{PLANTED} prompt",
        "x-claude-code-agent-type": f"{PLANTED} type",
        "x-claude-code-request-class": f"{PLANTED} class",
        "x-claude-code-prev-tool-durations": f"{PLANTED}=5",
        "x-anthropic-proxy-labels": f"team={PLANTED}",
        "x-client-request-id": PLANTED,
        "user-agent": PLANTED,
    }
    body = STREAM | {"tools": [tool], "model": f"{PLANTED}-model", "metadata": {"user_id": PLANTED}}
    async with proxying(upstream.url, certificate) as proxy, proxy.client() as client:
        await client.post("/v1/messages", json=body, headers=sent)
        await asyncio.to_thread(receiver.wait, 1)
    assert set(receiver.metrics()) >= {"gen_ai.client.operation.duration"}
    assert PLANTED not in receiver.text()
