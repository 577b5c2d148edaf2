"""The observer of exchanges: passes each ended exchange to every recorder."""

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cached_property
from typing import Protocol, TypeVar

import structlog
from prometheus_client import GCCollector, Metric, PlatformCollector, ProcessCollector

from ..anthropic.limits import read as read_limits
from ..anthropic.prices import Prices
from ..budgets.budgets import Budgets
from ..exchange import Exchange, Progress
from ..ledger.writer import Ledger
from ..usage.accounts import Accounts
from .collectors.budgets import BudgetStandings
from .collectors.live_output import LiveOutput
from .collectors.run_totals import RunTotals
from .collectors.scrape_gauges import Held, HeldBodies, Running, Transport, TransportStats
from .collectors.usage import WindowForecasts
from .connections import ConnectionMetrics
from .entry import NO_LIMITS, NO_MODEL, Charge, Entry, cache_dollars, identifiers
from .facts import Facts, Listening
from .forward import ForwardMetrics
from .instruments import PREFIX, Instruments
from .recorders.access_log import AccessLog
from .recorders.attribution import Attribution
from .recorders.budgets import BudgetSpend
from .recorders.cache import CacheVerdicts
from .recorders.latency import Latency
from .recorders.ledger import LedgerRows
from .recorders.limits import LimitGauges
from .recorders.receipts import ReceiptFile, Receipts
from .recorders.recent import Recent
from .recorders.scrub import Scrubs
from .recorders.spans import Exporter, Spans
from .recorders.tokens import Tokens
from .recorders.tool_names import ToolNames
from .recorders.traffic import Traffic
from .recorders.usage import WindowUsage

PRESET_MODELS = 24  # priced models whose series are created at the start: 13 each, and timestamps
QUIET = 1.0  # seconds that the ledger leaves to the first requests: to make its file takes 50 ms
LOOP_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)

log = structlog.get_logger(__name__)

Value = TypeVar("Value")


class Recorder(Protocol):
    """Records one view of exchanges."""

    def record(self, entry: Entry) -> None:
        """Record an ended exchange."""


