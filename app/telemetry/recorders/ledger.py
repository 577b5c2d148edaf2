"""Makes rows of ended exchanges for the ledger, and counts what becomes of them."""

import functools
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain, pairwise, repeat
from math import floor
from operator import add, mul
from typing import Any

import msgspec

from ...anthropic.hints import Hints
from ...anthropic.limits import Window
from ...anthropic.token_types import BILLED, ESTIMATED
from ...cache.report import CacheReport
from ...exchange import Exchange, Outcome
from ...ledger.batch import Attempt, Batch, Columns
from ...ledger.labels import write_labels
from ...ledger.rows import (
    BILLED_NAMES,
    MAX_COST,
    MAX_TOKENS,
    MICRO,
    MILLI,
    NANO,
    WINDOWS,
    Billed,
)
from ...ledger.writer import RESULTS, Ledger
from ..entry import Charge, Entry
from ..instruments import OTHER, Instruments
from ..words import word

MAX_USED = 1_000  # times a window; its utilization may exceed 1

Used = tuple[int | None, ...]  # millionths of each of the `WINDOWS`, before, after, or both
Labels = Mapping[str, str]
Pending = tuple[Entry, Used, Labels]
_AROUND = [f"window_{name}_{when}" for when in ("before", "after") for name in WINDOWS]
_UNSAID: Used = (None,) * len(_AROUND)


