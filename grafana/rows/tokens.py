"""What is written and read, and what it would cost at list price."""

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
            about="The pace of all streams together while they run: content counts as it passes, "
            "about 4 characters a token, and the final usage corrects it.",
            queries=(rate("anthropic_proxy_output_tokens_live_total", by="instance"),),
            unit="cps",
            stacked=True,
        ),
        Lines(
            title="Tokens by type",
            about="As upstream bills them, when an answer ends: a long answer is a spike. Thinking "
            "is part of the output.",
            queries=(
                rate("anthropic_proxy_tokens_total", "{@model}", by="type"),
                rate("anthropic_proxy_thinking_tokens_total", "{@model}", legend="thinking"),
            ),
            unit="cps",
        ),
        Lines(
            title="Output tokens by model",
            about="By the model that answered.",
            queries=(
                rate("anthropic_proxy_tokens_total", f"{{@model, {OUTPUT_TYPES}}}", by="model"),
            ),
            unit="cps",
            stacked=True,
        ),
        Lines(
            title="Cache hit ratio by model",
            about="Input tokens read from the prompt cache, of all input tokens. A fall makes the "
            "same work 2 to 10 times dearer.",
            queries=(ratio(_CACHED, _INPUT, "{{model}}"),),
            unit="percentunit",
            limits=(0, 1),
        ),
        Lines(
            title="Cost per hour by model",
            about="List-price estimate; not a bill.",
            queries=(
                rate("anthropic_proxy_cost_usd_total", "{@model}", by="model", per_hour=True),
            ),
            unit="currencyUSD",
            stacked=True,
        ),
        Lines(
            title="Cost per hour by type of token",
            about="List-price estimate: what the money goes into.",
            queries=(rate("anthropic_proxy_cost_usd_total", "{@model}", by="type", per_hour=True),),
            unit="currencyUSD",
            stacked=True,
        ),
        Lines(
            title="Input tokens per request",
            about="How long prompts are, cached parts included.",
            queries=quantiles("anthropic_proxy_request_input_tokens"),
            unit="short",
        ),
        Lines(
            title="Why answers stop",
            about="Stop reasons of answers.",
            queries=(rate("anthropic_proxy_stop_reasons_total", "{@model}", by="reason"),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Server tools",
            about="Web searches and fetches that upstream ran and bills.",
            queries=(rate("anthropic_proxy_server_tool_requests_total", by="tool"),),
            unit="ops",
        ),
        Lines(
            title="Not counted, not priced",
            about="Answers without usage and models without a price: totals are too low by them.",
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
