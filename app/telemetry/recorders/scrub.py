"""What the scrubber did: counts, never values."""

from typing import get_args

from ...scrubber.report import Skip
from ...scrubber.sinks import REFUSALS
from ..entry import Entry
from ..instruments import Instruments

DURATION = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
SKIPS: tuple[Skip, ...] = get_args(Skip)
DETECTORS = 32  # the built-in ones, and a user's own


class Scrubs:
    """Matches, restored placeholders, and what could not be scanned."""

    def __init__(self, instruments: Instruments) -> None:
        self._detector = instruments.label_set("detector", room=DETECTORS)
        self._matches = instruments.counters(
            "scrub_matches_total", "Secrets and identifiers found in requests", "detector"
        )
        self._restored = instruments.counters(
            "scrub_restored_total", "Placeholders restored in answers", "detector"
        )
        self._refused = instruments.counters(
            "scrub_restore_refused_total",
            "Placeholders that were not restored, by the reason",
            "reason",
            known=[(reason,) for reason in REFUSALS],
        )
        self._unresolved = instruments.counter(
            "scrub_unresolved_total",
            "What looks like a placeholder in a tool input and stands for nothing",
        )
        self._duration = instruments.histogram(
            "scrub_duration_seconds", "Scanning one request body", DURATION
        )
        self._bytes = instruments.counter("scrub_bytes_total", "Body bytes scanned")
        self._skipped = instruments.counters(
            "scrub_skipped_total",
            "Bodies that were not scanned",
            "reason",
            known=[(reason,) for reason in SKIPS],
        )
        self._modified = instruments.counter(
            "bytes_modified_requests_total",
            "Requests whose forwarded body differs from the received one",
        )

    def record(self, entry: Entry) -> None:
        """Count what the scrubber reported; without a scrubber there is nothing."""
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
