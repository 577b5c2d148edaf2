"""Durations, in seconds."""

from ...exchange import Exchange
from ..bounds import FIRST
from ..entry import NO_MODEL, Entry
from ..instruments import OTHER, Instruments, SeriesBudget

DURATION = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 300, 600, 1200)
HEADERS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
TOKENS_PER_SECOND = (5, 10, 20, 40, 60, 80, 120, 200, 400)
TOKEN = (0.0025, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.2)
OVERHEAD = (0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
GAP = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60, 180, 300)
SLOT_WAIT = (0.001, 0.01, 0.1, 0.5, 1, 2.5, 5, 10, 30)

MODELS = 6  # each costs 58 series here
MODEL_ROUTE = "messages"  # durations of other routes have no model
DURATIONS = 8  # series of durations by model: each costs 19


class Latency:
    """Durations of exchanges. The first `MODELS` models have histograms of their own."""

    def __init__(self, instruments: Instruments) -> None:
        histograms = instruments.histograms
        self._model = instruments.label_set("latency_model", room=MODELS)
        self._duration = histograms(
            "request_duration_seconds",
            "Time from the first byte of a request to the end of the exchange",
            "route",
            "streamed",
            "model",
            buckets=DURATION,
            known=[("messages", "true", OTHER), ("count_tokens", "false", NO_MODEL)],
        )
        self._durations = SeriesBudget(
            DURATIONS, ((MODEL_ROUTE, streamed, OTHER) for streamed in ("true", "false"))
        )
        self._headers = histograms(
            "upstream_response_headers_seconds",
            "Time from sending a request upstream to its response headers",
            "model",
            buckets=HEADERS,
        )
        self._first_token = histograms(
            "time_to_first_token_seconds",
            "Time from the first byte of a request to the first content relayed",
            "model",
            buckets=FIRST,
        )
        self._pace = histograms(
            "output_tokens_per_second",
            "Output tokens per second of a stream, after its first token",
            "model",
            buckets=TOKENS_PER_SECOND,
        )
        self._token = histograms(
            "time_per_output_token_seconds",
            "Time per output token of a stream, after its first token",
            "model",
            buckets=TOKEN,
        )
        self._overhead = histograms(
            "overhead_seconds",
            "Time added by the proxy: to the request, and to the slowest response chunk",
            "phase",
            buckets=OVERHEAD,
            known=[("request",), ("response",)],
        )
        self._gap = histograms(
            "stream_gap_seconds",
            "Longest silence of upstream within a stream, between events and between bytes",
            "kind",
            buckets=GAP,
            known=[("event",), ("byte",)],
        )
        self._slot_wait = instruments.histogram(
            "upstream_slot_wait_seconds", "Time a request waited for an upstream stream", SLOT_WAIT
        )

    def expect(self, model: str) -> None:
        """Create the histograms of a running request's model at 0, before it ends."""
        name = self._model(model)
        for family in (self._headers, self._first_token, self._pace, self._token):
            family(name)
        self._duration(*self._place(MODEL_ROUTE, "true", name))

    def record(self, entry: Entry) -> None:
        """Observe every duration that was measured."""
        exchange, exemplar = entry.exchange, entry.exemplar
        streamed = "true" if exchange.streamed else "false"
        duration = self._duration(*self._place(exchange.route, streamed, entry.model))
        duration.observe(exchange.duration, exemplar)
        for seconds, histogram in (
            (exchange.overhead_request, self._overhead("request")),
            (exchange.overhead_response, self._overhead("response")),
            (exchange.slot_wait, self._slot_wait),
        ):
            if seconds is not None:
                histogram.observe(seconds)
        if exchange.streamed:
            self._record_gaps(exchange)
        if exchange.upstream_headers is not None:
            self._record_model(entry, exemplar)

    def _record_gaps(self, exchange: Exchange) -> None:
        for kind, seconds in (
            ("event", exchange.longest_event_gap),
            ("byte", exchange.longest_byte_gap),
        ):
            if seconds is not None:
                self._gap(kind).observe(seconds)

    def _record_model(self, entry: Entry, exemplar: dict[str, str] | None) -> None:
        exchange = entry.exchange
        model = self._model(entry.model)
        if exchange.upstream_headers is not None:
            self._headers(model).observe(exchange.upstream_headers)
        if exchange.first_token is not None:
            self._first_token(model).observe(exchange.first_token, exemplar)
        pace = output_pace(exchange)
        if pace is not None:
            self._pace(model).observe(pace)
            if pace > 0:
                self._token(model).observe(1 / pace)

    def _place(self, route: str, streamed: str, model: str) -> tuple[str, str, str]:
        """Return the labels of a duration; a model for which there is no room is `OTHER`."""
        if route != MODEL_ROUTE:
            return route, streamed, NO_MODEL
        whole = (route, streamed, model)
        return whole if self._durations.has(whole) else (route, streamed, OTHER)


def output_pace(exchange: Exchange) -> float | None:
    """Return the output tokens per second of a stream, after its first token."""
    estimated = any(attempt.estimated for attempt in exchange.billed)
    if not exchange.streamed or exchange.first_token is None or exchange.usage is None or estimated:
        return None
    seconds = exchange.duration - exchange.first_token
    return exchange.usage.output / seconds if seconds > 0 else None
