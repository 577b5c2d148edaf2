"""Rises of a window, divided among the requests that ended in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.anthropic.limits import Window
from app.usage.accounts import ACCOUNTS, WINDOWS, Accounts, Request, counts, length_of
from app.usage.window import ELSEWHERE, POINTS, SESSIONS, WAITING, Ended, WindowUse

LENGTH = 5 * 3_600.0
RESET = 20_000.0


def window() -> WindowUse:
    one = WindowUse(LENGTH)
    state(one, 0, 0.10)
    return one


def state(one: WindowUse, at: float, used: float, reset: float | None = RESET) -> None:
    one.stated(at, used, reset, at)


def end(one: WindowUse, at: float, session: str, cost: float, kind: str = "main") -> None:
    one.ended(Ended(at, session, kind, cost))


def shares(one: WindowUse, *sessions: str, now: float = 100) -> list[float | None]:
    found = [one.share(session, now) for session in sessions]
    return [None if share is None else round(share, 9) for share in found]


def test_a_rise_is_divided_by_cost_among_those_that_ended_in_between() -> None:
    one = window()
    end(one, 1, "a", 3)
    end(one, 2, "b", 1)
    end(one, 9, "c", 5)  # ended after the answer began that states the rise
    state(one, 5, 0.14)
    assert shares(one, "a", "b", "c") == [0.03, 0.01, None]
    state(one, 10, 0.16)
    assert shares(one, "a", "b", "c") == [0.03, 0.01, 0.02]
    assert one.kinds == {"main": pytest.approx(0.06)}


def test_requests_wait_until_a_rounded_figure_rises() -> None:
    one = window()
    end(one, 1, "a", 1)
    state(one, 2, 0.10)
    end(one, 3, "b", 1)
    state(one, 4, 0.11)
    assert shares(one, "a", "b") == [0.005, 0.005]


def test_a_late_statement_of_a_long_answer_changes_nothing() -> None:
    one = window()
    end(one, 1, "a", 1)
    state(one, 10, 0.2)
    state(one, 5, 0.15)
    state(one, 10, 0.3)
    end(one, 11, "b", 1)
    state(one, 12, 0.21)
    assert shares(one, "a", "b") == [0.1, 0.01]


def test_a_rise_without_requests_is_from_elsewhere() -> None:
    one = window()
    state(one, 5, 0.15)
    assert one.kinds == {ELSEWHERE: pytest.approx(0.05)}
    assert shares(one, "a") == [None]


def test_requests_without_a_known_cost_share_a_rise_equally() -> None:
    one = window()
    end(one, 1, "a", 0)
    end(one, 2, "b", 0)
    state(one, 5, 0.12)
    assert shares(one, "a", "b") == [0.01, 0.01]


def test_a_new_window_begins_with_the_requests_after_the_reset() -> None:
    one = window()
    end(one, 1, "a", 1)
    state(one, 5, 0.5)
    end(one, RESET - 1, "a", 1)
    end(one, RESET + 50, "b", 1)
    state(one, RESET + 60, 0.02, RESET + LENGTH)
    assert shares(one, "a", "b", now=RESET + 61) == [None, 0.02]


def test_a_share_ends_with_its_window() -> None:
    one = window()
    end(one, 1, "a", 1)
    state(one, 5, 0.5)
    assert shares(one, "a", now=RESET - 1) == [0.4]
    assert shares(one, "a", now=RESET) == [None]


def test_a_fall_without_a_new_reset_is_a_new_window_a_small_one_is_not() -> None:
    one = window()
    end(one, 1, "a", 1)
    state(one, 5, 0.5)
    state(one, 6, 0.49)  # another server of upstream
    assert shares(one, "a") == [0.4]
    end(one, 7, "b", 1)
    state(one, 8, 0.5)  # no rise
    assert shares(one, "b") == [None]
    end(one, 9, "b", 1)
    state(one, 10, 0.03, None)
    assert shares(one, "a", "b") == [None, 0.03]


def test_missing_and_jittery_resets_are_the_same_window() -> None:
    one = window()
    end(one, 1, "a", 1)
    state(one, 5, 0.2, None)
    state(one, 6, 0.2, RESET + 1)
    assert shares(one, "a") == [0.1]


def test_a_clock_that_is_set_back_starts_again() -> None:
    one = window()
    state(one, 90_000, 0.5)
    state(one, 1_000, 0.5)
    end(one, 1_001, "a", 1)
    state(one, 1_002, 0.6)
    assert shares(one, "a", now=1_003) == [0.1]


def test_memory_is_bounded() -> None:
    one = window()
    for number in range(WAITING + 3 * SESSIONS):
        end(one, number + 1, f"s{number}", 1)
    assert len(one._waiting) == WAITING
    assert len(one._settled) <= SESSIONS + 1
    state(one, 1e6, 0.2, 2e6)
    assert len(one._sessions) <= SESSIONS
    for number in range(3 * POINTS):
        state(one, 1e6 + 1 + number, 0.2 + number * 1e-5, 2e6)
    assert len(one._points) <= POINTS
    assert sum(one.kinds.values()) == pytest.approx(0.2 + 3 * POINTS * 1e-5, abs=2e-5)


steps = st.lists(
    st.tuples(st.sampled_from("abc"), st.floats(0, 10), st.floats(0, 0.05), st.booleans()),
    max_size=40,
)


@given(steps)
def test_all_that_rose_is_attributed_once(steps: list[tuple[str, float, float, bool]]) -> None:
    one, used = window(), 0.10
    for at, (session, cost, rise, rose) in enumerate(steps, 1):
        end(one, at, session, cost)
        if rose:
            used += rise
            state(one, at + 0.5, used)
    if not any(rose for *_, rose in steps):
        return
    assert sum(one.kinds.values()) == pytest.approx(used - 0.10)
    known = [one.share(session, 100) or 0.0 for session in "abc"]
    assert sum(known) == pytest.approx(used - 0.10)


def request(
    at: float, used: float | None, account: int = 1, session: str = "a", **more: object
) -> Request:
    windows = (
        {} if used is None else {"5h": Window(used, "allowed", RESET), "7d_opus": Window(used / 7)}
    )
    values = {"kind": "main", "model": "claude-opus-5-5", "cost": 1.0, "stated_at": at - 1} | more
    return Request(account=account, ended_at=at, session=session, windows=windows, **values)  # type: ignore[arg-type]


def test_accounts_are_kept_apart() -> None:
    accounts = Accounts()
    for number, used in enumerate((0.1, 0.2, 0.3)):
        accounts.record(request(10 * number + 1, used, account=1, session="a"))
        accounts.record(request(10 * number + 2, 3 * used, account=2, session="b"))
    assert accounts.share("a", 40) == pytest.approx(0.2)
    assert accounts.share("b", 40) == pytest.approx(0.6)
    assert {(n, kind): round(used, 9) for n, kind, used in accounts.kinds()}["5h", "main"] == 0.6


def test_accounts_are_bounded_whoever_comes() -> None:
    accounts = Accounts()
    for number in range(10 * ACCOUNTS):
        accounts.record(request(number, 0.1, account=number))
    assert len(accounts._accounts) == ACCOUNTS


def test_an_account_of_which_others_are_served_elsewhere_has_no_shares() -> None:
    accounts = Accounts(divided=False)
    accounts.record(request(1, 0.1))
    accounts.record(request(10, 0.2))
    assert accounts.share("a", 11) is None


def test_the_window_of_a_family_counts_its_models_only() -> None:
    assert counts("7d_opus", "claude-opus-5-5")
    assert not counts("7d_opus", "claude-sonnet-5-5")
    assert counts("7d", "claude-sonnet-5-5")
    assert counts("7d_oi", "claude-sonnet-5-5")


@pytest.mark.parametrize(
    ("name", "length"),
    [("5h", 18_000), ("7d_opus", 604_800), ("90m", 5_400), ("0h", None), ("grace", None)],
)
def test_a_windows_name_has_its_length(name: str, length: float | None) -> None:
    assert length_of(name) == length


def test_an_answer_without_windows_still_counts() -> None:
    accounts = Accounts()
    accounts.record(request(1, 0.1))
    accounts.record(request(5, None, session="b"))
    accounts.record(request(10, 0.3, session="c"))
    assert accounts.share("b", 11) == pytest.approx(0.1)


def test_a_new_window_that_nobody_has_used_has_no_shares() -> None:
    one = window()
    end(one, 1, "a", 1)
    state(one, 5, 0.5)
    state(one, RESET + 5, 0.0, RESET + LENGTH)
    assert one.kinds == {}
    end(one, RESET + 6, "b", 1)
    state(one, RESET + 7, 0.01, RESET + LENGTH)
    assert shares(one, "a", "b", now=RESET + 8) == [None, 0.01]


def test_the_sessions_that_used_a_window_last_are_kept() -> None:
    one = window()
    for half in range(2):
        for number in range(SESSIONS // 2 + 100):
            end(one, 1 + half, f"{half}-{number}", 1)
        state(one, 2.5 + half, 0.2 + half / 10)
    assert len(one._sessions) == SESSIONS
    assert one.share("0-0", 10) is None
    assert one.share(f"1-{SESSIONS // 2}", 10) is not None


def test_the_windows_of_an_account_are_bounded_and_have_a_length() -> None:
    accounts = Accounts()
    windows = {f"{number}h": Window(0.1) for number in range(1, 3 * WINDOWS)} | {"0h": Window(0.1)}
    accounts.record(
        Request(1, 1.0, 0.5, "a", "main", "claude-sonnet-5-5", 1.0, windows | {"1d": Window()})
    )
    (known,) = accounts._accounts.values()
    assert len(known) == WINDOWS


def test_a_request_to_another_family_is_no_part_of_a_familys_window() -> None:
    accounts = Accounts()
    accounts.record(request(1, 0.1))
    accounts.record(request(10, None, model="claude-sonnet-5-5"))
    accounts.record(request(20, 0.3))
    used = {(name, kind): round(part, 9) for name, kind, part in accounts.kinds()}
    assert used == {("5h", "main"): 0.2, ("7d_opus", "main"): round(0.2 / 7, 9)}
    assert accounts.share("a", 30, window="7d_opus") == pytest.approx(0.2 / 7)
