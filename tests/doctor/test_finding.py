"""What a check found, as a table and as JSON; and what upstream's answer says."""

import json

import pytest

from app.doctor import Finding, as_json, exit_code, table
from app.doctor.answer import clock, judge

FINDINGS = [Finding("dns", "ok", "found"), Finding("a check", "warn", "odd " * 40, "Do " * 40)]


def test_a_table_is_aligned_and_says_what_to_do() -> None:
    lines = table(FINDINGS).splitlines()
    assert lines[:2] == ["check    verdict  found", "dns      ok       found"]
    assert all(line.startswith(" " * 18) for line in lines[3:])
    assert any("-> Do" in line for line in lines)
    assert max(map(len, lines)) <= 100


def test_json_is_an_array_of_the_same() -> None:
    first, _ = json.loads(as_json(FINDINGS))
    assert first == {"check": "dns", "verdict": "ok", "found": "found", "advice": ""}


def test_only_a_failure_fails() -> None:
    assert exit_code(FINDINGS) == 0
    assert exit_code([*FINDINGS, Finding("x", "fail", "")]) == 1


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (401, b'{"type":"error","error":{"type":"authentication_error"}}', "ok"),
        (404, b'{"type":"error","error":{"type":"not_found_error"}}', "ok"),
        (200, b'{"data":[]}', "ok"),
        (200, b"<html>Sign in</html>", "fail"),
        (401, b'{"detail":"no"}', "fail"),
        (403, b"[" * 100_000, "fail"),
        (302, b"", "fail"),
        (529, b'{"type":"error","error":{"type":"overloaded_error"}}', "warn"),
        (502, b"bad gateway", "warn"),
    ],
)
def test_an_answer_is_judged_by_its_shape(status: int, body: bytes, verdict: str) -> None:
    assert judge(status, body, "/v1/models").verdict == verdict


@pytest.mark.parametrize(("path", "verdict"), [("/v1/v1/models", "fail"), ("/a/v1/models", "ok")])
def test_a_version_in_the_base_url_is_noticed(path: str, verdict: str) -> None:
    body = b'{"type": "error", "error": {"type": "not_found_error"}}'
    found = judge(404, body, path)
    assert (found.verdict, "leave it out" in found.advice) == (verdict, verdict == "fail")
    assert judge(401, body, path).verdict == "ok"  # a gateway that has such a path


@pytest.mark.parametrize(
    ("skew", "verdict", "said"),
    [
        (0, "ok", ""),
        (-20, "ok", ""),
        (120, "warn", "ahead"),
        (-120, "warn", "behind"),
        (4000, "fail", "ahead"),
        (-4000, "fail", "behind"),
    ],
)
def test_the_clock_is_compared_with_upstreams(skew: float, verdict: str, said: str) -> None:
    found = clock("Fri, 27 Nov 2026 12:00:00 GMT", 1_795_780_800 + skew)
    assert found.verdict == verdict
    assert said in found.found


@pytest.mark.parametrize("date", [None, "", "yesterday"])
def test_an_answer_without_a_usable_date_says_nothing_of_the_clock(date: str | None) -> None:
    assert clock(date, 0).verdict == "warn"
