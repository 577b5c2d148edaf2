"""The table that people see of groups of exchanges."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.ledger import report, table
from app.ledger.queries import Group
from tests.ledger.test_report import DAYS, NOON, totals


def test_a_table_is_aligned_and_hastotals() -> None:
    assert table.table("day", DAYS).splitlines() == [
        "day         requests  input  cache read  cache write  cached  output       cost",
        "2026-11-01         3  1,000       3,000            -     75%       -      $1.50",
        "2026-11-02     1,234      -           -            -       -   2.35M  $1,234.50",
        "total          1,237  1,000       3,000            -     75%   2.35M  $1,236.00",
    ]


def test_failures_have_a_column_where_there_are_any() -> None:
    failed = [Group("2026-11-03", totals(5, failed=2), NOON, NOON), *DAYS]
    heading, first, *_ = table.table("day", failed).splitlines()
    assert heading.split()[:3] == ["day", "requests", "failed"]
    assert first.split()[:3] == ["2026-11-03", "5", "2"]
    assert "failed" not in table.table("day", DAYS)


def test_colours_and_bars_only_where_they_are_asked_for() -> None:
    assert "\x1b" not in table.table("day", DAYS)
    styled = table.table("day", DAYS, colors=True, bars=True)
    assert "\x1b[1mtotal" in styled
    assert "█" * table.BAR in styled


def test_a_group_without_a_key_has_a_name_for_people_and_null_for_programs() -> None:
    for by in ("session", "agent", "label", "model"):
        nobody = Group(None, totals(), NOON, NOON)
        assert table.table(by, [nobody]).splitlines()[1].startswith("(")
        assert report.document(by, [nobody])[0][by] is None


def test_an_hour_is_shown_without_its_zone() -> None:
    _, line, _ = table.table("hour", [Group("2026-11-01T14:00+01:00", totals(), NOON, NOON)]).split(
        "\n"
    )
    assert line.startswith("2026-11-01 14:00  ")


def test_a_label_has_the_heading_that_it_is_given() -> None:
    assert table.table("label", DAYS, heading="repo").startswith("repo ")


def test_a_session_shows_its_project_first() -> None:
    notes = ("branch=main,repo=acme/a", None, f"repo={'x' * 100}")
    groups = [Group(f"s{n}", totals(), NOON, NOON, note) for n, note in enumerate(notes)]
    heading, *lines, _ = table.table("session", groups).splitlines()
    assert heading.startswith("session  labels ")
    assert [line[9:].split("  ")[0] for line in lines] == ["acme/a main", "", f"{'x' * 31}…"]
    narrow = table.table("session", groups, width=60).splitlines()
    assert [line[9:].split("  ")[0] for line in narrow[1:4]] == ["acme/a ma…", "", f"{'x' * 9}…"]
    assert all(table.cells(line) <= 60 for line in narrow)


@pytest.mark.parametrize(
    ("text", "columns"), [("abc", 3), ("\u00e9", 1), ("e\u0301", 1), ("\u6771", 2)]
)
def test_text_takes_as_many_columns_as_a_terminal_shows(text: str, columns: int) -> None:
    assert table.cells(text) == columns


def test_thousands_of_sessions_become_a_table_that_can_be_read() -> None:
    groups = [Group(f"s{number}", totals(cost=1), NOON, NOON) for number in range(1_000)]
    lines = table.table("session", groups, rows=50).splitlines()
    assert len(lines) == 50 + 3
    assert lines[-2].startswith(f"({1_000 - 50} more)")
    assert lines[-1].split()[:2] == ["total", "1,000"]
    assert len(report.document("session", groups)) == 1_000


@pytest.mark.parametrize("by", ["day", "session"])
@given(width=st.integers(0, 120))
def test_a_narrow_terminal_gets_fewer_columns_and_always_the_cost(by: str, width: int) -> None:
    whole = table.table(by, DAYS)
    lines = table.table(by, DAYS, bars=True, width=width).splitlines()
    heading = lines[0].split("  ")
    assert (heading[0], heading[-1].strip()) == (by, "cost")
    assert len(lines[0]) <= max(width, len("2026-11-01       cost"))
    if width >= len(whole.splitlines()[0]):
        assert lines[0] == whole.splitlines()[0]


@given(st.text(max_size=200))
def test_a_table_shows_no_control_characters_and_no_endless_key(key: str) -> None:
    _, line, _ = table.table("label", [Group(key, totals(), NOON, NOON)]).split("\n")
    assert line.isprintable()
    assert table.cells(line) < table.LONGEST + 80


@given(st.lists(st.text("a漢e\u0301👩\u200d🏳️\x1b[", min_size=1, max_size=90)), st.integers(21, 160))
def test_characters_of_any_width_stay_in_line(keys: list[str], width: int) -> None:
    groups = [Group(key, totals(), NOON, NOON) for key in keys]
    lines = table.table("label", groups, width=width).splitlines()
    assert len({table.cells(line) for line in lines}) == 1
    assert table.cells(lines[0]) <= width


def test_a_long_key_takes_no_more_room_than_there_is() -> None:
    groups = [Group("x" * 100, totals(cost=1), NOON, NOON)]
    for width, columns in ((160, 9), (80, 6), (40, 2)):
        heading, line, _ = table.table("label", groups, width=width).splitlines()
        assert len(heading.split("  ")) >= columns, width
        assert len(line) <= width
        assert line.split()[0].endswith("…")
