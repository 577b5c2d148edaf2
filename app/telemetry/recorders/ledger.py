"""Makes a row of every ended exchange for the ledger, and counts what becomes of it."""

from collections.abc import Mapping

import msgspec

from ...anthropic.limits import Limits
from ...anthropic.token_types import ESTIMATED
from ...cache.report import CacheReport
from ...ledger.labels import write_labels
from ...ledger.rows import (
    BILLED_NAMES,
    MAX_COST,
    MAX_TOKENS,
    MICRO,
    MILLI,
    NANO,
    Billed,
    Record,
    Row,
)
from ...ledger.writer import RESULTS, Ledger
from ..entry import Charge, Entry
from ..instruments import OTHER, Instruments
from ..words import word

WINDOWS = ("5h", "7d")
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
    verdict = None if exchange.cache is None else exchange.cache.verdict
    failure = exchange.failure
    before, after = around or (_UNSAID, _UNSAID)
    billed = tuple(map(_billed, entry.charges))
    total = billed[0] if len(billed) == 1 else _total(billed)
    detailed = len(billed) > 1 or any(one.model != entry.model for one in billed)
    row = Row(
        started=int(exchange.started_at * MILLI),
        duration=round(exchange.duration * MICRO),
        failed=int(failure is not None),
        input=total.input,
        output=total.output,
        cache_read=total.cache_read,
        cache_write_5m=total.cache_write_5m,
        cache_write_1h=total.cache_write_1h,
        estimated=total.estimated,
        thinking=total.thinking,
        cost=total.cost,
        unpriced=total.unpriced,
        detailed=int(detailed),
        model=entry.model,
        session=entry.ids.get("session_id"),
        agent=entry.ids.get("agent_id"),
        parent_agent=hints.parent_agent_id,
        agent_type=hints.agent_type,
        prompt=hints.prompt_id,
        request_class=hints.request_class,
        labels=write_labels(labels) if labels else None,
        route=exchange.route,
        outcome=exchange.outcome.value,
        status=exchange.status,
        streamed=int(exchange.streamed),
        stop_reason=word(exchange.stop_reason),
        usage_missing=exchange.usage_missing,
        cache_miss_reason=word(exchange.cache_miss_reason),
        error_source=None if failure is None else failure.source,
        error_type=None if failure is None else word(failure.type),
        error_reason=None if failure is None else word(failure.reason),
        compaction=hints.compaction,
        slot_wait=_micro(exchange.slot_wait),
        overhead_request=_micro(exchange.overhead_request),
        overhead_response=_micro(exchange.overhead_response),
        upstream_headers=_micro(exchange.upstream_headers),
        first_byte=_micro(exchange.first_byte),
        first_token=_micro(exchange.first_token),
        longest_event_gap=_micro(exchange.longest_event_gap),
        longest_byte_gap=_micro(exchange.longest_byte_gap),
        longest_client_stall=_micro(exchange.longest_client_stall),
        tool_time=sum(taken for _, taken in hints.prev_tool_durations) * MILLI or None,
        attempts=exchange.attempts,
        retries=sum(retry.count for retry in exchange.retries),
        client_retry=exchange.client_retry,
        bytes_in=exchange.bytes_in,
        bytes_out=exchange.bytes_out,
        modified=int(exchange.modified),
        secrets_found=sum(report.matches.values()) if report is not None else 0,
        secrets_restored=sum(exchange.restored.values()),
        scrub_skipped=report.skipped if report is not None else None,
        window_5h_before=before["5h"],
        window_5h_after=after["5h"],
        window_7d_before=before["7d"],
        window_7d_after=after["7d"],
        request_id=entry.ids.get("request_id"),
        client_request_id=hints.client_request_id,
        cache_verdict=None if verdict is None else verdict.reason,
        cache_kind=None if verdict is None else verdict.kind,
        cache_block=None if verdict is None else verdict.index,
        cache_missed=None if verdict is None else min(verdict.missed, MAX_TOKENS),
        cache_miss_cost=_nano(entry.miss_cost),
        cache_saved=_nano(entry.saved),
        context=_json(exchange.cache),
    )
    return Record(row, billed if detailed else ())


def _json(report: CacheReport | None) -> str | None:
    """Return what fills the context, as JSON."""
    return msgspec.json.encode(report.fill).decode() if report is not None and report.fill else None


def _nano(dollars: float | None) -> int | None:
    return (
        None if dollars is None else round(max(-_MOST_DOLLARS, min(dollars, _MOST_DOLLARS)) * NANO)
    )


def _billed(charge: Charge) -> Billed:
    tokens = charge.tokens
    cost = 0 if charge.total is None else round(charge.total * NANO)
    return Billed(
        model=charge.model,
        kind=word(charge.attempt.kind) or OTHER,
        input=min(tokens["input"], MAX_TOKENS),
        output=min(tokens["output"], MAX_TOKENS),
        cache_read=min(tokens["cache_read"], MAX_TOKENS),
        cache_write_5m=min(tokens["cache_write_5m"], MAX_TOKENS),
        cache_write_1h=min(tokens["cache_write_1h"], MAX_TOKENS),
        estimated=min(tokens.get(ESTIMATED, 0), MAX_TOKENS),
        thinking=min(charge.attempt.usage.thinking, MAX_TOKENS),
        cost=min(cost, MAX_COST),
        unpriced=int(charge.total is None),
    )


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


def _micro(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * MICRO)
