"""Where each budget stands, read at each scrape."""

from collections.abc import Callable, Iterator, Sequence

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ...budgets.meter import Standing
from ...ledger.rows import NANO
from ..instruments import PREFIX


class BudgetStandings(Collector):
    """Gauges of ``standings``. Budgets come from the settings, so their names are bounded."""

    def __init__(self, standings: Callable[[], Sequence[Standing]]) -> None:
        self._standings = standings

    def collect(self) -> Iterator[Metric]:
        """Yield a family for each figure."""
        standings = self._standings()
        limit = _family("budget_limit_usd", "Budgets in US dollars at list price")
        spent = _family(
            "budget_spent_usd",
            "Amount spent of each budget today, in US dollars at list price; for sessions: of the "
            "session that has spent most",
        )
        unpriced = _family(
            "budget_unpriced_responses",
            "Billed attempts without a known price, which the budgets do not include",
        )
        exceeded = _family(
            "budget_exceeded",
            "1 if a threshold of a budget (50, 80, 100 percent) is reached today; for sessions: "
            "their number",
            "threshold",
        )
        for standing in standings:
            name = standing.budget.name
            limit.add_metric([name], standing.budget.limit / NANO)
            spent.add_metric([name], standing.spent.cost / NANO)
            unpriced.add_metric([name], standing.spent.unpriced)
            for threshold, number in standing.over.items():
                exceeded.add_metric([name, str(threshold)], number)
        yield from (limit, spent, unpriced, exceeded)


def _family(name: str, text: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(PREFIX + name, text, labels=["budget", *labels])
