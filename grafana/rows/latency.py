"""How long clients wait, and for whom."""

from grafana.dashboard import Row
from grafana.panels import Heatmap, Lines
from grafana.queries import Query, quantiles

_GAPS = 'anthropic_proxy_stream_gap_seconds_bucket{@, kind="event"}'

LATENCY = Row(
    "Latency",
    (
        Lines(
            title="Time to first token",
            about="From the request's first byte to the first content relayed.",
            queries=quantiles("anthropic_proxy_time_to_first_token_seconds", "{@model}"),
            unit="s",
        ),
        Lines(
            title="Upstream's response headers",
            about="From sending upstream to its headers: upstream's and the network's part.",
            queries=quantiles("anthropic_proxy_upstream_response_headers_seconds", "{@model}"),
            unit="s",
        ),
        Lines(
            title="Request duration",
            about="First byte to end. Streams last as long as the model writes.",
            queries=quantiles("anthropic_proxy_request_duration_seconds", by="streamed"),
            unit="s",
        ),
        Lines(
            title="Own overhead",
            about="The proxy's own time: before upstream, and for the slowest relayed chunk.",
            queries=quantiles("anthropic_proxy_overhead_seconds", by="phase"),
            unit="s",
            warn=0.05,
        ),
        Lines(
            title="Output tokens per second of a stream",
            about="How fast models write.",
            queries=quantiles("anthropic_proxy_output_tokens_per_second", "{@model}"),
            unit="cps",
        ),
        Heatmap(
            title="Longest silence between events",
            about="The longest gap of each stream. Claude Code complains after 20 s and gives up "
            "after 300 s.",
            queries=(Query(f"sum by (le) (increase({_GAPS}[$__rate_interval]))", "{{le}}"),),
            unit="s",
        ),
    ),
)
