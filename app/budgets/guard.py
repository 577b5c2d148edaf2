"""Refuses requests over a budget, in the form that Anthropic's gateway uses for spend limits.

That is a 429 ``billing_error`` with ``x-should-retry: false``, a ``retry-after`` and a message
whose parts have a dot between them (https://code.claude.com/docs/en/claude-apps-gateway-spend-limits).
"""

import math
from collections.abc import Callable
from datetime import datetime

from ..anthropic.hints import SESSION_ID
from ..errors import OverBudget
from ..ledger.labels import read_labels
from ..wire.headers import LABELS_HEADER, Headers, text
from .meter import Meter, Standing
from .periods import SESSION_WAIT, day_end
from .words import refusal


class Guard:
    """Compares a request's budgets with what is spent. ``count`` is told the budget of a refusal.

    While the ledger is being read at the start, what earlier processes have spent is not known,
    and nothing is refused for it.
    """

    def __init__(self, meter: Meter, wall: Callable[[], float]) -> None:
        self.count: Callable[[str], None] = lambda _budget: None
        self._meter = meter
        self._wall = wall
        self._labelled = any(budget.label is not None for budget in meter.budgets)

    def check(self, headers: Headers) -> None:
        """Raise `OverBudget` for a request that a budget does not allow."""
        labels = {}
        if self._labelled:
            labels = read_labels(value for name, value in headers if name == LABELS_HEADER)
        now = self._wall()
        standing = self._meter.exceeded(now, text(headers, SESSION_ID), labels)
        if standing is not None:
            self.count(standing.budget.name)
            raise _refused(standing, now)


def _refused(standing: Standing, now: float) -> OverBudget:
    budget = standing.budget
    if budget.per_session:
        return OverBudget("budget", refusal(budget, standing.spent, ""), retry_after=SESSION_WAIT)
    ends = day_end(now)
    resets = f"{datetime.fromtimestamp(ends).astimezone():%H:%M %Z}"
    seconds = max(1, math.ceil(ends - now))
    return OverBudget("budget", refusal(budget, standing.spent, resets), retry_after=seconds)
