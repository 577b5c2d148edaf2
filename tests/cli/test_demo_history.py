"""The made-up past of the demo: complete, the same every time, and never over another ledger."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from app.cli import demo_history
from app.cli.demo_history import DAYS, fill
from app.ledger import views
from app.ledger.reader import reading
from tests.ledger.ledgers import ask, record, store, write

TODAY = datetime(2026, 11, 27, tzinfo=UTC).date()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.demo.sqlite"


def _days(path: Path) -> list[Any]:
    with reading(path) as reader:
        found: list[Any] = views.days(reader, 200, None)["days"]
    return found


def test_three_months_of_sessions_come_before_today(path: Path) -> None:
    fill(path, TODAY)
    days = _days(path)
    assert days[0]["day"] == "2026-11-26"
    assert (TODAY - date.fromisoformat(days[-1]["day"])).days <= DAYS
    assert len(days) > 50
    assert all(day["cost_usd"] > 0 and day["unpriced"] == 0 for day in days)
    assert {model["model"] for day in days for model in day["models"]} == {
        *demo_history.MODELS,
        *demo_history.AGENT_MODELS,
    }
    with reading(path) as reader:
        sessions = views.sessions(reader, 500, None)["sessions"]
    assert sum(one["agent_count"] for one in sessions) > 100
    verdicts = {name for (name,) in ask(path, "SELECT DISTINCT cache_verdict FROM requests")}
    assert verdicts == {"hit", *(verdict for verdict, *_ in demo_history.MISSES)}


def test_the_past_is_the_same_every_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_history, "DAYS", 3)
    fill(path, TODAY)
    before = _days(path)
    path.unlink()
    fill(path, TODAY)
    assert _days(path) == before != []


def test_a_ledger_that_has_rows_is_left_as_it_is(path: Path) -> None:
    with store(path) as opened:
        write(opened, [record()])
    fill(path, TODAY)
    assert ask(path, "SELECT count(*) FROM exchanges") == [(1,)]


def test_a_directory_that_cannot_be_written_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    fill(tmp_path / "file" / "ledger.demo.sqlite", TODAY)
