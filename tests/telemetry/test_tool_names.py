"""Names of tools for the session's page: the last ones, in memory."""

import pytest
from msgspec.structs import replace

from app.cache.report import CacheReport
from app.cache.verdict import Verdict
from app.telemetry.recorders import tool_names
from tests.telemetry.exchanges import PLAIN, record, telemetry


def test_the_names_of_the_last_requests_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tool_names, "KEPT", 2)
    observer = telemetry()
    for number in range(4):
        report = CacheReport(Verdict("tools_changed"), tool=f"tool_{number}")
        record(observer, replace(PLAIN, cache=report, request_id=f"req_{number}"))
    record(observer, replace(PLAIN, cache=CacheReport(Verdict("hit")), request_id="req_hit"))
    record(observer, replace(PLAIN, cache=None, request_id="req_none"))
    found = {name: observer.tool_names.find(name) for name in ("req_1", "req_2", "req_3")}
    assert found == {"req_1": None, "req_2": "tool_2", "req_3": "tool_3"}
    assert [observer.tool_names.find(name) for name in ("req_hit", "req_none", None)] == [None] * 3
