"""Requests, outcomes and errors."""

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
            about="Requests at their start, by route.",
            queries=(rate("anthropic_proxy_requests_started_total", by="route"),),
            unit="reqps",
            stacked=True,
        ),
        Lines(
            title="Requests by outcome",
            about="Requests by how they ended; `complete` means fully relayed, with any status.",
            queries=(rate("anthropic_proxy_requests_total", "{@model}", by="outcome"),),
            unit="reqps",
            stacked=True,
        ),
        Lines(
            title="Requests by status",
            about="Requests by the status sent to the client.",
            queries=(rate("anthropic_proxy_requests_total", "{@model}", by="status"),),
            unit="reqps",
            stacked=True,
        ),
        Lines(
            title="Requests by route",
            about="Requests by API endpoint.",
            queries=(rate("anthropic_proxy_requests_total", "{@model}", by="route"),),
            unit="reqps",
            stacked=True,
        ),
        Lines(
            title="Stream ends by cause",
            about="Streams by how they ended. A stream that fails after its 200 appears only here.",
            queries=(rate("anthropic_proxy_stream_ends_total", by="cause"),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Failed requests by class",
            about="client: 4xx. limit: 429 and 402. overload: 529. upstream: other 5xx, error "
            "events, time-outs. proxy: this proxy. network: the connection to the API.",
            queries=(rate("anthropic_proxy_failed_requests_total", by="class"),),
            unit="reqps",
            stacked=True,
        ),
        Lines(
            title="Errors by source and type",
            about="Errors by the side that produced them and by the API's error type.",
            queries=(rate("anthropic_proxy_errors_total", by="source, type", counted=True),),
            unit="ops",
            empty="No errors",
            stacked=True,
        ),
        Lines(
            title="Failures of the proxy",
            about="Share of /v1/messages requests that the proxy itself failed; objective 0.1 %.",
            queries=(ratio(f"({_OWN_FAILURES} or 0 * {_MESSAGES})", _MESSAGES, "failures"),),
            unit="percentunit",
            warn=0.001,
        ),
        Lines(
            title="Requests in progress by route",
            about="Requests by route; and streams that wait for upstream, and responses that wait "
            "for the client, for more than 20 s.",
            queries=(
                Query("sum by (route) (anthropic_proxy_requests_in_progress{@})", "{{route}}"),
                Query("sum(anthropic_proxy_streams_stalled{@})", "waiting for upstream"),
                Query("sum(anthropic_proxy_clients_stalled{@})", "waiting for the client"),
            ),
            unit="none",
        ),
        Lines(
            title="Bytes in and out",
            about="Body bytes: requests from clients (in), responses to clients (out).",
            queries=(rate("anthropic_proxy_body_bytes_total", by="direction"),),
            unit="Bps",
        ),
        Lines(
            title="Body sizes (p95)",
            about="Sizes of request and response bodies.",
            queries=(
                quantile(95, "anthropic_proxy_request_body_bytes", legend="request"),
                quantile(95, "anthropic_proxy_response_body_bytes", legend="response"),
            ),
            unit="bytes",
        ),
        Lines(
            title="Secrets found",
            about="Findings of the scrubber by detector. The scrubber dashboard shows more.",
            queries=(rate("anthropic_proxy_scrub_matches_total", by="detector"),),
            unit="ops",
            empty="None",
            stacked=True,
        ),
    ),
)
