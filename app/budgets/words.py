"""The sentences about a budget. Pure."""

from ..ledger.figures import money
from ..ledger.rows import NANO
from .meter import Reached, Spend
from .rules import Budget

SHORT = 8  # characters of a session's id that an announcement has


def whose(name: str, session: str = "") -> str:
    """Return what a budget is for, by its name."""
    if name == "session":
        return f"session {session[:SHORT]}" if session else "a session"
    return "today" if name == "day" else f"{name.removeprefix('label.')} today"


def used(name: str, spent: float, limit: float, session: str = "") -> str:
    """Return how much of a budget is used; amounts in US dollars."""
    share = int(spent * 100 / limit + 1e-9)
    return f"{share}% of the budget for {whose(name, session)} is used: {_amounts(spent, limit)}"


def announcement(reached: Reached, host: str, *, enforced: bool) -> str:
    """Return the text of an announcement: no content of requests, and a session's short id."""
    budget, spent = reached.budget, reached.spent
    session = reached.period if budget.per_session else ""
    parts = [f"anthropic-proxy on {host}: {used(budget.name, *_dollars(budget, spent), session)}."]
    if reached.threshold >= 100 and enforced:  # noqa: PLR2004 - percent
        parts.append(f"New requests are refused {_until(budget)}.")
    if spent.unpriced:
        parts.append(unpriced(spent.unpriced))
    return " ".join(parts)


def refusal(budget: Budget, spent: Spend, resets: str) -> str:
    """Return the message to a client, in the form of Anthropic's gateway: parts with a dot between.

    ``resets`` is when the budget's period ends, empty for a session's.
    """
    amounts = _amounts(*_dollars(budget, spent))
    name = "this session" if budget.per_session else whose(budget.name)
    parts = (
        "spend limit reached",
        "start a new session" if budget.per_session else f"resets at {resets}",
        f"this proxy's budget for {name} is used up ({amounts} at list price)",
        "to continue now, raise ANTHROPIC_PROXY_BUDGETS and restart the proxy",
    )
    return " · ".join(parts)


def unpriced(count: int) -> str:
    """Return what is missing in a sum."""
    what = "1 response has" if count == 1 else f"{count:,} responses have"
    return f"{what} no known price and {'is' if count == 1 else 'are'} not included."


def _until(budget: Budget) -> str:
    return "for this session" if budget.per_session else "until midnight"


def _amounts(spent: float, limit: float) -> str:
    return f"{money(spent)} of {money(limit)}"


def _dollars(budget: Budget, spent: Spend) -> tuple[float, float]:
    return spent.cost / NANO, budget.limit / NANO
