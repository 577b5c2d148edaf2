"""Sums of budgets: own and others' spend, thresholds once, memory that is bounded."""

from datetime import datetime

from hypothesis import given
from hypothesis import strategies as st

from app.budgets.meter import DAYS, SESSIONS, Meter, Reached, Spend, Standing
from app.budgets.periods import day_end, day_of, day_start
from app.budgets.rules import THRESHOLDS, parse

NOON = datetime.fromisoformat("2026-11-27T12:00").timestamp()
TODAY = day_of(NOON)
DAY = 86_400.0
DOLLAR = 1_000_000_000


def meter(text: str) -> Meter:
    return Meter(parse(text))


def add(
    one: Meter, dollars: float, session: str | None = None, at: float = NOON, **labels: str
) -> None:
    one.add(at, session, labels, Spend(int(dollars * DOLLAR)))


def read(one: Meter, name: str, dollars: float, period: str = TODAY, day: str = TODAY) -> None:
    one.read({(name, period): (Spend(int(dollars * DOLLAR)), day)})


def spent(one: Meter, at: float = NOON) -> list[float]:
    return [standing.spent.cost / DOLLAR for standing in one.standings(at)]


def reached(one: Meter) -> list[tuple[str, str, int]]:
    return [(r.budget.name, r.period, r.threshold) for r in one.take_reached()]


def test_each_budget_counts_what_it_is_for() -> None:
    one = meter("day:30,session:5,label.repo=acme:40")
    add(one, 1, session="s1", repo="acme")
    add(one, 2, session="s2", repo="other")
    add(one, 4)
    assert spent(one) == [7, 2, 1]


def test_each_threshold_is_reached_once_and_the_highest_is_told() -> None:
    one = meter("day:10")
    add(one, 4.9)
    assert reached(one) == []
    add(one, 0.1)
    assert reached(one) == [("day", TODAY, 50)]
    add(one, 1)
    add(one, 9)
    assert reached(one) == [("day", TODAY, 100)]
    add(one, 9)
    assert reached(one) == []


def test_a_request_that_costs_nothing_changes_nothing() -> None:
    one = meter("session:10")
    add(one, 0, session="s1")
    assert (list(one.standings(NOON)), reached(one)) == (
        list(meter("session:10").standings(NOON)),
        [],
    )


def test_thresholds_are_for_each_day_and_each_session() -> None:
    one = meter("day:10,session:10")
    add(one, 10, session="s1")
    add(one, 10, session="s2", at=NOON + DAY)
    assert reached(one) == [
        ("day", TODAY, 100),
        ("session", "s1", 100),
        ("day", day_of(NOON + DAY), 100),
        ("session", "s2", 100),
    ]


def test_nothing_of_yesterday_counts_today() -> None:
    one = meter("day:10,label.repo=acme:10,session:10")
    add(one, 10, session="s1", repo="acme")
    assert spent(one, NOON + DAY) == [0, 0, 0]
    assert one.exceeded(NOON + DAY, None, {"repo": "acme"}) is None
    add(one, 1, session="s1", at=NOON - DAY)  # it began yesterday, and ended today
    assert spent(one) == [10, 10, 0]  # a session belongs to the day of its last request


def test_a_session_keeps_its_sum_over_midnight() -> None:
    one = meter("session:10")
    add(one, 6, session="s1")
    add(one, 6, session="s1", at=NOON + DAY)
    assert one.exceeded(NOON + DAY, "s1", {}) is not None
    assert one.exceeded(NOON + DAY, "s2", {}) is None
    assert one.exceeded(NOON + DAY, None, {}) is None


def test_others_spend_counts_and_own_spend_counts_once() -> None:
    one = meter("day:100")
    add(one, 10)
    read(one, "day", 25)  # others have spent 15
    assert spent(one) == [25]
    add(one, 5)
    read(one, "day", 25)  # own rows are not written yet
    assert spent(one) == [30]
    read(one, "day", 30)
    assert spent(one) == [30]
    read(one, "day", 37)
    assert spent(one) == [37]


def test_a_ledger_that_lost_rows_lowers_nothing() -> None:
    one = meter("day:100")
    read(one, "day", 50)
    read(one, "day", 0)
    assert spent(one) == [50]


