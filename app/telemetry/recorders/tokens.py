"""Tokens, their cost at list price, and stop reasons."""

from collections.abc import Iterable
from itertools import product

from ...anthropic.token_types import COSTS, COUNTED
from ...anthropic.usage import MISSING
from ..entry import Charge, Entry
from ..instruments import OTHER, Instruments, SeriesBudget

STOP_REASONS = (
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
)
SERVER_TOOLS = ("web_search", "web_fetch")
INPUT_TOKENS = tuple(4**power for power in range(4, 11))  # 256 to 1,048,576

MODELS = 14  # each costs 15 series here, and as many created timestamps
STOPS = 24  # series of stop reasons by model; further ones lose their model


class Tokens:
    """Usage by model: the ``priced`` models and the first `MODELS` others."""

    def __init__(
        self, instruments: Instruments, priced: Iterable[str], unpriced: Iterable[str]
    ) -> None:
        counters, priced = instruments.counters, tuple(priced)
        self._model = instruments.label_set("model", priced, room=MODELS)
        self._reason = instruments.label_set("stop_reason", STOP_REASONS)
        self._tool = instruments.label_set("server_tool", SERVER_TOOLS)
        self._missing_reason = instruments.label_set("usage_missing", MISSING)
        self._tokens = counters(
            "tokens_total",
            "Billed tokens, by disjoint type; estimated: output of streams that ended early",
            "model",
            "type",
            known=product(priced, COUNTED),
        )
        self._thinking = counters(
            "thinking_tokens_total",
            "Thinking tokens (included in the output tokens)",
            "model",
            known=product(priced),
        )
        self._cost = counters(
            "cost_usd_total",
            "Cost in US dollars, estimated at list price",
            "model",
            "type",
            known=product(priced, COSTS),
        )
        self._unpriced = counters(
            "unpriced_requests_total",
            "Billed attempts of models without a known price",
            "model",
            known=[(name,) for name in (*unpriced, OTHER)],
        )
        self._prompt = instruments.histogram(
            "request_input_tokens", "Input tokens of a request, including cached ones", INPUT_TOKENS
        )
        self._missing = counters(
            "usage_missing_total",
            "Responses whose usage is unknown or incomplete, by reason",
            "reason",
            known=[(reason,) for reason in MISSING],
        )
        self._tools = counters(
            "server_tool_requests_total",
            "Server-side tool requests, by tool",
            "tool",
            known=[(tool,) for tool in SERVER_TOOLS],
        )
        self._stops = counters("stop_reasons_total", "Responses, by stop reason", "model", "reason")
        self._stop_places = SeriesBudget(STOPS, product((OTHER,), (*STOP_REASONS, OTHER)))

    def expect(self, model: str) -> None:
        """Create the series of a running request's model at 0, before it ends."""
        name = self._model(model)
        for kind in COUNTED:
            self._tokens(name, kind)
        self._thinking(name)

    def record(self, entry: Entry) -> None:
        """Count the usage and the stop reason that the response stated."""
        exchange = entry.exchange
        if exchange.usage_missing is not None:
            self._missing(self._missing_reason(exchange.usage_missing)).inc()
        if exchange.stop_reason is not None:
            self._stops(*self._stop(entry.model, exchange.stop_reason)).inc()
        if exchange.usage is not None and exchange.billed:
            self._prompt.observe(exchange.usage.prompt)
        for charge in entry.charges:
            self._record_charge(charge)

    def _stop(self, model: str, reason: str) -> tuple[str, str]:
        """Return the labels of a stop reason."""
        whole = (self._model(model), self._reason(reason))
        return whole if self._stop_places.has(whole) else (OTHER, whole[1])

    def _record_charge(self, charge: Charge) -> None:
        """Count an attempt under its own model."""
        model, usage = self._model(charge.model), charge.attempt.usage
        for kind, tokens in charge.tokens.items():
            count = self._tokens(model, kind)
            if tokens:
                count.inc(tokens)
        thinking = self._thinking(model)
        if usage.thinking:
            thinking.inc(usage.thinking)
        for tool, requests in usage.server_tools.items():
            self._tools(self._tool(tool)).inc(requests)
        if charge.cost is None:
            self._unpriced(model).inc()
            return
        for kind, dollars in charge.cost.items():
            cost = self._cost(model, kind)
            if dollars:
                cost.inc(dollars)