class LedgerRows:
    """Hands each exchange to the ledger. State: ``_windows``, as last seen."""

    def __init__(self, instruments: Instruments, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._windows: Used = (None,) * len(WINDOWS)
        results = instruments.counters(
            "ledger_rows_total",
            "Rows of the ledger, by result",
            "result",
            known=[(result,) for result in RESULTS],
        )
        queue = instruments.gauge("ledger_queue_rows", "Rows of the ledger that wait to be written")
        if ledger is not None:
            ledger.batch_of = batch_of
            ledger.count = lambda result, number: results(result).inc(number)
            queue.set_function(lambda: ledger.waiting)

    def record(self, entry: Entry) -> None:
        """Hand over an exchange, with the windows before and after it if its answer states any."""
        if self._ledger is None:
            return
        around, windows = _UNSAID, entry.limits.windows
        if windows:
            after = _used(windows, self._windows)
            if after is not None:
                around = self._windows + after
                self._windows = after
        labels = entry.exchange.labels
        if labels:
            labels = {name: labels[name] for name in self._ledger.labels & labels.keys()}
        self._ledger.put((entry, around, labels))


def _used(windows: Mapping[str, Window], before: Used) -> Used | None:
    """Return the use of the `WINDOWS` after an answer; None if it speaks of none of them."""
    after, said = list(before), False
    for place, name in enumerate(WINDOWS):
        window = windows.get(name)
        if window is not None and window.utilization is not None:
            after[place], said = _millionths(window.utilization), True
    return tuple(after) if said else None


@functools.lru_cache(64)
def _millionths(utilization: float) -> int:
    """Return a fraction; answer after answer states the same."""
    return round(min(utilization, MAX_USED) * MICRO)


def batch_of(pending: Sequence[Pending]) -> Batch:
    """Return what the ledger keeps of exchanges."""
    entries, around, labels = zip(*pending, strict=True)
    exchanges = [entry.exchange for entry in entries]
    columns: dict[str, Sequence[Any]] = {
        "started": [floor(one.started_at * MILLI) for one in exchanges],
        "route": [one.route for one in exchanges],
        "outcome": [_OUTCOMES[one.outcome] for one in exchanges],
        "status": [one.status for one in exchanges],
        "streamed": [1 if one.streamed else 0 for one in exchanges],
        "stop_reason": _words([one.stop_reason for one in exchanges]),
        "usage_missing": [one.usage_missing for one in exchanges],
        "cache_miss_reason": _words([one.cache_miss_reason for one in exchanges]),
        "labels": [write_labels(one) if one else None for one in labels],
        "attempts": [one.attempts for one in exchanges],
        "retries": [
            sum(retry.count for retry in one.retries) if one.retries else 0 for one in exchanges
        ],
        "client_retry": [one.client_retry for one in exchanges],
        "bytes_in": [one.bytes_in for one in exchanges],
        "bytes_out": [one.bytes_out for one in exchanges],
        "modified": [1 if one.modified else 0 for one in exchanges],
    }
    attempts = _add_charges(columns, entries)
    _add_ids(columns, entries)
    _add_hints(columns, exchanges)
    _add_durations(columns, exchanges)
    _add_failures(columns, exchanges)
    _add_secrets(columns, exchanges)
    columns |= zip(_AROUND, zip(*around, strict=True), strict=True)
    if any(one.cache for one in exchanges):
        _add_verdicts(columns, entries)
    return Batch(columns, attempts)


_OUTCOMES: Mapping[Outcome, str] = {one: one.value for one in Outcome}


def _words(said: Sequence[str | None]) -> Sequence[str | None]:
    return [None if one is None else word(one) for one in said]


def _scaled(values: Sequence[float | None], unit: float) -> Sequence[int | None]:
    """Return values in whole units; what has no None takes a third of the time."""
    if values.count(None) == len(values):
        return [None] * len(values)
    try:
        return [*map(floor, map(add, map(mul, values, repeat(unit)), repeat(0.5)))]
    except TypeError:
        return [None if one is None else floor(one * unit + 0.5) for one in values]


def _bounded(values: Sequence[int | None], most: int) -> Sequence[int | None]:
    """Return values, none further from 0 than ``most``."""
    if max(map(abs, filter(None, values)), default=0) <= most:
        return values
    return [None if one is None else max(-most, min(one, most)) for one in values]


def _add_ids(columns: dict[str, Sequence[Any]], entries: Sequence[Entry]) -> None:
    ids = [one.ids for one in entries]
    columns["session"] = [one.get("session_id") for one in ids]
    columns["agent"] = [one.get("agent_id") for one in ids]
    columns["request_id"] = [one.get("request_id") for one in ids]


def _add_hints(columns: dict[str, Sequence[Any]], exchanges: Sequence[Exchange]) -> None:
    hints = [one.hints for one in exchanges]
    columns["parent_agent"] = [one.parent_agent_id for one in hints]
    columns["agent_type"] = [one.agent_type for one in hints]
    columns["prompt"] = [one.prompt_id for one in hints]
    columns["request_class"] = [one.request_class for one in hints]
    columns["compaction"] = [one.compaction for one in hints]
    columns["client_request_id"] = [one.client_request_id for one in hints]
    columns["tool_time"] = [_tool_time(one) if one.prev_tool_durations else None for one in hints]


def _tool_time(hints: Hints) -> int | None:
    """Return how long the client's tools ran since its last request; None if they did not."""
    return sum(taken for _, taken in hints.prev_tool_durations) * MILLI or None


def _add_durations(columns: dict[str, Sequence[Any]], exchanges: Sequence[Exchange]) -> None:
    for name, values in (
        ("duration", [one.duration for one in exchanges]),
        ("slot_wait", [one.slot_wait for one in exchanges]),
        ("overhead_request", [one.overhead_request for one in exchanges]),
        ("overhead_response", [one.overhead_response for one in exchanges]),
        ("upstream_headers", [one.upstream_headers for one in exchanges]),
        ("first_byte", [one.first_byte for one in exchanges]),
        ("first_token", [one.first_token for one in exchanges]),
        ("longest_event_gap", [one.longest_event_gap for one in exchanges]),
        ("longest_byte_gap", [one.longest_byte_gap for one in exchanges]),
        ("longest_client_stall", [one.longest_client_stall for one in exchanges]),
    ):
        columns[name] = _scaled(values, float(MICRO))


def _add_charges(columns: dict[str, Sequence[Any]], entries: Sequence[Entry]) -> list[Attempt]:
    """Add models and sums; return attempts that have rows of their own."""
    charges = [*chain.from_iterable(entry.charges for entry in entries)]
    billed = _billed(charges)
    models = [entry.model for entry in entries]
    counts = [len(entry.charges) for entry in entries]
    ends = [0, *accumulate(counts)]
    if counts.count(1) == len(counts):
        columns |= billed  # the usual case: an attempt for each
        pairs = zip(charges, models, strict=True)
        detailed = [0 if charge.model == model else 1 for charge, model in pairs]
    else:
        for name, values in billed.items():
            columns[name] = [sum(values[start:end]) for start, end in pairwise(ends)]
        detailed = [
            1 if end - start > 1 or (start < end and charges[start].model != model) else 0
            for (start, end), model in zip(pairwise(ends), models, strict=True)
        ]
    columns["model"], columns["detailed"] = models, detailed
    return [*_attempts(detailed, ends, charges, billed)] if any(detailed) else []


def _billed(charges: Sequence[Charge]) -> Columns:
    """Return tokens and costs of attempts by columns."""
    tokens = [one.tokens for one in charges]
    counts = {name: [one[name] for one in tokens] for name in BILLED}
    counts[ESTIMATED] = [one.get(ESTIMATED, 0) for one in tokens]
    counts["thinking"] = [one.attempt.usage.thinking for one in charges]
    columns = {name: _bounded(values, MAX_TOKENS) for name, values in counts.items()}
    dollars = _scaled([one.total or 0.0 for one in charges], float(NANO))
    columns["cost"] = _bounded(dollars, MAX_COST)
    columns["unpriced"] = [1 if one.total is None else 0 for one in charges]
    return columns


def _attempts(
    detailed: Sequence[int], ends: Sequence[int], charges: Sequence[Charge], billed: Columns
) -> Iterator[Attempt]:
    columns = [billed[name] for name in Billed._fields if name not in BILLED_NAMES]
    for place, (start, end) in enumerate(pairwise(ends)):
        for at in range(start, end) if detailed[place] else ():
            charge, sums = charges[at], [column[at] for column in columns]
            kind = word(charge.attempt.kind) or OTHER
            yield Attempt(place, at - start, Billed(charge.model, kind, *sums))


def _add_failures(columns: dict[str, Sequence[Any]], exchanges: Sequence[Exchange]) -> None:
    failures = [one.failure for one in exchanges]
    columns["failed"] = [0 if one is None else 1 for one in failures]
    if any(failures):
        columns["error_source"] = [None if one is None else one.source for one in failures]
        columns["error_type"] = [None if one is None else word(one.type) for one in failures]
        columns["error_reason"] = [None if one is None else word(one.reason) for one in failures]


def _add_secrets(columns: dict[str, Sequence[Any]], exchanges: Sequence[Exchange]) -> None:
    reports = [one.scrub for one in exchanges]
    columns["secrets_found"] = [
        0 if one is None else sum(one.matches.values()) if one.matches else 0 for one in reports
    ]
    columns["secrets_restored"] = [
        sum(one.restored.values()) if one.restored else 0 for one in exchanges
    ]
    columns["scrub_skipped"] = [None if one is None else one.skipped for one in reports]


def _add_verdicts(columns: dict[str, Sequence[Any]], entries: Sequence[Entry]) -> None:
    reports = [entry.exchange.cache for entry in entries]
    verdicts = [None if one is None else one.verdict for one in reports]
    columns["cache_verdict"] = [None if one is None else one.reason for one in verdicts]
    columns["cache_kind"] = [None if one is None else one.kind for one in verdicts]
    columns["cache_block"] = [None if one is None else one.index for one in verdicts]
    missed = [None if one is None else one.missed for one in verdicts]
    columns["cache_missed"] = _bounded(missed, MAX_TOKENS)
    for name, dollars in (
        ("cache_miss_cost", [one.miss_cost for one in entries]),
        ("cache_saved", [one.saved for one in entries]),
    ):
        columns[name] = _bounded(_scaled(dollars, float(NANO)), MAX_COST)
    columns["context"] = [None if one is None else _json(one) for one in reports]


def _json(report: CacheReport) -> str | None:
    """Return what fills the context, as JSON."""
    return msgspec.json.encode(report.fill).decode() if report.sizes else None
