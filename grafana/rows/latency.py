"""How long clients wait."""

from grafana.dashboard import Row
from grafana.panels import Heatmap, Lines
from grafana.queries import Query, quantiles

_GAPS = 'anthropic_proxy_stream_gap_seconds_bucket{@, kind="event"}'

LATENCY = Row(
    "Latency",
    (
        Lines(
            title="Time to first token",
            about="Time from the first byte of a request to the first content relayed.",
            queries=quantiles("anthropic_proxy_time_to_first_token_seconds", "{@model}"),
            unit="s",
        ),
        Lines(
            title="Time to upstream's response headers",
            about="Time from sending the request to receiving response headers: upstream and "
            "network.",
            queries=quantiles("anthropic_proxy_upstream_response_headers_seconds", "{@model}"),
            unit="s",
        ),
        Lines(
            title="Request duration",
            about="Time from the first byte to the end. Streams last as long as the model writes.",
            queries=quantiles(
                "anthropic_proxy_request_duration_seconds", by="streamed", word="streamed: "
            ),
            unit="s",
        ),
        Lines(
            title="Request duration by model",
            about="Median duration of streamed Messages requests.",
            queries=(
                Query(
                    "histogram_quantile(0.5, sum by (le, model) (rate("
                    'anthropic_proxy_request_duration_seconds_bucket{@model, route="messages", '
                    'streamed="true"}[$__rate_interval])))',
                    "{{model}}",
                ),
            ),
            unit="s",
        ),
        Lines(
            title="Proxy overhead",
            about="Time added by the proxy: to the request, and to the slowest response chunk.",
            queries=quantiles("anthropic_proxy_overhead_seconds", by="phase"),
            unit="s",
            warn=0.05,
        ),
        Lines(
            title="Output tokens per second of a stream",
            about="Output speed of single streams, after the first token.",
            queries=quantiles("anthropic_proxy_output_tokens_per_second", "{@model}"),
            unit="cps",
        ),
        Lines(
            title="Time per output token",
            about="Time per output token of single streams, after the first token.",
            queries=quantiles("anthropic_proxy_time_per_output_token_seconds", "{@model}"),
            unit="s",
        ),
        Heatmap(
            title="Longest gap between events",
            about="Longest gap of each stream. Claude Code warns after 20 s and gives up after 300"
            " s.",
            queries=(Query(f"sum by (le) (increase({_GAPS}[$__rate_interval]))", "{{le}}"),),
            unit="s",
        ),
    ),
)
