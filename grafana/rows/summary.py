"""The most important figures."""

from grafana_foundation_sdk.models.common import BigValueTextMode

from grafana.dashboard import Row
from grafana.panels import Stat, Table
from grafana.queries import (
    CACHED_TYPE,
    INPUT_TYPES,
    OUTPUT_TYPES,
    Query,
    ours,
    quantile,
    rate,
    ratio,
    total,
)

_ENDED = "sum(rate(anthropic_proxy_requests_total{@}[$__rate_interval]))"
_FAILED = "sum(rate(anthropic_proxy_failed_requests_total{@}[$__rate_interval]))"
_INPUT = rate("anthropic_proxy_tokens_total", f"{{@model, {INPUT_TYPES}}}").expr
_CACHED = rate("anthropic_proxy_tokens_total", f"{{@model, {CACHED_TYPE}}}").expr
_ALERTS = 'ALERTS{alertname=~"AnthropicProxy.*", alertstate="firing", job=~"$job"}'
_BUDGET = 'job_slo:anthropic_proxy_budget_burn:rate30d{job=~"$job", slo="availability"}'

SUMMARY = Row(
    "Overview",
    (
        Stat(
            title="Replicas up",
            about="Proxies that Prometheus can scrape.",
            queries=(Query(f"sum({ours('up')}) or vector(0)"),),
            unit="none",
        ),
        Stat(
            title="Requests per second",
            about="Requests that start, on all routes and for all models.",
            queries=(rate("anthropic_proxy_requests_started_total"),),
            unit="reqps",
        ),
        Stat(
            title="Requests in progress",
            about="Requests that have started and not ended.",
            queries=(Query("sum(anthropic_proxy_requests_in_progress{@})"),),
            unit="none",
        ),
        Stat(
            title="Stalled streams",
            about="Streams that have received nothing from upstream for 20 s.",
            queries=(Query("sum(anthropic_proxy_streams_stalled{@})"),),
            unit="none",
            warn=1,
        ),
        Stat(
            title="Error rate",
            about="Share of requests that failed, over all error classes and models.",
            queries=(ratio(_FAILED, _ENDED),),
            unit="percentunit",
            warn=0.1,
        ),
        Stat(
            title="Error budget left (30 d)",
            about="Remaining part of the error budget: the proxy may fail 0.1 % of /v1/messages "
            "requests.",
            queries=(Query(f"1 - max({_BUDGET})"),),
            unit="percentunit",
        ),
        Stat(
            title="Time to first token (p95)",
            about="Time from the first byte of a request to the first content relayed.",
            queries=(quantile(95, "anthropic_proxy_time_to_first_token_seconds", "{@model}"),),
            unit="s",
        ),
        Stat(
            title="Proxy overhead (p95)",
            about="Time a request spends in the proxy before it is sent upstream; objective 50 ms.",
            queries=(quantile(95, "anthropic_proxy_overhead_seconds", '{@, phase="request"}'),),
            unit="s",
            warn=0.05,
        ),
        Stat(
            title="Output tokens per second",
            about="Rate over all streams, estimated while they stream and corrected by the final "
            "usage.",
            queries=(rate("anthropic_proxy_output_tokens_live_total"),),
            unit="cps",
        ),
        Stat(
            title="Cache hit ratio",
            about="Share of input tokens that were read from the prompt cache.",
            queries=(ratio(_CACHED, _INPUT),),
            unit="percentunit",
        ),
        Stat(
            title="Cost per hour",
            about="Estimate at list price, at the current rate; not a bill.",
            queries=(rate("anthropic_proxy_cost_usd_total", "{@model}", per_hour=True),),
            unit="currencyUSD",
        ),
        Stat(
            title="Cost",
            about="Estimate at list price for the selected time range, exact to the cent; not a "
            "bill.",
            queries=(total("cost_usd_total", "{@model}"),),
            unit="currencyUSD",
        ),
        Stat(
            title="Requests",
            about="Requests that ended in the selected time range.",
            queries=(total("requests_total", "{@model}"),),
            unit="none",
        ),
        Stat(
            title="Secret scrubber",
            about="Mode of the secret scrubber: off, detect (counts only) or pseudonymize.",
            queries=(
                Query("count by (scrub_mode) (anthropic_proxy_config_info{@})", "{{scrub_mode}}"),
            ),
            unit="none",
            shows=BigValueTextMode.NAME,
        ),
        Stat(
            title="Firing alerts",
            about="Number of firing alert rules; docs/alerts.md explains each.",
            queries=(Query(f"count({_ALERTS}) or vector(0)"),),
            unit="none",
            warn=1,
        ),
        Table(
            title="Alerts",
            about="Firing alerts and their severity. Empty if none fires.",
            by=("alertname", "severity", "job"),
            queries=(Query(f"count by (alertname, severity, job) ({_ALERTS})", column="Firing"),),
            unit="none",
            empty="None fires",
            width=12,
            height=4,
        ),
    ),
)


def _percentile(percent: int, metric: str, column: str) -> Query:
    buckets = f"sum by (model, le) (increase({metric}_bucket{{@model}}[$__range]))"
    return Query(f"histogram_quantile({percent / 100}, {buckets})", column=column)


def _tokens(types: str, column: str = "") -> Query:
    return total("tokens_total", f"{{@model, {types}}}", by="model", column=column)


_INPUT_TOTAL = _tokens(INPUT_TYPES, "Input tokens")
_CACHED_TOTAL = _tokens(CACHED_TYPE)

MODELS = Row(
    "By model",
    (
        Table(
            title="Models",
            about="Totals of the selected time range, by the model that responded.",
            by=("model",),
            queries=(
                total("requests_total", "{@model}", by="model", column="Requests"),
                _INPUT_TOTAL,
                _tokens(OUTPUT_TYPES, "Output tokens"),
                Query(f"{_CACHED_TOTAL.expr} / ({_INPUT_TOTAL.expr} > 0)", column="Cache hits"),
                _percentile(50, "anthropic_proxy_time_to_first_token_seconds", "TTFT p50"),
                _percentile(95, "anthropic_proxy_time_to_first_token_seconds", "TTFT p95"),
                _percentile(99, "anthropic_proxy_time_to_first_token_seconds", "TTFT p99"),
                _percentile(50, "anthropic_proxy_output_tokens_per_second", "Tokens/s p50"),
                total("cost_usd_total", "{@model}", by="model", column="Cost"),
            ),
            unit="short",
            units=(
                ("Cache hits", "percentunit"),
                ("TTFT p50", "s"),
                ("TTFT p95", "s"),
                ("TTFT p99", "s"),
                ("Cost", "currencyUSD"),
            ),
        ),
    ),
)
