"""What people read about a budget."""

from app.budgets.meter import Reached, Spend
from app.budgets.rules import parse
from app.budgets.words import announcement, refusal, used, whose

DAY, SESSION, LABEL = parse("day:30,session:5,label.repo=acme/widgets:40")
DOLLAR = 1_000_000_000


def test_an_announcement_says_where_how_much_and_what_follows() -> None:
    day = Reached(DAY, "2026-11-27", 80, Spend(24_100_000_000, 1))
    assert announcement(day, "a-host", enforced=True) == (
        "anthropic-proxy on a-host: 80% of the budget for today is used: $24.10 of $30.00. "
        "1 response has no known price and is not included."
    )
    several = Reached(DAY, "2026-11-27", 80, Spend(24_100_000_000, 1_200))
    assert announcement(several, "a-host", enforced=True).endswith(
        " 1,200 responses have no known price and are not included."
    )
    session = Reached(SESSION, "0b5f9a52-6f0e-4a37", 100, Spend(5 * DOLLAR))
    assert announcement(session, "a-host", enforced=True) == (
        "anthropic-proxy on a-host: 100% of the budget for session 0b5f9a52 is used: "
        "$5.00 of $5.00. New requests are refused for this session."
    )
    label = Reached(LABEL, "2026-11-27", 100, Spend(41 * DOLLAR))
    assert announcement(label, "a-host", enforced=False) == (
        "anthropic-proxy on a-host: 102% of the budget for repo=acme/widgets today is used: "
        "$41.00 of $40.00."
    )


def test_a_refusal_begins_as_that_of_anthropics_gateway() -> None:
    assert refusal(LABEL, Spend(41 * DOLLAR), "00:00 CET") == (
        "spend limit reached · resets at 00:00 CET · this proxy's budget for repo=acme/widgets "
        "today is used up ($41.00 of $40.00 at list price) · to continue now, raise "
        "ANTHROPIC_PROXY_BUDGETS and restart the proxy"
    )
    said = refusal(SESSION, Spend(6 * DOLLAR), "")
    assert said.startswith(
        "spend limit reached · start a new session · this proxy's budget for this"
    )


def test_a_budget_of_sessions_is_named_with_and_without_one() -> None:
    assert whose("session") == "a session"
    assert whose("session", "0b5f9a52-6f0e") == "session 0b5f9a52"
    assert whose("day", "2026-11-27") == "today"
    assert used("session", 5, 20) == "25% of the budget for a session is used: $5.00 of $20.00"
