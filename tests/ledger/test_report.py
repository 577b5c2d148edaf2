"""The report as people and programs get it."""

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.token_types import COUNTED
from app.ledger import figures, report, table
from app.ledger.queries import Group, Totals
from app.ledger.rows import NANO

NOON = 1_790_000_000.0


def totals(requests: int = 1, failed: int = 0, cost: float = 0.0, **tokens: int) -> Totals:
    """Return sums."""
    counts = dict.fromkeys(COUNTED, 0) | tokens
    return Totals(requests, failed, counts, round(cost * NANO))


DAYS = [
    Group("2026-11-01", totals(3, cost=1.5, input=1_000, cache_read=3_000), NOON, NOON),
    Group("2026-11-02", totals(1_234, cost=1_234.5, output=2_345_678, estimated=1), NOON, NOON),
]


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
    agent = Group("a1", totals(), NOON, NOON, note="Explore")
    assert report.document("agent", [agent])[0]["agent_type"] == "Explore"
    assert table.table("agent", [agent]).splitlines()[1].startswith("Explore a1 ")


def test_a_session_has_its_labels() -> None:
    sessions = [
        Group("s1", totals(), NOON, NOON, note="branch=main,repo=acme/a"),
        Group("s2", totals(), NOON, NOON),
    ]
    documents = report.document("session", sessions)
    assert [one["labels"] for one in documents] == [{"branch": "main", "repo": "acme/a"}, {}]


def test_csv_has_the_same_figures() -> None:
    heading, first, second = csv.reader(io.StringIO(report.comma_separated("day", DAYS)))
    line = dict(zip(heading, first, strict=True))
    assert (line["day"], line["requests"], line["tokens_input"]) == ("2026-11-01", "3", "1000")
    assert float(line["cost_usd"]) == 1.5
    assert len(second) == len(heading)


@pytest.mark.parametrize(("by", "note"), [("session", "labels"), ("agent", "agent_type")])
def test_csv_has_what_json_has(by: str, note: str) -> None:
    group = Group("x", totals(), NOON, NOON + 1, note="repo=acme/a,team=b")
    (found,) = csv.DictReader(io.StringIO(report.comma_separated(by, [group])))
    (document,) = report.document(by, [group])
    assert [found[name] for name in (by, "first", "last")] == [
        document[name] for name in (by, "first", "last")
    ]
    assert found[note] == "repo=acme/a,team=b"


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


@given(st.text())
def test_a_spreadsheet_takes_no_key_for_a_formula(key: str) -> None:
    text = report.comma_separated("label", [Group(key, totals(), NOON, NOON)])
    _, (cell, *_) = csv.reader(io.StringIO(text, newline=""))
    assert not cell.startswith(report.FORMULA)
    shown = re.sub(r"[\x00-\x1f\x7f-\x9f]", "\ufffd", key)
    assert cell in (shown, f"'{shown}")
