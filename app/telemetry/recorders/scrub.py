"""Counts of the scrubber's work; never a value."""

from typing import get_args

from ...scrubber.redact.report import Skip
from ...scrubber.restore.sinks import REFUSALS
from ..entry import Entry
from ..instruments import Instruments

DURATION = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
SKIPS: tuple[Skip, ...] = get_args(Skip)
DETECTORS = 32  # the built-in ones, and a user's own


class Scrubs:
    """Matches, restored placeholders and skipped bodies."""

    def __init__(self, instruments: Instruments) -> None:
        self._detector = instruments.label_set("detector", room=DETECTORS)
        self._matches = instruments.counters(
            "scrub_matches_total", "Secrets and identifiers found, by detector", "detector"
        )
        self._restored = instruments.counters(
            "scrub_restored_total", "Placeholders restored in responses, by detector", "detector"
        )
        self._refused = instruments.counters(
            "scrub_restore_refused_total",
            "Placeholders that were not restored, by reason",
            "reason",
            known=[(reason,) for reason in REFUSALS],
        )
        self._unresolved = instruments.counter(
            "scrub_unresolved_total",
            "Placeholders in tool inputs that match no value of the request",
        )
        self._duration = instruments.histogram(
            "scrub_duration_seconds", "Time to scan a request body", DURATION
        )
        self._bytes = instruments.counter("scrub_bytes_total", "Request body bytes scanned")
        self._skipped = instruments.counters(
            "scrub_skipped_total",
            "Request bodies that were not scanned, by reason",
            "reason",
            known=[(reason,) for reason in SKIPS],
        )
        self._modified = instruments.counter(
            "bytes_modified_requests_total",
            "Requests whose forwarded body differs from the received body",
        )

    def record(self, entry: Entry) -> None:
        """Count the scrubber's report, if there is one."""
        exchange = entry.exchange
        if exchange.modified:
            self._modified.inc()
        for detector, count in exchange.restored.items():
            self._restored(self._detector(detector)).inc(count)
        for reason, count in exchange.refused.items():
            self._refused(reason).inc(count)
        self._unresolved.inc(exchange.unresolved)
        report = exchange.scrub
        if report is None:
            return
        for detector, count in report.matches.items():
            self._matches(self._detector(detector)).inc(count)
        if report.skipped is not None:
            self._skipped(report.skipped).inc()
            return
        self._bytes.inc(report.scanned)
        self._duration.observe(report.duration)
