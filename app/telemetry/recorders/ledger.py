"""Makes a row of every ended exchange for the ledger, and counts what becomes of it."""

import json
from collections.abc import Mapping

from ...anthropic.limits import read
from ...anthropic.token_types import COUNTED
from ...cache.report import CacheReport
from ...ledger.labels import write_labels
from ...ledger.rows import MICRO, MILLI, MOST_COST, MOST_TOKENS, NANO, Billed, Record, Row
from ...ledger.writer import RESULTS, Ledger
from ..entry import Charge, Entry
from ..instruments import OTHER, Instruments
from ..words import word

WINDOWS = {
    "5h": "anthropic-ratelimit-unified-5h-utilization",
    "7d": "anthropic-ratelimit-unified-7d-utilization",
}
_MOST_DOLLARS = MOST_COST / NANO
MOST_USED = 1_000  # times a window; its utilization may exceed 1

Fractions = Mapping[str, int | None]  # of the `WINDOWS`, in millionths


class LedgerRows:
    """Hands a row of each exchange to the ledger. State: ``_windows``, as last seen."""

    def __init__(self, instruments: Instruments, ledger: Ledger | None) -> None:
        self._ledger = ledger
        self._windows: Fractions = dict.fromkeys(WINDOWS)
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
            self._windows = {**before, **_windows(entry.exchange.headers)}
            labels = entry.exchange.labels
            kept = {name: labels[name] for name in self._ledger.labels & labels.keys()}
            self._ledger.put(record_of(entry, before, self._windows, kept))


def record_of(
    entry: Entry, before: Fractions, after: Fractions, labels: Mapping[str, str]
) -> Record:
    """Return what the ledger keeps of an exchange, with these ``labels``.

    ``before`` and ``after`` are the usage windows around it.
    """
    exchange, hints, report = entry.exchange, entry.exchange.hints, entry.exchange.scrub
    verdict = None if exchange.cache is None else exchange.cache.verdict
    said, failure = bool(_windows(exchange.headers)), exchange.failure
    billed = tuple(map(_billed, entry.charges))
    detailed = len(billed) > 1 or any(one.model != entry.model for one in billed)
    row = Row(
        started=int(exchange.started_at * MILLI),
        duration=round(exchange.duration * MICRO),
        failed=int(failure is not None),
        **_sums(billed),
        detailed=int(detailed),
        model=entry.model,
        session=entry.ids.get("session_id"),
        agent=entry.ids.get("agent_id"),
        parent_agent=hints.parent_agent_id,
        agent_type=hints.agent_type,
        prompt=hints.prompt_id,
        request_class=hints.request_class,
        labels=write_labels(labels) or None,
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
        window_5h_before=before["5h"] if said else None,
        window_5h_after=after["5h"] if said else None,
        window_7d_before=before["7d"] if said else None,
        window_7d_after=after["7d"] if said else None,
        request_id=entry.ids.get("request_id"),
        client_request_id=hints.client_request_id,
        cache_verdict=None if verdict is None else verdict.reason,
        cache_kind=None if verdict is None else verdict.kind,
        cache_block=None if verdict is None else verdict.index,
        cache_missed=None if verdict is None else min(verdict.missed, MOST_TOKENS),
        cache_miss_cost=_nano(entry.miss_cost),
        cache_saved=_nano(entry.saved),
        context=_json(exchange.cache),
    )
    return Record(row, billed if detailed else ())


def _json(report: CacheReport | None) -> str | None:
    """Return what fills the context, as JSON."""
    if report is None or not report.fill:
        return None
    return json.dumps(report.fill, separators=(",", ":"))


def _nano(dollars: float | None) -> int | None:
    return (
        None if dollars is None else round(max(-_MOST_DOLLARS, min(dollars, _MOST_DOLLARS)) * NANO)
    )


def _billed(charge: Charge) -> Billed:
    cost = 0 if charge.cost is None else round(sum(charge.cost.values()) * NANO)
    return Billed(
        model=charge.model,
        kind=word(charge.attempt.kind) or OTHER,
        **{kind: min(charge.tokens.get(kind, 0), MOST_TOKENS) for kind in COUNTED},
        thinking=min(charge.attempt.usage.thinking, MOST_TOKENS),
        cost=min(cost, MOST_COST),
        unpriced=int(charge.cost is None),
    )


_SUMMED = (*COUNTED, "thinking", "cost", "unpriced")


def _sums(billed: tuple[Billed, ...]) -> dict[str, int]:
    if len(billed) == 1:
        return {name: getattr(billed[0], name) for name in _SUMMED}
    return {name: sum(getattr(one, name) for one in billed) for name in _SUMMED}


def _windows(headers: Mapping[str, str]) -> dict[str, int]:
    """Return the utilization of the windows that an answer speaks of."""
    said = {name: headers[name] for name in WINDOWS.values() if name in headers}
    if not said:
        return {}
    found = {name: window.utilization for name, window in read(said).windows.items()}
    return {
        name: round(min(used, MOST_USED) * MICRO)
        for name, used in found.items()
        if used is not None
    }


def _micro(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * MICRO)
