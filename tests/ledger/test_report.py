"""The report as people and programs get it."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.token_types import COUNTED
from app.ledger import figures, report
from app.ledger.queries import Group, Totals
from app.ledger.rows import NANO

NOON = 1_790_000_000.0


def _totals(requests: int = 1, failed: int = 0, cost: float = 0.0, **tokens: int) -> Totals:
    counts = dict.fromkeys(COUNTED, 0) | tokens
    return Totals(requests, failed, counts, round(cost * NANO))


DAYS = [
    Group("2026-11-01", _totals(3, cost=1.5, input=1_000, cache_read=3_000), NOON, NOON),
    Group("2026-11-02", _totals(1_234, cost=1_234.5, output=2_345_678, estimated=1), NOON, NOON),
]


def test_a_table_is_aligned_and_has_totals() -> None:
    assert report.table("day", DAYS).splitlines() == [
        "day         requests  input  cache read  cache write  cached  output       cost",
        "2026-11-01         3  1,000       3,000            -     75%       -      $1.50",
        "2026-11-02     1,234      -           -            -       -   2.35M  $1,234.50",
        "total          1,237  1,000       3,000            -     75%   2.35M  $1,236.00",
    ]


def test_failures_have_a_column_where_there_are_any() -> None:
    failed = [Group("2026-11-03", _totals(5, failed=2), NOON, NOON), *DAYS]
    heading, first, *_ = report.table("day", failed).splitlines()
    assert heading.split()[:3] == ["day", "requests", "failed"]
    assert first.split()[:3] == ["2026-11-03", "5", "2"]
    assert "failed" not in report.table("day", DAYS)


def test_colours_and_bars_only_where_they_are_asked_for() -> None:
    assert "\x1b" not in report.table("day", DAYS)
    styled = report.table("day", DAYS, colors=True, bars=True)
    assert "\x1b[1mtotal" in styled
    assert "█" * report.BAR in styled


def test_a_group_without_a_key_has_a_name_for_people_and_null_for_programs() -> None:
    for by in ("session", "agent", "label", "model"):
        nobody = Group(None, _totals(), NOON, NOON)
        assert report.table(by, [nobody]).splitlines()[1].startswith("(")
        assert report.document(by, [nobody])[0][by] is None


def test_thousands_of_sessions_become_a_table_that_can_be_read() -> None:
    groups = [Group(f"s{number}", _totals(cost=1), NOON, NOON) for number in range(1_000)]
    lines = report.table("session", groups).splitlines()
    assert len(lines) == report.SHOWN + 3
    assert lines[-2].startswith(f"({1_000 - report.SHOWN} more)")
    assert lines[-1].split()[:2] == ["total", "1,000"]
    assert len(report.document("session", groups)) == 1_000


def test_a_document_has_the_key_by_its_name_and_exact_sums() -> None:
    (found,) = report.document("day", DAYS[:1])
    assert json.loads(json.dumps(found)) == {
        "day": "2026-11-01",
        "requests": 3,
        "failed": 0,
        "tokens": {**dict.fromkeys(COUNTED, 0), "input": 1_000, "cache_read": 3_000},
        "cost_usd": 1.5,
        "unpriced": 0,
    }


def test_an_agent_has_its_type() -> None:
    agent = Group("a1", _totals(), NOON, NOON, note="Explore")
    assert report.document("agent", [agent])[0]["agent_type"] == "Explore"
    assert report.table("agent", [agent]).splitlines()[1].startswith("Explore a1 ")


def test_csv_has_the_same_figures() -> None:
    heading, first, second = csv.reader(io.StringIO(report.comma_separated("day", DAYS)))
    line = dict(zip(heading, first, strict=True))
    assert (line["day"], line["requests"], line["tokens_input"]) == ("2026-11-01", "3", "1000")
    assert float(line["cost_usd"]) == 1.5
    assert len(second) == len(heading)


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10.0k"),
        (12_345, "12.3k"),
        (99_960, "100k"),
        (999_400, "999k"),
        (999_600, "1.00M"),
        (4_560_000, "4.56M"),
        (10**12, "1.00T"),
        (2 * 10**16, "20,000T"),
    ],
)
def test_numbers_have_three_digits_that_matter(count: int, shown: str) -> None:
    assert figures.number(count) == shown


@given(st.integers(0, 10**18))
def test_every_number_is_near_what_is_shown(count: int) -> None:
    shown = figures.number(count).replace(",", "")
    factor = {"k": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}.get(shown[-1], 1)
    assert float(shown.rstrip("kMBT")) * factor == pytest.approx(count, rel=0.006)


@pytest.mark.parametrize(
    ("dollars", "shown"),
    [(0, "$0.00"), (0.001, "<$0.01"), (0.005, "$0.01"), (1.234, "$1.23"), (12_345.6, "$12,345.60")],
)
def test_money_is_written_as_people_do(dollars: float, shown: str) -> None:
    assert figures.money(dollars) == shown


@pytest.mark.parametrize("by", ["day", "session"])
@given(width=st.integers(0, 120))
def test_a_narrow_terminal_gets_fewer_columns_and_always_the_cost(by: str, width: int) -> None:
    whole = report.table(by, DAYS)
    lines = report.table(by, DAYS, bars=True, width=width).splitlines()
    heading = lines[0].split("  ")
    assert (heading[0], heading[-1].strip()) == (by, "cost")
    assert len(lines[0]) <= max(width, len("2026-11-01       cost"))
    if width >= len(whole.splitlines()[0]):
        assert lines[0] == whole.splitlines()[0]


@given(st.text(max_size=200))
def test_a_table_shows_no_control_characters_and_no_endless_key(key: str) -> None:
    _, line, _ = report.table("label", [Group(key, _totals(), NOON, NOON)]).split("\n")
    assert line.isprintable()
    assert len(line) < report.LONGEST + 80


@given(st.text())
def test_a_spreadsheet_takes_no_key_for_a_formula(key: str) -> None:
    text = report.comma_separated("label", [Group(key, _totals(), NOON, NOON)])
    _, (cell, *_) = csv.reader(io.StringIO(text, newline=""))
    assert not cell.startswith(report.FORMULA)
    assert cell in (key, f"'{key}")
