"""Adds each exchange's cost to the budgets, and counts what they lead to."""

from ...budgets import webhook
from ...budgets.budgets import Budgets
from ...budgets.meter import Spend
from ...budgets.rules import THRESHOLDS
from ...ledger.rows import MAX_COST, NANO
from ..entry import Entry
from ..instruments import Instruments


class BudgetSpend:
    """Tells the budgets what was spent; without budgets it only makes the series."""

    def __init__(self, instruments: Instruments, budgets: Budgets | None) -> None:
        self._budgets = budgets
        names = [] if budgets is None else [budget.name for budget in budgets.meter.budgets]
        announced = instruments.counters(
            "budget_announcements_total",
            "Thresholds of budgets that were reached, each reported once per period",
            "budget",
            "threshold",
            known=[(name, str(threshold)) for name in names for threshold in THRESHOLDS],
        )
        refused = instruments.counters(
            "budget_refused_requests_total",
            "Requests refused because a budget is used up",
            "budget",
            known=[(name,) for name in names],
        )
        sent = instruments.counters(
            "budget_webhook_total",
            "Announcements to the budget webhook, by result",
            "result",
            known=[(result,) for result in webhook.RESULTS],
        )
        if budgets is None:
            return
        budgets.watch.count = lambda name, threshold: announced(name, str(threshold)).inc()
        if budgets.guard is not None:
            budgets.guard.count = lambda name: refused(name).inc()
        if budgets.webhook is not None:
            budgets.webhook.count = lambda result: sent(result).inc()

    def record(self, entry: Entry) -> None:
        """Add the cost of an exchange."""
        if self._budgets is None or not entry.charges:
            return
        exchange = entry.exchange
        costs = [one.total for one in entry.charges]
        spend = Spend(
            sum(min(round(cost * NANO), MAX_COST) for cost in costs if cost is not None),
            costs.count(None),
        )
        session = entry.ids.get("session_id")
        self._budgets.meter.add(exchange.started_at, session, exchange.labels, spend)
        self._budgets.watch.spent()
