"""Behaviour E3: no key, token, cookie or prompt in a log line, a metric, an error or a page."""

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from app import logs
from app.certificates import Certificate
from simulator import Simulator, Step
from tests.proxying import STREAM, proxying

CANARIES = {
    "x-api-key": "canary-api-key-0001",
    "authorization": "Bearer canary-oauth-token-0002",
    "cookie": "session=canary-cookie-0003",
    "x-anthropic-proxy-token": "canary-access-token-0004",
    "proxy-authorization": "Basic canary-proxy-0005",
    "anthropic-beta": "canary-beta-0006",
}
PROMPT = "canary-prompt-0007"
ANSWER = "canary-answer-0008"
QUERY = "canary-query-0009"
FAULTS = (
    Step(text=ANSWER),
    Step(status=400),
    Step(status=529),
    Step(fault="reset", text=ANSWER),
    Step(fault="error_event", text=ANSWER),
    Step(fault="garbage"),
    Step(fault="reset_before_headers"),
    Step(headers=(("set-cookie", "canary-set-cookie-0010"),), text=ANSWER),
)


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Log everything there is at DEBUG; put the logging back as it was."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    sink = logs.configure("debug", "json", stream)
    try:
        yield stream
        sink.close()
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()


async def test_nothing_that_was_planted_is_seen_anywhere(
    logged: io.StringIO, upstream: Simulator, certificate: Certificate
) -> None:
    upstream.script(*FAULTS)
    settings: dict[str, Any] = {
        "access_token": CANARIES["x-anthropic-proxy-token"],
        "log_level": "debug",
        "log_requests": True,
        "retry_max_attempts": 0,
    }
    seen = []
    async with (
        proxying(upstream.url, certificate, **settings) as proxy,
        proxy.client() as client,
    ):
        for _ in FAULTS:
            try:
                await client.post(
                    f"/v1/messages?{QUERY}",
                    json=STREAM | {"system": PROMPT},
                    headers=CANARIES,
                )
            except Exception as exc:  # noqa: BLE001 - a cut answer is one of the cases
                seen.append(str(exc))
        refused = await client.post("/v1/messages", json=STREAM | {"system": PROMPT})
        seen.append(refused.text)
        for path in ("/metrics", "/prometheus", "/health", "/ready"):
            page = await client.get(path, headers=CANARIES)
            seen.append(page.text + str(page.headers))
        exposition = {"accept": "application/openmetrics-text"}
        seen.append((await client.get("/prometheus", headers=exposition)).text)
    shown = "\n".join([*seen, logged.getvalue()])
    assert '"event": "request' in logged.getvalue()
    assert "canary" not in shown
