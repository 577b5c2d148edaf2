"""What the ledger says was spent: of today, of sessions, of labels."""

from datetime import datetime
from pathlib import Path

import pytest

from app.budgets.meter import Spend
from app.budgets.periods import day_end, day_of, day_start
from app.budgets.rules import parse
from app.budgets.sums import read_sums
from app.ledger.places import reading
from tests.ledger.ledgers import record, store, write

NOON = datetime.fromisoformat("2026-11-27T12:00").timestamp()
TODAY = day_of(NOON)
BUDGETS = parse("day:1,session:1,label.repo=acme:1")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    noon, first, after = (int(at * 1_000) for at in (NOON, day_start(NOON), day_end(NOON)))
    with store(tmp_path / "ledger.sqlite") as opened:
        write(
            opened,
            [
                record(started=noon, cost=1, session="s1", labels="repo=acme,team=a"),
                record(started=first, cost=2, session="s1", labels="repo=other"),
                record(started=first - 1, cost=4, session="s1", labels="repo=acme"),
                record(started=after, cost=8, session="s2", labels="repo=acme"),
                record(started=noon, cost=0, unpriced=1, session=None),
            ],
        )
    return tmp_path / "ledger.sqlite"


def test_days_are_local_and_sessions_are_whole(path: Path) -> None:
    with reading(path) as reader:
        found = read_sums(reader, BUDGETS, NOON, since=0)
    assert found["day", TODAY] == (Spend(3, 1), TODAY)
    assert found["label.repo=acme", TODAY] == (Spend(1), TODAY)
    assert found["session", "s1"][0] == Spend(7)
    assert found["session", "s2"] == (Spend(8), day_of(day_end(NOON)))


def test_sessions_that_have_not_changed_are_not_read_again(path: Path) -> None:
    with reading(path) as reader:
        found = read_sums(reader, BUDGETS, NOON, since=day_end(NOON) - 10)
    assert ("session", "s1") not in found
    assert ("session", "s2") in found


def test_a_ledger_without_rows_has_sums_of_nothing(tmp_path: Path) -> None:
    with store(tmp_path / "ledger.sqlite") as opened:
        write(opened, [record(started=1_000, session=None)])
    with reading(tmp_path / "ledger.sqlite") as reader:
        found = read_sums(reader, BUDGETS, NOON, since=0)
    assert found == {
        ("day", TODAY): (Spend(), TODAY),
        ("label.repo=acme", TODAY): (Spend(), TODAY),
    }
