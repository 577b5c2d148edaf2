"""Tokens, and their cost at list price."""

from grafana.dashboard import Row
from grafana.panels import Lines
from grafana.queries import CACHED_TYPE, INPUT_TYPES, OUTPUT_TYPES, quantiles, rate, ratio

_INPUT = rate("anthropic_proxy_tokens_total", f"{{@model, {INPUT_TYPES}}}", by="model").expr
_CACHED = rate("anthropic_proxy_tokens_total", f"{{@model, {CACHED_TYPE}}}", by="model").expr

TOKENS = Row(
    "Tokens and cost",
    (
        Lines(
            title="Output tokens as they stream",
            about="Rate over all running streams, estimated at 4 characters a token and corrected "
            "by the final usage.",
            queries=(rate("anthropic_proxy_output_tokens_live_total", by="instance"),),
            unit="cps",
            stacked=True,
        ),
        Lines(
            title="Tokens by type",
            about="Billed tokens, counted when a response ends, so a long response is a spike. "
            "Thinking tokens are included in the output.",
            queries=(
                rate("anthropic_proxy_tokens_total", "{@model}", by="type"),
                rate("anthropic_proxy_thinking_tokens_total", "{@model}", legend="thinking"),
            ),
            unit="cps",
        ),
        Lines(
            title="Output tokens by model",
            about="Output tokens by the model that responded.",
            queries=(
                rate(
                    "anthropic_proxy_tokens_total",
                    f"{{@model, {OUTPUT_TYPES}}}",
                    by="model",
                    counted=True,
                ),
            ),
            unit="cps",
            stacked=True,
        ),
        Lines(
            title="Cache hit ratio by model",
            about="Share of input tokens that were read from the prompt cache. When it falls, the "
            "same work costs 2 to 10 times as much.",
            queries=(ratio(_CACHED, _INPUT, "{{model}}"),),
            unit="percentunit",
            limits=(0, 1),
        ),
        Lines(
            title="Cost per hour by model",
            about="Estimate at list price; not a bill.",
            queries=(
                rate(
                    "anthropic_proxy_cost_usd_total",
                    "{@model}",
                    by="model",
                    per_hour=True,
                    counted=True,
                ),
            ),
            unit="currencyUSD",
            stacked=True,
        ),
        Lines(
            title="Cost per hour by type of token",
            about="Estimate at list price, by type of token.",
            queries=(rate("anthropic_proxy_cost_usd_total", "{@model}", by="type", per_hour=True),),
            unit="currencyUSD",
            stacked=True,
        ),
        Lines(
            title="Input tokens per request",
            about="Prompt length, including cached tokens.",
            queries=quantiles("anthropic_proxy_request_input_tokens"),
            unit="short",
        ),
        Lines(
            title="Stop reasons",
            about="Responses by stop reason.",
            queries=(rate("anthropic_proxy_stop_reasons_total", "{@model}", by="reason"),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Server tools",
            about="Web searches and fetches that upstream ran and billed.",
            queries=(rate("anthropic_proxy_server_tool_requests_total", by="tool"),),
            unit="ops",
        ),
        Lines(
            title="Missing usage and prices",
            about="Responses without usage, and models without a price. Totals do not include "
            "them.",
            queries=(
                rate(
                    "anthropic_proxy_usage_missing_total",
                    by="reason",
                    legend="no usage: {{reason}}",
                ),
                rate(
                    "anthropic_proxy_unpriced_requests_total",
                    "{@model}",
                    by="model",
                    legend="no price: {{model}}",
                ),
            ),
            unit="ops",
        ),
    ),
)
