"""Which exchanges get a line, and what is in it."""

from collections.abc import MutableMapping
from typing import Any

import pytest
from hypothesis import given
from msgspec.structs import fields, replace
from structlog.testing import capture_logs

from app.exchange import Exchange, Failure
from app.telemetry.recorders.access_log import FIELDS, AccessLog, line
from tests.telemetry.exchanges import FAILED, PLAIN, SESSION, exchanges, record, telemetry

SLOW = replace(PLAIN, duration=9.0)
KEPT = replace(PLAIN, refused={"ambiguous": 2})
OWN = replace(FAILED, failure=Failure("proxy", "api_error", "internal_error"))


def written(access_log: AccessLog, exchange: Exchange) -> list[MutableMapping[str, Any]]:
    with capture_logs() as lines:
        record(telemetry(access_log=access_log), exchange)
    return lines


@pytest.mark.parametrize(
    ("access_log", "exchange", "expected"),
    [
        (AccessLog(), PLAIN, []),
        (AccessLog(every=True), PLAIN, [("info", "request")]),
        (AccessLog(), SLOW, [("warning", "request slow")]),
        (AccessLog(slow=None), SLOW, []),
        (AccessLog(slow=10), SLOW, []),
        (AccessLog(every=True), SLOW, [("warning", "request slow")]),
        (AccessLog(), FAILED, [("warning", "request failed")]),
        (AccessLog(), KEPT, [("warning", "placeholders not restored")]),
        (AccessLog(), OWN, [("error", "request failed")]),
    ],
)
def test_a_line_is_written_for_what_was_asked_for(
    access_log: AccessLog, exchange: Exchange, expected: list[tuple[str, str]]
) -> None:
    lines = written(access_log, exchange)

    assert [(said["log_level"], said["event"]) for said in lines] == expected


def test_a_line_tells_who_what_how_much_and_how_long() -> None:
    (said,) = written(AccessLog(every=True), PLAIN)

    assert said == {
        "event": "request",
        "log_level": "info",
        "request_id": "req_011CTestTestTest",
        "session_id": SESSION,
        "model": "claude-opus-5-5",
        "outcome": "complete",
        "route": "messages",
        "status": 200,
        "streamed": True,
        "duration": 4.0,
        "upstream_headers": 0.4,
        "first_byte": 0.41,
        "first_token": 1.5,
        "overhead_request": 0.0008,
        "overhead_response": 0.0003,
        "slot_wait": 0.0,
        "attempts": 1,
        "client_retry": 0,
        "bytes_in": 50_000,
        "bytes_out": 9_000,
        "modified": False,
        "unresolved": 0,
        "stop_reason": "end_turn",
        "longest_byte_gap": 0.2,
        "tokens_input": 1_000,
        "tokens_output": 500,
        "tokens_cache_read": 40_000,
        "tokens_cache_write_5m": 200,
        "tokens_cache_write_1h": 0,
        "tokens_thinking": 100,
        "cost_usd": 0.023,
    }


def test_a_line_says_why_placeholders_were_not_restored() -> None:
    (only,) = written(AccessLog(), KEPT)
    assert only["restore_refused"] == {"ambiguous": 2}


def test_a_failure_names_its_source() -> None:
    (said,) = written(AccessLog(), FAILED)

    assert said["error_source"] == "upstream"
    assert said["error_type"] == "overloaded_error"
    assert said["error_reason"] == "529"


def test_every_field_of_the_line_is_one_of_the_record() -> None:
    assert set(FIELDS) <= {field.name for field in fields(Exchange)}


@given(exchanges)
def test_neither_path_nor_headers_are_ever_written(exchange: Exchange) -> None:
    canary = "sk-ant-api03-fake-canary"
    planted = replace(
        exchange,
        path=f"/v1/{canary}",
        method=canary,
        headers={f"anthropic-ratelimit-{canary}": canary},
        session_id=f"{canary} {canary}",
        requested_model=canary,
        model=None,
    )
    observer = telemetry(access_log=AccessLog(every=True))

    with capture_logs() as lines:
        record(observer, planted)

    assert len(lines) == 1
    assert canary not in repr(lines)
    assert canary not in repr(observer.collect())
    assert canary not in repr(observer.recent.as_json())


def test_what_never_happened_is_left_out() -> None:
    assert None not in line_of(replace(PLAIN, first_token=None, status=None)).values()


def line_of(exchange: Exchange) -> dict[str, Any]:
    return line(telemetry()._entry(exchange))