class Telemetry:
    """The telemetry of this process: one registry, the last exchanges, the access log.

    ``clock`` is monotonic, ``wall`` the time of day, both in seconds. ``transport_stats`` returns
    the upstream transport's statistics, ``held`` counts the bodies in memory. ``config`` and
    ``facts`` are published unchanged, so they must hold no secret. ``listening`` is set once the
    proxy listens. ``catch_up`` hands over the exchanges that have ended and are not recorded yet;
    it is called on the event loop, by whoever reads. State: those that have ended in a group that
    is ``_grouping``.
    """

    def __init__(
        self,
        *,
        prices: Prices,
        clock: Callable[[], float],
        wall: Callable[[], float],
        version: str,
        config: Mapping[str, str],
        access_log: AccessLog,
        transport_stats: Callable[[], TransportStats] | None = None,
        facts: Facts | None = None,
        held: HeldBodies | None = None,
        receipts: ReceiptFile | None = None,
        ledger: Ledger | None = None,
        budgets: Budgets | None = None,
        exporter: Exporter | None = None,
        alone: bool = True,
        labels: Collection[str] = (),
    ) -> None:
        instruments = Instruments()
        self.registry = instruments.registry
        self.version = version
        self.facts = facts or Facts()
        self.listening: Listening | None = None
        self.prices_as_of = str(prices.as_of)
        self.catch_up: Callable[[], None] = lambda: None
        self._recent = Recent()
        self.clock = clock
        self.wall = wall
        self._started = clock()
        self._prices = prices
        self._receipts = receipts
        self._ledger = ledger
        self._budgets = budgets
        self._exporter = exporter
        self._running = Running(clock)
        self._output = LiveOutput(self._running.__iter__, clock=clock, created=wall())
        priced = tuple(prices.models) if len(prices.models) <= PRESET_MODELS else ()
        self._traffic = Traffic(instruments, priced)
        self._latency = Latency(instruments)
        self._tokens = Tokens(instruments, priced, prices.unpriced)
        self._expected: set[tuple[str, str]] = set()
        self._changes = 0
        self._ended: list[Exchange] = []
        self._grouping = False
        self._limits = LimitGauges(instruments)
        self._spans = Spans(instruments, exporter)
        self._accounts = Accounts(divided=alone)
        self.tool_names = ToolNames()
        attribution = Attribution(instruments, labels)
        self._recorders: tuple[Recorder, ...] = (
            self._traffic,
            self._latency,
            self._tokens,
            Scrubs(instruments),
            Receipts(instruments, receipts),
            CacheVerdicts(instruments),
            self.tool_names,
            self._limits,
            self._recent,
            access_log,
            LedgerRows(instruments, ledger),
            BudgetSpend(instruments, budgets),
            self._spans,
            attribution,
            WindowUsage(self._accounts, attribution.request_class),
        )
        self.connections = ConnectionMetrics(instruments)
        self._instruments = instruments
        self.loop_lag = instruments.histogram(
            "event_loop_lag_seconds", "Delay of timers on the event loop", LOOP_LAG_BUCKETS
        )
        instruments.info("build", "Version of the proxy", {"version": version})
        instruments.info("config", "Settings that affect forwarded requests", dict(config))
        instruments.info("pricing", "Date of the price table", {"as_of": self.prices_as_of})
        for collector in (
            self._running,
            self._output,
            RunTotals(instruments.made, run=secrets.token_hex(4)),
            Transport(transport_stats, created=wall()),
            Held(held, created=wall()),
            WindowForecasts(self._accounts, wall, self._limits.window),
            BudgetStandings(lambda: [] if budgets is None else budgets.meter.standings(wall())),
        ):
            self.registry.register(collector)
        for kind in (ProcessCollector, PlatformCollector, GCCollector):
            kind(registry=self.registry)

    @cached_property
    def forward(self) -> ForwardMetrics:
        """The metrics of the forward proxy: there are none until it is on."""
        self.connections.add("forward")
        return ForwardMetrics(self._instruments)

    def open(self) -> None:
        """Open the files at the start of the process; log an error if one cannot be opened.

        Budgets read the ledger at once, which may have to be brought up to date first.
        """
        if self._ledger is not None:
            self._ledger.start(QUIET if self._budgets is None else 0.0)
        if self._exporter is not None:
            self._exporter.start()

    def close(self) -> None:
        """Write and export what is queued, at the end of the process; may block briefly."""
        for writer in (self._receipts, self._ledger, self._exporter):
            if writer is not None:
                writer.close()

    @property
    def recent(self) -> Recent:
        """The last exchanges."""
        self.catch_up()
        return self._recent

    @property
    def changes(self) -> int:
        """How many exchanges have started, and how many have ended, together."""
        self.catch_up()
        return self._changes

    @property
    def active(self) -> int:
        """How many exchanges are running."""
        self.catch_up()
        return self._running.active

    @property
    def limits_at(self) -> float:
        """When upstream last stated its limits, in seconds since the epoch."""
        self.catch_up()
        return self._limits.stated_at

    def window_share(self, session: str) -> float | None:
        """Return the fraction of the present 5-hour window that a session was seen to use."""
        return self._accounts.share(session, self.wall())

    @property
    def prices_age(self) -> int | None:
        """Age of the price table in days."""
        return self._prices.age(datetime.fromtimestamp(self.wall(), UTC).date())

    @property
    def uptime(self) -> float:
        """Seconds since the start."""
        return self.clock() - self._started

    def collect(self) -> tuple[Metric, ...]:
        """Return every metric; call it on the event loop, so that the values are consistent."""
        self._prepare()
        return tuple(self.registry.collect())

    def collect_only(self, names: Iterable[str]) -> tuple[Metric, ...]:
        """Return the samples with these names (without the prefix): less work than `collect`."""
        self._prepare()
        wanted = [PREFIX + name for name in names]
        return tuple(self.registry.restricted_registry(wanted).collect())

    @property
    def live_output(self) -> float | None:
        """The total of the output tokens as they stream."""
        self.advance()
        return self._output.total

    def advance(self) -> bool:
        """Bring the live output tokens, which lag behind, up to date; True if they changed."""
        self.catch_up()
        return self._output.advance()

    def late_by(self, seconds: float) -> None:
        """Record how late a timer of the event loop was."""
        self.loop_lag.observe(seconds)

    def started(self, progress: Progress) -> None:
        """Count a running exchange."""
        self._changes += 1
        self._running.add(progress)
        self._traffic.start(progress.route)

    def finished(self, progress: Progress, exchange: Exchange) -> None:
        """Record an ended exchange, at once or at the end of its group."""
        self._changes += 1
        self._running.remove(progress)
        self._output.end(progress, _output(exchange))
        self._ended.append(exchange)
        if not self._grouping:
            self._record()

    @contextmanager
    def grouped(self) -> Iterator[None]:
        """Record the exchanges that end in this context together.

        Each recorder takes them one after the other, so its code and data stay in the processor's
        caches: what is done once for each exchange takes twice as long.
        """
        outermost, self._grouping = not self._grouping, True
        try:
            yield
        finally:
            if outermost:
                self._grouping = False
                self._record()

    def _record(self) -> None:
        """Record what has ended. A defect costs one recorder one exchange."""
        ended, self._ended = self._ended, []
        entries: list[Entry] = []
        _for_each(ended, lambda exchange: entries.append(self._entry(exchange)))
        for recorder in self._recorders:
            _for_each(entries, recorder.record)

    def _prepare(self) -> None:
        """Bring the metrics up to date, with the series that are about to be needed."""
        self.catch_up()
        self._expect()

    def _expect(self) -> None:
        """Create the series of running requests at 0: `increase()` misses a start at 1."""
        models = ((one.route, one.model) for one in self._running if one.model is not None)
        for route, name in {(route, self._prices.canonical(name)) for route, name in models}:
            if (route, name) not in self._expected:
                self._expected.add((route, name))
                self._traffic.expect(route, name)
                self._latency.expect(name)
                self._tokens.expect(name)

    def _entry(self, exchange: Exchange) -> Entry:
        model = exchange.model or exchange.requested_model
        charges = tuple(Charge.of(attempt, self._prices) for attempt in exchange.billed)
        miss_cost, saved = cache_dollars(exchange, charges, self._prices)
        return Entry(
            exchange=exchange,
            model=NO_MODEL if model is None else self._prices.canonical(model),
            charges=charges,
            ids=identifiers(exchange),
            miss_cost=miss_cost,
            saved=saved,
            trace=self._spans.trace_of(exchange),
            limits=read_limits(exchange.headers) if exchange.headers else NO_LIMITS,
        )


def _for_each(values: Iterable[Value], work: Callable[[Value], object]) -> None:
    """Call ``work`` with each value; log what it raises, and go on with the next one."""
    left = iter(values)
    while True:
        try:
            for value in left:
                work(value)
        except Exception:
            log.exception("telemetry failed")
        else:
            return


def _output(exchange: Exchange) -> int | None:
    """Return the billed output tokens of an exchange, None if unknown."""
    attempts = exchange.billed
    return sum(attempt.usage.output for attempt in attempts) if attempts else None
