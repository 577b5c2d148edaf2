"""What the scrubber's place in the journey does with bodies that are not scanned."""

import itertools
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.certificates import Certificate
from app.exchange import Exchange
from app.proxy.scrubbing import INLINE_LIMIT
from simulator import Simulator
from tests.proxying import proxying

LIMIT = 300_000  # more than the pipeline reads ahead
PSEUDONYMIZE: dict[str, Any] = {
    "scrub_mode": "pseudonymize",
    "scrub_hmac_key": "0f" * 32,
    "scrub_max_body_size": LIMIT,
}
BLOCK: dict[str, Any] = PSEUDONYMIZE | {"scrub_on_skip": "block"}
SMALL, LARGE = b"x", b"x" * (LIMIT + 1)


async def _uploaded(
    upstream: Simulator, certificate: Certificate, method: str, body: bytes, **settings: Any
) -> tuple[int, Exchange]:
    """Send ``body`` through a proxy with ``settings``; return the status and the record."""
    async with (
        proxying(upstream.url, certificate, **settings) as proxy,
        proxy.client() as client,
    ):
        answer = await client.request(method, "/v1/files/file_fake", content=body)
        return answer.status_code, await proxy.ended()


def _skipped(exchange: Exchange) -> str | None:
    assert exchange.scrub is not None
    return exchange.scrub.skipped


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_a_body_under_another_method_passes_unscanned_whatever_its_size(
    upstream: Simulator, certificate: Certificate, method: str, body: bytes
) -> None:
    _, exchange = await _uploaded(upstream, certificate, method, body, **PSEUDONYMIZE)

    assert _skipped(exchange) == "not_post"
    assert upstream.received[0].body == body


async def test_a_body_under_another_method_is_not_held(
    upstream: Simulator, certificate: Certificate
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield LARGE
        await upstream.wait_for(lambda s: bool(s.received) and len(s.received[0].body) > 0)
        yield SMALL

    settings = PSEUDONYMIZE | {"scrub_max_body_size": 10 * LIMIT}
    async with (
        proxying(upstream.url, certificate, **settings) as proxy,
        proxy.client() as client,
    ):
        await client.put("/v1/files/file_fake", content=body())
        assert _skipped(await proxy.ended()) == "not_post"


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE"])
async def test_without_a_body_there_is_nothing_to_skip_or_to_block(
    upstream: Simulator, certificate: Certificate, method: str
) -> None:
    _, exchange = await _uploaded(upstream, certificate, method, b"", **BLOCK)

    assert exchange.scrub is None
    assert len(upstream.received) == 1


@pytest.mark.parametrize(
    ("method", "body", "reason"),
    [
        ("POST", SMALL, "not_json"),
        ("POST", LARGE, "too_large"),
        ("PUT", SMALL, "not_post"),
        ("PUT", LARGE, "not_post"),
    ],
)
async def test_block_refuses_what_cannot_be_scanned_and_names_the_reason(
    upstream: Simulator, certificate: Certificate, method: str, body: bytes, reason: str
) -> None:
    status, exchange = await _uploaded(upstream, certificate, method, body, **BLOCK)

    assert (status, _skipped(exchange)) == (403, reason)
    assert upstream.received == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"model": "m", "thread": {"continue": "t"}, "messages": []}',
        b'{"thr\\u0065ad": {"create": {}}}',
        b'{"thread": {"create": {}}, "thread": null}',
        b'{"requests": [{"params": {"thread": "t"}}]}',
    ],
)
async def test_a_message_thread_is_refused_because_it_hides_what_was_said_before(
    upstream: Simulator, certificate: Certificate, body: bytes
) -> None:
    status, exchange = await _uploaded(upstream, certificate, "POST", body, **PSEUDONYMIZE)

    assert (status, _skipped(exchange)) == (400, "thread")
    assert exchange.failure is not None
    assert exchange.failure.reason == "scrub_thread"
    assert upstream.received == []


@pytest.mark.parametrize(
    ("body", "settings"),
    [
        (b'{"thread": null, "messages": ["thread"]}', PSEUDONYMIZE),
        (b'{"messages": [{"thread": "a tool\'s"}]}', PSEUDONYMIZE),
        (b'{"thread": {}}', PSEUDONYMIZE | {"scrub_mode": "detect"}),
    ],
)
async def test_what_is_no_message_thread_passes(
    upstream: Simulator, certificate: Certificate, body: bytes, settings: dict[str, Any]
) -> None:
    await _uploaded(upstream, certificate, "POST", body, **settings)

    assert upstream.received[0].body == body


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
async def test_detect_forwards_untouched_even_under_block(
    upstream: Simulator, certificate: Certificate, method: str, body: bytes
) -> None:
    settings = BLOCK | {"scrub_mode": "detect"}
    _, exchange = await _uploaded(upstream, certificate, method, body, **settings)

    assert _skipped(exchange) is not None
    assert upstream.received[0].body == body


@pytest.mark.parametrize("size", [100, INLINE_LIMIT + 1])
@pytest.mark.parametrize("settings", [PSEUDONYMIZE, BLOCK], ids=["pass", "block"])
async def test_a_body_that_takes_too_long_is_skipped_with_the_remedy(
    upstream: Simulator,
    certificate: Certificate,
    monkeypatch: pytest.MonkeyPatch,
    settings: dict[str, Any],
    size: int,
) -> None:
    seconds = itertools.count(step=1000)
    monkeypatch.setattr(time, "thread_time", lambda: float(next(seconds)))
    body = json.dumps({"messages": ["x" * size, *(f"sk- {n}" for n in range(100))]}).encode()
    settings = settings | {"scrub_max_body_size": 2 * len(body)}
    with capture_logs() as lines:
        status, exchange = await _uploaded(upstream, certificate, "POST", body, **settings)

    assert _skipped(exchange) == "too_slow"
    assert (status == 403) == ("scrub_on_skip" in settings)
    assert [one.body for one in upstream.received] == ([body] if status != 403 else [])
    (warning,) = [line for line in lines if line["event"] == "body not scrubbed"]
    assert warning["log_level"] == "warning"
    assert warning["remedy"] == "raise ANTHROPIC_PROXY_SCRUB_TIME_LIMIT"


async def test_a_body_that_was_not_scanned_is_a_warning_without_its_content(
    upstream: Simulator, certificate: Certificate
) -> None:
    with capture_logs() as lines:
        await _uploaded(upstream, certificate, "POST", LARGE, **PSEUDONYMIZE)
    said = [line for line in lines if line["event"] == "body not scrubbed"]
    assert said == [
        {
            "event": "body not scrubbed",
            "log_level": "warning",
            "reason": "too_large",
            "remedy": "raise ANTHROPIC_PROXY_SCRUB_MAX_BODY_SIZE",
        }
    ]


async def test_screenshots_over_the_limit_do_not_keep_a_secret_from_being_replaced(
    upstream: Simulator, certificate: Certificate
) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0K" * LIMIT}
    content = [
        {"type": "image", "source": source},
        {"type": "text", "text": "ghp_" + "a" * 36},
    ]
    body = json.dumps({"messages": [{"role": "user", "content": content}]}).encode()
    _, exchange = await _uploaded(upstream, certificate, "POST", body, **BLOCK)

    assert _skipped(exchange) is None
    assert upstream.received[0].body == body.replace(b"ghp_" + b"a" * 36, b"<GITHUB_TOKEN_1>")
