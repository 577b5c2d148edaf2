"""The real Claude Code and the proxy export into one OTLP receiver: one trace."""

import asyncio
import io
from pathlib import Path
from typing import Any

import pytest

from app.certificates import Certificate
from simulator import Simulator, Step
from tests.clients.claude_code import claude
from tests.clients.test_claude_code import home
from tests.otel.fixtures import receiver
from tests.otel.receiver import Receiver, attributes
from tests.proxying import proxying
from tests.test_canary import logged

__all__ = ["home", "logged", "receiver"]  # fixtures

pytestmark = pytest.mark.external

OURS = "anthropic-proxy"
PROMPT = "canary-prompt-0101: read my notes"
FILE = "canary-content-of-a-file-0102"
ANSWER = "canary-answer-0103"
KEY = "fake-key-of-the-test"
# Settings of Claude Code: https://code.claude.com/docs/en/monitoring-usage
TELEMETRY = {
    "CLAUDE_CODE_ENABLE_TELEMETRY": "1",
    "CLAUDE_CODE_ENHANCED_TELEMETRY_BETA": "1",
    "CLAUDE_CODE_PROPAGATE_TRACEPARENT": "1",
    "OTEL_TRACES_EXPORTER": "otlp",
    "OTEL_METRICS_EXPORTER": "otlp",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "CLAUDE_CODE_OTEL_SHUTDOWN_TIMEOUT_MS": "60000",  # for the last export of a busy machine
}


async def test_our_span_is_the_child_of_claude_codes_request(
    logged: io.StringIO,
    receiver: Receiver,
    upstream: Simulator,
    certificate: Certificate,
    home: Path,
) -> None:
    notes = home / "notes.txt"
    notes.write_text(FILE)
    upstream.script(
        Step(tool_use=("Read", {"file_path": str(notes)}), match="canary-prompt-0101"),
        Step(text=ANSWER),
    )
    verbose: dict[str, Any] = {"log_level": "debug", "log_requests": True}
    async with proxying(upstream.url, certificate, **verbose) as proxy:
        environment = TELEMETRY | {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        arguments = ("-p", PROMPT, "--allowedTools", "Read")
        result = await claude(proxy, home, *arguments, environment=environment)
        assert result["result"] == ANSWER
        await asyncio.to_thread(receiver.wait, len(proxy.exchanges), OURS)
        async with proxy.client() as client:
            accept = {"accept": "application/openmetrics-text"}
            exposed = (await client.get("/prometheus", headers=accept)).text
    assert FILE.encode() in upstream.received[-1].body

    spans = receiver.spans()
    theirs = {span.span_id: span for of, span in spans if of["service.name"] != OURS}
    chats = [
        span
        for of, span in spans
        if of["service.name"] == OURS and span.name.startswith("chat ") and span.parent_span_id
    ]
    assert len(chats) >= 2  # a turn with a tool has two requests
    for span in chats:
        parent = theirs[span.parent_span_id]
        assert parent.name == "claude_code.llm_request"
        assert parent.trace_id == span.trace_id
        assert parent.start_time_unix_nano <= span.start_time_unix_nano
        said = attributes(span.attributes)
        assert said["gen_ai.conversation.id"] == attributes(parent.attributes)["session.id"]
    for planted in ("canary", KEY):
        assert planted not in receiver.text(OURS)
        assert planted not in exposed
        assert planted not in logged.getvalue()
    assert upstream.received[-1].header(b"traceparent")