def test_a_request_is_over_when_the_budget_is_used_up() -> None:
    one = meter("day:10,label.repo=acme:3")
    add(one, 3, repo="acme")
    assert one.exceeded(NOON, "s1", {"repo": "other"}) is None
    standing = one.exceeded(NOON, "s1", {"repo": "acme"})
    assert standing is not None
    assert standing == Standing(one.budgets[1], Spend(3 * DOLLAR), {})
    add(one, 7)
    standing = one.exceeded(NOON, None, {})
    assert standing is not None
    assert standing.budget.name == "day"


def test_requests_without_a_price_are_counted_as_such() -> None:
    one = meter("day:10")
    one.add(NOON, None, {}, Spend(0, 2))
    one.read({("day", TODAY): (Spend(0, 5), TODAY)})
    (standing,) = one.standings(NOON)
    assert standing.spent == Spend(0, 5)


def test_the_number_of_sessions_at_each_threshold_is_told() -> None:
    one = meter("session:10")
    for number, dollars in enumerate((1, 5, 8, 12)):
        add(one, dollars, session=f"s{number}")
    (standing,) = one.standings(NOON)
    assert standing.budget is one.budgets[0]
    assert standing.over == {50: 3, 80: 2, 100: 1}
    assert standing.spent.cost == 12 * DOLLAR


def test_memory_is_bounded_whatever_clients_call_their_sessions() -> None:
    one = meter("day:10,session:10")
    for number in range(SESSIONS + 10):
        add(one, 0.001, session=f"s{number}")
    assert len(one._sessions) == SESSIONS
    read(one, "session", 7, period="s0")  # forgotten, and known again from the ledger
    assert one._sessions["session", "s0"].spent == Spend(7 * DOLLAR)


def test_memory_is_bounded_whatever_the_clock_does() -> None:
    one = meter("day:10")
    for days in (5_000, 0, 4_000, -3_000, 0, 3_000, 6_000, 7_000, 0):
        add(one, 1, at=NOON + days * DAY)
    assert len(one._days) == DAYS
    assert spent(one) == [3]


def test_a_day_lasts_from_midnight_to_midnight() -> None:
    assert day_start(NOON) < NOON < day_end(NOON)
    assert day_of(day_start(NOON)) == day_of(day_end(NOON) - 1) == TODAY
    assert day_of(day_end(NOON)) != TODAY


spends = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["own", "other", "read"])), max_size=30
)


@given(spends)
def test_the_sum_is_never_more_than_was_spent_and_all_of_it_once_written(
    steps: list[tuple[int, str]],
) -> None:
    one, total, told = meter("day:100"), 0, []
    for dollars, who in steps:
        if who == "read":
            read(one, "day", total)
        else:
            total += dollars
            if who == "own":
                add(one, dollars)
        assert spent(one)[0] <= total
        told += [r.threshold for r in one.take_reached()]
    read(one, "day", total)
    assert spent(one) == [total]
    told += [r.threshold for r in one.take_reached()]
    assert told == sorted(set(told))
    assert max(told, default=0) == max((t for t in THRESHOLDS if total >= t), default=0)


def test_what_is_reached_says_how_much_was_spent() -> None:
    one = meter("session:2")
    one.add(NOON, "s1", {}, Spend(DOLLAR, 1))
    assert one.take_reached() == [Reached(one.budgets[0], "s1", 50, Spend(DOLLAR, 1))]


def test_the_period_unused_for_longest_is_forgotten_first() -> None:
    one = meter("day:10,session:10")
    for number in range(SESSIONS):
        add(one, 1, session=f"s{number}")
    add(one, 9, session="s0")
    add(one, 1, session="new")
    assert one.exceeded(NOON, "s0", {}) is not None
    assert one.standings(NOON)[1].spent.cost == 10 * DOLLAR
    assert [key for key in one._sessions if key[1] in ("s0", "s1", "new")] == [
        ("session", "s0"),
        ("session", "new"),
    ]


def test_sums_of_a_ledger_are_for_their_own_budget_in_any_order() -> None:
    one = meter("day:10,session:10")
    sums = {
        ("session", "s1"): (Spend(6 * DOLLAR), TODAY),
        ("day", TODAY): (Spend(9 * DOLLAR), TODAY),
    }
    one.read(sums)
    assert spent(one) == [9, 6]
    assert reached(one) == [("day", TODAY, 80), ("session", "s1", 50)]
    one.read({("session", "s1"): (Spend(6 * DOLLAR), "2000-01-01")})
    assert spent(one) == [9, 6], "it was spent today"
