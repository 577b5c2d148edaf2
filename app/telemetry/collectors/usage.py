"""When the usage windows will be full, and who used them, read at each scrape."""

import math
from collections.abc import Callable, Iterator

from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from ...usage.accounts import Accounts
from ..instruments import PREFIX


class WindowForecasts(Collector):
    """Gauges of the account seen last; ``window`` bounds the names of windows."""

    def __init__(
        self, accounts: Accounts, wall: Callable[[], float], window: Callable[[str], str]
    ) -> None:
        self._accounts = accounts
        self._wall = wall
        self._window = window

    def collect(self) -> Iterator[Metric]:
        """Yield the forecasts and the shares; windows without enough data are left out."""
        full = GaugeMetricFamily(
            PREFIX + "upstream_ratelimit_full_timestamp_seconds",
            "When a usage window will be full at the current pace: estimate, earliest and latest "
            "time; +Inf: not before it resets",
            labels=["window", "bound"],
        )
        for name, forecast in self._accounts.forecasts(self._wall()).items():
            for bound, at in (
                ("estimate", forecast.estimate),
                ("earliest", forecast.earliest),
                ("latest", forecast.latest),
            ):
                full.add_metric([self._window(name), bound], math.inf if at is None else at)
        share = GaugeMetricFamily(
            PREFIX + "upstream_ratelimit_share",
            "Fraction of the current usage window that requests of a class have used, as far as "
            "they were seen; elsewhere: not through this proxy",
            labels=["window", "request_class"],
        )
        for name, kind, used in self._accounts.kinds():
            share.add_metric([self._window(name), kind], used)
        yield from (full, share)
