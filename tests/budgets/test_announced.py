"""Nothing is announced twice, whichever process announces it."""

from pathlib import Path

import pytest

from app.budgets import announced
from app.budgets.announced import Announced
from app.budgets.meter import Reached, Spend
from app.budgets.rules import parse

DAY = "2026-11-27"


def reached(threshold: int, period: str = DAY, setting: str = "day:10") -> Reached:
    (budget,) = parse(setting)
    return Reached(budget, period, threshold, Spend(1))


def test_each_is_granted_once_to_one_of_several_processes(tmp_path: Path) -> None:
    one, other = (Announced(tmp_path / "announced") for _ in range(2))
    assert one.claim([reached(50)], DAY) == [reached(50)]
    assert other.claim([reached(50)], DAY) == []
    assert other.claim([reached(80)], DAY) == [reached(80)]
    assert one.claim([reached(50), reached(80)], DAY) == []
    assert Announced(tmp_path / "announced").claim([reached(80)], DAY) == []


def test_a_lower_threshold_than_the_one_announced_is_no_news(tmp_path: Path) -> None:
    Announced(tmp_path / "announced").claim([reached(100)], DAY)
    assert Announced(tmp_path / "announced").claim([reached(50)], DAY) == []


def test_another_period_session_or_amount_is_news(tmp_path: Path) -> None:
    one = Announced(tmp_path / "announced")
    news = [
        reached(50),
        reached(50, "2026-11-28"),
        reached(50, "s1", "session:10"),
        reached(50, "s2", "session:10"),
        reached(50, setting="day:20"),
    ]
    assert one.claim(news, DAY) == news


def test_the_file_names_no_session_and_is_private(tmp_path: Path) -> None:
    path = tmp_path / "announced"
    Announced(path).claim([reached(50, "a-session-id", "session:10")], DAY)
    assert "a-session-id" not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "content", [b"\x00\xff" * 99, b"2026-11-27 x notanumber\n", b"a b\n", b"\n\n"]
)
def test_a_damaged_file_is_written_again(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "announced"
    path.write_bytes(content)
    assert Announced(path).claim([reached(50)], DAY) == [reached(50)]
    assert Announced(path).claim([reached(50)], DAY) == []


def test_the_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announced, "KEPT", 10)
    path = tmp_path / "announced"
    one = Announced(path)
    for number in range(30):
        one.claim([reached(50, f"s{number}", "session:10")], DAY)
    assert len(path.read_text().splitlines()) == 10


def test_where_nothing_can_be_noted_this_process_still_repeats_nothing(tmp_path: Path) -> None:
    one = Announced(tmp_path / "missing" / "announced")
    with pytest.raises(FileNotFoundError):
        one.claim([reached(50)], DAY)
    assert one.claim([reached(50)], DAY) == []
