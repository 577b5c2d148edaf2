"""Hands every ended exchange to the exporter of spans, and counts what becomes of them."""

from collections.abc import Callable
from typing import Protocol

import structlog

from ...exchange import Exchange
from ...wire.trace_context import TraceContext
from ..entry import Entry
from ..instruments import Instruments

RESULTS = ("exported", "failed", "dropped")

log = structlog.get_logger(__name__)


class Exporter(Protocol):
    """Exports spans and measurements by OpenTelemetry (`app.otel.exporter`)."""

    count: Callable[[str, int], None]

    def trace(self, parent: TraceContext | None) -> TraceContext | None:
        """Return the context of a new span, and whether it is to be recorded."""

    def put(self, entry: Entry) -> None:
        """Take an ended exchange; returns at once."""

    def start(self) -> None:
        """Begin to export."""

    def close(self) -> None:
        """Export what waits, for a bounded time."""


class Spans:
    """Passes exchanges on; without an exporter it does nothing."""

    def __init__(self, instruments: Instruments, exporter: Exporter | None) -> None:
        self._exporter = exporter
        results = instruments.counters(
            "otel_spans_total",
            "OpenTelemetry spans, by result",
            "result",
            known=[(result,) for result in RESULTS],
        )
        if exporter is not None:
            exporter.count = lambda result, number: results(result).inc(number)

    def trace_of(self, exchange: Exchange) -> TraceContext | None:
        """Return the context of the exchange's own span if it gets one, else the client's."""
        client = exchange.hints.trace
        if self._exporter is None:
            return client
        try:
            return self._exporter.trace(client)
        except Exception:  # a sampler of the user's; the other records must not suffer
            log.exception("no span was begun")
            return None

    def record(self, entry: Entry) -> None:
        """Hand over an exchange."""
        if self._exporter is not None:
            self._exporter.put(entry)
