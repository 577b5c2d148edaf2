"""The reports of all workers, as the telemetry of one process. Pure, given its clocks.

A worker's counts outlast it: without them the sums would fall, and Prometheus would take that for
a restart of all workers and count everything again.
"""

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import Metric

from ..telemetry.facts import Facts, Listening
from ..telemetry.instruments import PREFIX
from ..telemetry.recorders.recent import KEPT, reasons
from .merging import Key, counted, cumulative, merged, overlaid, rising
from .messages import Family, Report
from .reports import unpacked

Row = dict[str, Any]


class Rows:
    """The last exchanges, one row each, as the workers have reported them."""

    def __init__(self, rows: list[Row]) -> None:
        self._rows = sorted(rows, key=lambda row: row["time"], reverse=True)[:KEPT]

    def as_json(self) -> list[Row]:
        """Return the rows as JSON objects, the latest start first."""
        return self._rows

    def reasons(self, since: float) -> list[str]:
        """Return why exchanges that began after ``since`` failed, plain statuses excluded."""
        return reasons(self._rows, since)


class Service:
    """The last report of each worker, and what those that ended had counted.

    State: ``_reports`` and ``_families`` of the workers by number; ``_ended``, the sums of those
    that are gone; ``_shown``, the totals that were read last; ``_silent``, the workers that did not
    answer the last question; ``_restarts``; ``changes`` grows with each report that has something
    new.
    """

    def __init__(
        self,
        workers: int,
        *,
        version: str,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.version = version
        self.clock = clock
        self.wall = wall
        self.changes = 0
        self.prices_as_of = ""
        self.facts = Facts()
        self.listening: Listening | None = None
        self._workers = workers
        self._started = clock()
        self._created = wall()
        self._reports: dict[int, Report] = {}
        self._families: dict[int, list[Family]] = {}
        self._ended: list[Family] = []
        self._shown: dict[Key, float] = {}
        self._rows: list[Row] = []
        self._silent: set[int] = set(range(workers))
        self._restarts = dict.fromkeys(range(workers), 0)

    # What happens to workers

    def known(self, worker: int) -> int | None:
        """Return after how many changes a worker has reported, None if it has not yet."""
        report = self._reports.get(worker)
        return None if report is None else report.changes

    def report(self, worker: int, report: Report, *, whole: bool) -> None:
        """Take a report: of all metrics, or of some."""
        self._silent.discard(worker)
        if report.families is None:
            return
        self.changes += 1
        below = [] if whole else self._families.get(worker, [])
        self._families[worker] = overlaid(below, report.families)
        self._reports[worker] = report

    def silent(self, worker: int) -> None:
        """Note that a worker did not answer."""
        self._silent.add(worker)

    def ended(self, worker: int) -> None:
        """Note the end of a worker, and keep its counts."""
        self._silent.add(worker)
        report = self._reports.pop(worker, None)
        if report is None:
            return
        self.changes += 1
        self._ended = merged([self._ended, cumulative(self._families.pop(worker))])
        self._rows = Rows([*self._rows, *report.recent]).as_json()

    def restarted(self, worker: int) -> None:
        """Count a restart."""
        self.changes += 1
        self._restarts[worker] += 1

    # What a sampler reads

    @property
    def active(self) -> int:
        """How many exchanges are running."""
        return sum(report.active for report in self._reports.values())

    @property
    def uptime(self) -> float:
        """Seconds since the start of the supervisor."""
        return self.clock() - self._started

    @property
    def prices_age(self) -> int | None:
        """Age of the price table in days."""
        ages = (report.prices_age for report in self._reports.values())
        return next((age for age in ages if age is not None), None)

    @property
    def recent(self) -> Rows:
        """The last exchanges of all workers."""
        return Rows([*self._rows, *(row for one in self._reports.values() for row in one.recent)])

    @property
    def live_output(self) -> float | None:
        """None: the workers bring theirs up to date when they report."""
        return None

    def late_by(self, seconds: float) -> None:
        """Pass over it: the supervisor serves nobody."""

    def families(self) -> list[Family]:
        """Return the metrics of all workers."""
        newest_last = sorted(self._reports, key=lambda worker: self._reports[worker].limits_at)
        parts = (
            counted(self._families[worker]) if worker in self._silent else self._families[worker]
            for worker in newest_last
        )
        return [*rising(merged([self._ended, *parts]), self._shown), *self.own()]

    def collect(self) -> tuple[Metric, ...]:
        """Return the metrics of all workers."""
        return unpacked(self.families())

    def collect_only(self, names: Iterable[str]) -> tuple[Metric, ...]:
        """Return the samples with these names (without the prefix)."""
        wanted = {PREFIX + name for name in names}
        return unpacked(
            Family(one.name, one.text, one.type, one.unit, chosen)
            for one in self.families()
            if (chosen := [value for value in one.values if value[0] in wanted])
        )

    def own(self) -> list[Family]:
        """Return the metrics of the worker processes themselves."""
        restarts = f"{PREFIX}worker_restarts"
        up = f"{PREFIX}worker_up"
        numbers = [(worker, {"worker": str(worker)}) for worker in range(self._workers)]
        return [
            Family(
                up,
                "1 if the worker process reported for this scrape",
                "gauge",
                "",
                [(up, label, float(worker not in self._silent), None) for worker, label in numbers],
            ),
            Family(
                restarts,
                "Restarts of worker processes that ended by themselves",
                "counter",
                "",
                [
                    sample
                    for worker, label in numbers
                    for sample in (
                        (f"{restarts}_total", label, float(self._restarts[worker]), None),
                        (f"{restarts}_created", label, self._created, None),
                    )
                ],
            ),
        ]
