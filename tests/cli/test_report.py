"""``anthropic-proxy report``: reads the ledger of the state directory, wherever it is started."""

import json
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.cli import main
from tests.ledger.ledgers import NOON, SESSION, record, store, write

HOUR = 3_600_000


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ANTHROPIC_PROXY_STATE_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def filled(state: Path) -> Path:
    now = int(time.time() * 1_000)
    with store(state / "ledger.sqlite") as opened:
        write(
            opened,
            [
                record(started=NOON - 90 * 24 * HOUR, cost=2_000_000_000, labels="repo=acme/a"),
                record(started=now - 3 * HOUR, labels="repo=acme/a,team=x", input=100),
                record(started=now - HOUR, session="another", model="claude-haiku-5", agent="a1"),
            ],
        )
    return state


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["report", "--json", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("filled")
def test_it_is_a_table_by_day(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("day")
    assert (
        lines[1].split()[0]
        == f"{datetime.fromtimestamp(NOON / 1_000).astimezone().date() - timedelta(90)}"
    )
    assert "$2.00" in lines[1]
    assert not any("\x1b" in line for line in lines)


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("session", {SESSION, "another"}),
        ("agent", {None, "a1"}),
        ("model", {"claude-opus-5", "claude-haiku-5"}),
    ],
)
def test_programs_get_an_array_of_objects(
    capsys: pytest.CaptureFixture[str], by: str, keys: set[str]
) -> None:
    found = _json(capsys, "--by", by)
    assert {one[by] for one in found} == keys
    assert sum(one["requests"] for one in found) == 3
    assert sum(one["tokens"]["input"] for one in found) == 120
    assert sum(one["cost_usd"] for one in found) == pytest.approx(2.000002)


@pytest.mark.usefixtures("filled")
def test_only_what_began_since(capsys: pytest.CaptureFixture[str]) -> None:
    for since, requests in (("2h", 1), ("1d", 2), ("90m", 1), ("52w", 3), ("2026-01-01", 3)):
        found = _json(capsys, "--since", since)
        assert sum(one["requests"] for one in found) == requests, since
    assert _json(capsys, "--since", "2999-01-01") == []


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize("text", ["", "7", "d", "7y", "-1d", "yesterday", "2026-13-01", "\u0667d"])
def test_a_time_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["report", f"--since={text}"])
    assert ended.value.code == 2
    assert "2026-11-01" in capsys.readouterr().err


@pytest.mark.usefixtures("filled")
def test_labels_need_a_name_where_there_are_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--by", "label"]) == 2
    assert "repo, team" in capsys.readouterr().err
    found = _json(capsys, "--by", "label", "--label", "repo")
    assert {one["label"]: one["requests"] for one in found} == {"acme/a": 2, None: 1}


@pytest.mark.usefixtures("filled")
def test_what_comes_first_can_be_chosen(capsys: pytest.CaptureFixture[str]) -> None:
    newest = [one["session"] for one in _json(capsys, "--by", "session")]
    dearest = [one["session"] for one in _json(capsys, "--by", "session", "--sort", "cost")]
    assert newest == ["another", SESSION]
    assert dearest == [SESSION, "another"]


@pytest.mark.usefixtures("filled")
def test_a_table_that_is_cut_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--by", "session", "--rows", "1"]) == 0
    _, first, rest, total, _, cut, _ = capsys.readouterr().out.splitlines()
    assert first.startswith("another ")
    assert rest.startswith("(1 more) ")
    assert total.startswith("total ")
    assert cut.startswith("The 1 seen last of 2: ")
    assert main(["report", "--by", "session", "--rows", "2"]) == 0
    assert "more" not in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main(["report", "--rows", "0"])


@pytest.mark.usefixtures("filled")
def test_a_label_that_no_request_has_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--label", "taem"]) == 2
    assert capsys.readouterr().err == "No request has a label taem. There are: repo, team\n"


@pytest.mark.usefixtures("filled")
def test_the_label_is_named_above_its_values(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--by", "label", "--label", "team"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("team ")
    assert main(["report", "--label", "team"]) == 0
    assert capsys.readouterr().out == shown


@pytest.mark.usefixtures("filled")
def test_a_label_of_something_else_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--by", "model", "--label", "team"]) == 2
    assert "--label goes with --by label" in capsys.readouterr().err


@pytest.mark.usefixtures("filled")
def test_csv_goes_to_a_spreadsheet(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--csv", "--by", "model"]) == 0
    heading, *lines = capsys.readouterr().out.splitlines()
    assert heading.startswith("model,requests,failed,tokens_input")
    assert len(lines) == 2


def test_without_a_ledger_it_says_where_it_looked(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report"]) == 2
    said = capsys.readouterr().err
    assert str(state / "ledger.sqlite") in said
    assert "ANTHROPIC_PROXY_STATE_DIR" in said
    assert "demo" not in said
    assert list(state.iterdir()) == []


def test_what_the_demo_made_up_is_in_no_report(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with store(state / "ledger.demo.sqlite"):
        pass
    assert main(["report"]) == 2
    assert "What the demo made up is in no report" in capsys.readouterr().err


def test_a_file_that_is_no_ledger_is_left_as_it_is(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = state / "ledger.sqlite"
    file.write_bytes(b"anything else" * 100)
    assert main(["report"]) == 2
    assert str(file) in capsys.readouterr().err
    assert file.read_bytes() == b"anything else" * 100


def test_a_place_that_cannot_be_looked_at_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    # Another user's directory is refused like this name, to anybody but root.
    name = "x" * 300
    monkeypatch.setenv("ANTHROPIC_PROXY_STATE_DIR", str(tmp_path / name))
    assert main(["report"]) == 2
    said = capsys.readouterr().err
    assert "cannot be read" in said
    assert name in said


def test_an_empty_ledger_has_no_requests(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with store(state / "ledger.sqlite"):
        pass
    assert main(["report"]) == 0
    assert capsys.readouterr().out == "No requests.\n"
    assert main(["report", "--since", "2026-11-01"]) == 0
    assert capsys.readouterr().out == "No requests since 2026-11-01 00:00.\n"
    assert _json(capsys) == []
