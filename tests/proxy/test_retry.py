"""Behaviour C2 and C3: which answer is tried again, when, and how often in all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.proxy.retry import RetryBudget, RetryPolicy

POLICY = RetryPolicy()


@pytest.mark.parametrize(
    ("retries", "status", "headers", "delay"),
    [
        (0, 529, [], 1.0),
        (1, 529, [], 2.0),
        (2, 529, [], 4.0),
        (3, 529, [], None),
        (0, 200, [], None),
        (0, 429, [(b"retry-after", b"1")], None),
        (0, 500, [], None),
        (0, 503, [], None),
        (0, 529, [(b"retry-after", b"7")], 7.0),
        (0, 529, [(b"retry-after", b" 7 ")], 7.0),
        (2, 529, [(b"retry-after", b"3")], 4.0),
        (0, 529, [(b"retry-after", b"600")], 30.0),
        (0, 529, [(b"retry-after", b"9" * 1000)], 30.0),
        (0, 529, [(b"retry-after", b"-5")], 1.0),
        (0, 529, [(b"retry-after", b"1.5")], 1.0),
        (0, 529, [(b"retry-after", b"Wed, 21 Oct 2015 07:28:00 GMT")], 1.0),
        (0, 529, [(b"retry-after", b"\xb2")], 1.0),
        (0, 529, [(b"x-should-retry", b"false")], None),
        (0, 529, [(b"x-should-retry", b"true")], 1.0),
        (0, 500, [(b"x-should-retry", b"true")], None),
    ],
)
def test_only_a_refusal_of_the_work_is_tried_again(
    retries: int, status: int, headers: list[tuple[bytes, bytes]], delay: float | None
) -> None:
    assert POLICY.delay(retries, status, headers) == delay


def test_no_retries_are_made_when_switched_off() -> None:
    assert RetryPolicy(max_attempts=0).delay(0, 529, []) is None


@given(
    st.integers(0, 10),
    st.floats(0, 60),
    st.floats(0, 600),
    st.one_of(st.none(), st.binary(max_size=8), st.integers(0).map(lambda n: b"%d" % n)),
)
def test_a_wait_is_bounded_by_the_policy_whatever_upstream_asks_for(
    retries: int, base: float, cap: float, asked: bytes | None
) -> None:
    headers = [] if asked is None else [(b"retry-after", asked)]
    delay = RetryPolicy(11, base, cap).delay(retries, 529, headers)
    assert delay is not None
    assert base * 2**retries <= delay <= max(base * 2**retries, cap)


EVENTS = st.lists(st.one_of(st.just("request"), st.just("retry"), st.floats(0, 100)), max_size=200)


@given(EVENTS, st.floats(0, 1), st.floats(0, 5), st.floats(1, 30))
def test_a_budget_never_gives_more_than_it_took_in(
    events: list[str | float], ratio: float, rate: float, burst: float
) -> None:
    budget = RetryBudget(ratio=ratio, rate=rate, burst=burst)
    now, requests, retries = 1000.0, 0, 0
    for event in events:
        if event == "request":
            budget.deposit()
            requests += 1
        elif event == "retry":
            retries += budget.withdraw(now)
        else:
            now += float(event)
    assert retries <= burst + ratio * requests + rate * (now - 1000.0) + 1e-6


@given(EVENTS)
def test_a_budget_never_saves_more_than_its_burst(events: list[str | float]) -> None:
    budget = RetryBudget(ratio=0.2, rate=3.0, burst=5.0)
    now = 0.0
    for event in events:
        if event == "request":
            budget.deposit()
        elif isinstance(event, float):
            now += event
    assert sum(budget.withdraw(now) for _ in range(20)) == 5


def test_a_single_user_is_never_without_for_long() -> None:
    budget = RetryBudget(ratio=0.0, rate=3.0, burst=2.0)
    assert [budget.withdraw(0.0) for _ in range(3)] == [True, True, False]
    assert budget.withdraw(0.3) is False
    assert budget.withdraw(0.4) is True


def test_requests_refill_an_empty_budget() -> None:
    budget = RetryBudget(ratio=0.2, rate=0.0, burst=1.0)
    assert [budget.withdraw(0.0), budget.withdraw(0.0)] == [True, False]
    for _ in range(6):
        budget.deposit()
    assert [budget.withdraw(0.0), budget.withdraw(0.0)] == [True, False]


@pytest.mark.parametrize(
    ("retries", "with_error", "chance", "delay"),
    [
        (0, False, 0.9, 0.0),
        (1, False, 0.0, 0.5),
        (1, False, 1.0, 1.0),
        (2, False, 1.0, 2.0),
        (3, False, 0.0, None),
        (0, True, 0.0, 0.5),
        (3, True, 0.0, None),
    ],
)
def test_what_was_not_processed_is_sent_again_at_once_and_then_with_delay(
    retries: int, with_error: bool, chance: float, delay: float | None
) -> None:
    assert POLICY.delay_unprocessed(retries, with_error=with_error, chance=chance) == delay


def test_the_budget_has_thirty_retries_and_earns_a_fifth_a_request_and_three_a_second() -> None:
    budget = RetryBudget()
    assert [budget.withdraw(0.0) for _ in range(31)] == [True] * 30 + [False]
    for _ in range(5):
        budget.deposit()
    assert [budget.withdraw(0.0) for _ in range(2)] == [True, False]
    assert [budget.withdraw(1.0) for _ in range(4)] == [True] * 3 + [False]


def test_a_wait_that_upstream_asks_for_in_no_number_is_none() -> None:
    assert RetryPolicy(base_delay=0.5).delay(0, 529, [(b"retry-after", b"soon")]) == 0.5
