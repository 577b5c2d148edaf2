"""What goes through, and how it ends."""

from grafana.dashboard import Row
from grafana.panels import Lines
from grafana.queries import Query, quantile, rate, ratio

_MESSAGES = 'sum(rate(anthropic_proxy_requests_total{@, route="messages"}[$__rate_interval]))'
_OWN_FAILURES = (
    "sum(rate(anthropic_proxy_requests_total"
    '{@, route="messages", outcome=~"proxy_error|proxy_timeout|proxy_rejected"}'
    "[$__rate_interval]))"
)

TRAFFIC = Row(
    "Traffic and errors",
    (
        Lines(
            title="Started requests by route",
            about="When requests come, whatever becomes of them.",
            queries=(rate("anthropic_proxy_requests_started_total", by="route"),),
            unit="reqps",
            stacked=True,
        ),
        Lines(
            title="Requests by outcome",
            about="How requests ended; `complete` means relayed whole, whatever the status.",
            queries=(rate("anthropic_proxy_requests_total", "{@model}", by="outcome"),),
            unit="reqps",
            stacked=True,
        ),
        Lines(
            title="Requests by status",
            about="What clients were answered.",
            queries=(rate("anthropic_proxy_requests_total", "{@model}", by="status"),),
            unit="reqps",
            stacked=True,
        ),
        Lines(
            title="Requests by route",
            about="Kinds of API calls.",
            queries=(rate("anthropic_proxy_requests_total", "{@model}", by="route"),),
            unit="reqps",
            stacked=True,
        ),
        Lines(
            title="Stream ends by cause",
            about="A stream that fails after its 200 shows here, not among the statuses.",
            queries=(rate("anthropic_proxy_stream_ends_total", by="cause"),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Failed requests by class",
            about="client: 4xx. limit: 429 and 402. overload: 529. upstream: other 5xx, error "
            "events, silence. proxy: this proxy. network: the way to the API.",
            queries=(rate("anthropic_proxy_failed_requests_total", by="class"),),
            unit="reqps",
            stacked=True,
        ),
        Lines(
            title="Errors by source and type",
            about="Who answered with the error, and which of the API's error types.",
            queries=(rate("anthropic_proxy_errors_total", by="source, type"),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Own failures",
            about="Share of /v1/messages that failed by the proxy's doing; objective 0.1 %.",
            queries=(ratio(f"({_OWN_FAILURES} or 0 * {_MESSAGES})", _MESSAGES, "own failures"),),
            unit="percentunit",
            warn=0.001,
        ),
        Lines(
            title="Running requests",
            about="By route; streams that wait for upstream and answers that wait for their client "
            "for more than 20 s.",
            queries=(
                Query("sum by (route) (anthropic_proxy_requests_in_progress{@})", "{{route}}"),
                Query("sum(anthropic_proxy_streams_stalled{@})", "waiting for upstream"),
                Query("sum(anthropic_proxy_clients_stalled{@})", "waiting for the client"),
            ),
            unit="none",
        ),
        Lines(
            title="Bytes in and out",
            about="Bodies: requests from clients in, answers to clients out.",
            queries=(rate("anthropic_proxy_body_bytes_total", by="direction"),),
            unit="Bps",
        ),
        Lines(
            title="Body sizes (p95)",
            about="Request and answer bodies.",
            queries=(
                quantile(95, "anthropic_proxy_request_body_bytes", legend="request"),
                quantile(95, "anthropic_proxy_response_body_bytes", legend="answer"),
            ),
            unit="bytes",
        ),
    ),
)
