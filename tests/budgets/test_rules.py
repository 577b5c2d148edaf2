"""The setting ``BUDGETS``: what it allows, and what it says about everything else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.budgets.rules import LARGEST, MAX_BUDGETS, Budget, parse


def test_each_kind_of_budget_is_read() -> None:
    assert parse(" day:30, Session:0.5,label.repo=acme/widgets:40 ,") == (
        Budget("day", 30_000_000_000),
        Budget("session", 500_000_000),
        Budget("label.repo=acme/widgets", 40_000_000_000, ("repo", "acme/widgets")),
    )
    assert parse("") == ()


def test_a_labels_value_may_have_a_colon() -> None:
    (budget,) = parse("label.host=build:8443:.25")
    assert (budget.label, budget.limit) == (("host", "build:8443"), 250_000_000)


@pytest.mark.parametrize(
    "text",
    [
        "day",
        "day:",
        ":5",
        "30",
        "week:30",
        "day:0",
        "day:0.0",
        "day:-1",
        "day:1e3",
        "day:inf",
        "day:nan",
        "day:$30",
        "day:1_000",
        "day:３",  # noqa: RUF001 - a digit of another script
        "day=x:5",
        "day:5;session:5",
        "label.:5",
        "label.repo:5",
        "label.repo=:5",
        "label.repo=a b:5",
        "label.1repo=a:5",
        "label.repo=ä:5",
        "repo=acme:5",
    ],
)
def test_anything_else_is_refused_with_all_that_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"day:AMOUNT, session:AMOUNT or label\.NAME=VALUE:AMOUNT"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("day:1,day:2", "has day twice"),
        ("label.a=b:1,label.A=b:2", "has label.a=b twice"),
        ("day:1000000001", "at most 1,000,000,000 US dollars"),
        (
            ",".join(f"label.a=b{n}:1" for n in range(MAX_BUDGETS + 1)),
            f"at most {MAX_BUDGETS} budgets",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse(text)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        budgets = parse(text)
    except ValueError:
        return
    assert all(budget.limit > 0 for budget in budgets)


def test_as_many_budgets_as_large_as_allowed_are_kept() -> None:
    assert len(parse(",".join(f"label.a=b{n}:1" for n in range(MAX_BUDGETS)))) == MAX_BUDGETS
    (largest,) = parse(f"day:{LARGEST}")
    assert largest.limit == LARGEST * 10**9
