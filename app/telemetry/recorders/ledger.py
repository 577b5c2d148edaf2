"""Makes a row of every ended exchange for the ledger, and counts what becomes of it."""

import operator
from collections.abc import Mapping

import msgspec

from ...anthropic.hints import Hints
from ...anthropic.limits import Limits
from ...anthropic.token_types import BILLED, ESTIMATED
from ...cache.report import CacheReport
from ...cache.verdict import Verdict
from ...exchange import Failure
from ...ledger.labels import write_labels
from ...ledger.rows import (
    BILLED_NAMES,
    DURATIONS,
    MAX_COST,
    MAX_TOKENS,
    MICRO,
    MILLI,
    NANO,
    WINDOWS,
    Billed,
    Record,
    Row,
)
from ...ledger.writer import RESULTS, Ledger
from ..entry import Charge, Entry
from ..instruments import OTHER, Instruments
from ..words import word

_MOST_DOLLARS = MAX_COST / NANO
MAX_USED = 1_000  # times a window; its utilization may exceed 1

Fractions = Mapping[str, int | None]  # of the `WINDOWS`, in millionths
_UNSAID: Fractions = dict.fromkeys(WINDOWS)


class LedgerRows:
    """Hands a row of each exchange to the ledger. State: ``_windows``, as last seen."""

    def __init__(self, instruments: Instruments, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._windows: Fractions = _UNSAID
        results = instruments.counters(
            "ledger_rows_total",
            "Rows of the ledger, by result",
            "result",
            known=[(result,) for result in RESULTS],
        )
        queue = instruments.gauge("ledger_queue_rows", "Rows of the ledger that wait to be written")
        if ledger is not None:
            ledger.count = lambda result, number: results(result).inc(number)
            queue.set_function(lambda: ledger.waiting)

    def record(self, entry: Entry) -> None:
        """Hand over the row of an exchange."""
        if self._ledger is not None:
            before = self._windows
            after = before
            if said := _windows(entry.limits):
                self._windows = after = {**before, **said}
            labels = entry.exchange.labels
            if labels:
                labels = {name: labels[name] for name in self._ledger.labels & labels.keys()}
            around = (before, after) if said else None
            self._ledger.put(record_of(entry, around, labels))


def record_of(
    entry: Entry, around: tuple[Fractions, Fractions] | None, labels: Mapping[str, str]
) -> Record:
    """Return what the ledger keeps of an exchange, with these ``labels``.

    ``around`` are the usage windows before and after it, None if its answer states none.
    """
    exchange, hints, report = entry.exchange, entry.exchange.hints, entry.exchange.scrub
    failure = exchange.failure
    before, after = around or (_UNSAID, _UNSAID)
    billed = tuple(map(_billed, entry.charges))
    total = billed[0] if len(billed) == 1 else _total(billed)
    detailed = len(billed) > 1 or any(one.model != entry.model for one in billed)
    ids = entry.ids.get
    row = Row._make(  # in the order of its columns: their names would take as long as the rest
        (
            int(exchange.started_at * MILLI),
            round(exchange.duration * MICRO),
            int(failure is not None),
            *total[len(BILLED_NAMES) :],
            int(detailed),
            entry.model,
            ids("session_id"),
            ids("agent_id"),
            hints.parent_agent_id,
            hints.agent_type,
            hints.prompt_id,
            hints.request_class,
            write_labels(labels) if labels else None,
            exchange.route,
            exchange.outcome.value,
            exchange.status,
            int(exchange.streamed),
            word(exchange.stop_reason),
            exchange.usage_missing,
            word(exchange.cache_miss_reason),
            *(_NO_FAILURE if failure is None else _failed(failure)),
            hints.compaction,
            *[None if one is None else round(one * MICRO) for one in _durations(exchange)],
            _tool_time(hints),
            exchange.attempts,
            sum(retry.count for retry in exchange.retries) if exchange.retries else 0,
            exchange.client_retry,
            exchange.bytes_in,
            exchange.bytes_out,
            int(exchange.modified),
            0 if report is None else sum(report.matches.values()),
            sum(exchange.restored.values()),
            None if report is None else report.skipped,
            before["5h"],
            after["5h"],
            before["7d"],
            after["7d"],
            ids("request_id"),
            hints.client_request_id,
            *(_NO_VERDICT if exchange.cache is None else _judged(exchange.cache.verdict)),
            _nano(entry.miss_cost),
            _nano(entry.saved),
            _json(exchange.cache),
        )
    )
    return Record(row, billed if detailed else ())


_durations = operator.attrgetter(*DURATIONS)
_NO_FAILURE = (None,) * 3


def _failed(failure: Failure) -> tuple[str, str | None, str | None]:
    """Return source, type and reason of an error."""
    return failure.source, word(failure.type), word(failure.reason)


_NO_VERDICT = (None,) * 4


def _judged(verdict: Verdict) -> tuple[str, str | None, int | None, int]:
    """Return what a verdict says, except for its dollars."""
    return verdict.reason, verdict.kind, verdict.index, min(verdict.missed, MAX_TOKENS)


def _tool_time(hints: Hints) -> int | None:
    """Return how long the client's tools ran since its last request; None if they did not."""
    return sum(taken for _, taken in hints.prev_tool_durations) * MILLI or None


def _json(report: CacheReport | None) -> str | None:
    """Return what fills the context, as JSON."""
    return msgspec.json.encode(report.fill).decode() if report is not None and report.fill else None


def _nano(dollars: float | None) -> int | None:
    return (
        None if dollars is None else round(max(-_MOST_DOLLARS, min(dollars, _MOST_DOLLARS)) * NANO)
    )


def _billed(charge: Charge) -> Billed:
    total, tokens, attempt = charge.total, charge.tokens, charge.attempt
    counts = (*_counts(tokens), tokens.get(ESTIMATED, 0), attempt.usage.thinking)
    if max(counts) > MAX_TOKENS:
        counts = tuple(min(one, MAX_TOKENS) for one in counts)
    cost = 0 if total is None else min(round(total * NANO), MAX_COST)
    return Billed._make(
        (charge.model, word(attempt.kind) or OTHER, *counts, cost, int(total is None))
    )


_counts = operator.itemgetter(*(name for name in Billed._fields if name in BILLED))


def _total(billed: tuple[Billed, ...]) -> Billed:
    """Return the sum of all attempts."""
    if not billed:
        return _NONE
    counts = (one[len(BILLED_NAMES) :] for one in billed)
    return Billed("", "", *map(sum, zip(*counts, strict=True)))


_NONE = Billed("", "", 0, 0, 0, 0, 0, 0, 0, 0, 0)


def _windows(limits: Limits) -> dict[str, int]:
    """Return the utilization of the windows that an answer speaks of."""
    if not limits.windows:
        return {}
    return {
        name: round(min(window.utilization, MAX_USED) * MICRO)
        for name in WINDOWS
        if (window := limits.windows.get(name)) is not None and window.utilization is not None
    }
