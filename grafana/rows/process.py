"""Connections to upstream and from clients, and the process."""

from grafana.dashboard import Row
from grafana.panels import Lines, Table
from grafana.queries import OURS, Query, ours, quantiles, rate

TOWARDS_UPSTREAM = Row(
    "Upstream connections",
    (
        Lines(
            title="Wait for an upstream stream",
            about="Time a request waits. If it stays above zero, raise UPSTREAM_MAX_CONNECTIONS.",
            queries=quantiles("anthropic_proxy_upstream_slot_wait_seconds"),
            unit="s",
        ),
        Lines(
            title="Open upstream streams",
            about="Streams that are open on the shared HTTP/2 connections.",
            queries=(
                Query("sum by (instance) (anthropic_proxy_upstream_streams{@})", "{{instance}}"),
            ),
            unit="none",
        ),
        Lines(
            title="Requests without an upstream stream",
            about="Requests that wait for a stream now. Above zero for long: raise "
            "UPSTREAM_MAX_CONNECTIONS, or the API refuses connections.",
            queries=(
                Query(
                    "sum by (instance) (anthropic_proxy_upstream_requests_waiting{@})",
                    "{{instance}}",
                ),
            ),
            unit="none",
        ),
        Lines(
            title="Open upstream connections",
            about="Connections to the API that are open now.",
            queries=(
                Query(
                    "sum by (instance) (anthropic_proxy_upstream_connections_open{@})",
                    "{{instance}}",
                ),
            ),
            unit="none",
        ),
        Lines(
            title="New and reused upstream connections",
            about="Connections opened, and requests on a connection that had carried one before. "
            "Few reuses mean that connections do not last.",
            queries=(
                rate("anthropic_proxy_upstream_connections_opened_total", legend="opened"),
                rate("anthropic_proxy_upstream_connections_reused_total", legend="reused"),
            ),
            unit="ops",
        ),
        Lines(
            title="GOAWAYs and resets",
            about="GOAWAY frames of upstream, and HTTP/2 streams reset, by who did it. The proxy "
            "resets the streams of clients that leave.",
            queries=(
                rate("anthropic_proxy_upstream_goaways_total", legend="GOAWAY"),
                rate("anthropic_proxy_upstream_resets_total", by="by", legend="reset by {{by}}"),
            ),
            unit="ops",
        ),
        Lines(
            title="Round trip to upstream",
            about="Round trip of the last HTTP/2 PING. A PING is sent only when a connection was "
            "silent, so the value may be old.",
            queries=(
                Query(
                    "max by (instance) (anthropic_proxy_upstream_rtt_seconds{@})", "{{instance}}"
                ),
            ),
            unit="s",
            empty="No PING yet",
        ),
        Lines(
            title="Retries by the proxy",
            about="Retried requests by result, and retry attempts.",
            queries=(
                rate("anthropic_proxy_retries_total", by="reason, result"),
                rate("anthropic_proxy_retry_attempts_total", legend="attempts"),
            ),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Retries by clients",
            about="Requests that the client marked as a retry, by attempt.",
            queries=(
                rate(
                    "anthropic_proxy_client_retry_attempts_total",
                    by="attempt",
                    legend="attempt {{attempt}}",
                ),
            ),
            unit="ops",
            stacked=True,
        ),
    ),
)

FROM_CLIENTS = Row(
    "Client connections",
    (
        Lines(
            title="Open client connections",
            about="Connections by port: the proxy and its pages.",
            queries=(Query("sum by (port) (anthropic_proxy_connections_open{@})", "{{port}}"),),
            unit="none",
        ),
        Lines(
            title="New client connections",
            about="Accepted connections by port and protocol.",
            queries=(rate("anthropic_proxy_connections_total", by="port, protocol"),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Request bodies in memory",
            about="Bytes of request bodies that are held for a retry or a scan.",
            queries=(
                Query("sum by (instance) (anthropic_proxy_held_body_bytes{@})", "{{instance}}"),
            ),
            unit="bytes",
        ),
        Lines(
            title="Request bodies not held",
            about="Bodies for which HOLD_BUDGET had no room. They cannot be retried: raise it or "
            "add a replica.",
            queries=(rate("anthropic_proxy_bodies_not_held_total", by="instance"),),
            unit="ops",
        ),
        Lines(
            title="Refused connections and floods",
            about="Refused connections by reason, and connections closed because of a flood of "
            "empty HTTP/2 frames, by kind.",
            queries=(
                rate(
                    "anthropic_proxy_connections_refused_total",
                    by="reason",
                    legend="refused: {{reason}}",
                ),
                rate("anthropic_proxy_floods_total", by="kind", legend="flood: {{kind}}"),
            ),
            unit="ops",
        ),
        Lines(
            title="Requests for tunnels",
            about="Requests to the forward proxy: intercepted, tunnelled, or why one was refused.",
            queries=(rate("anthropic_proxy_forward_requests_total", by="result", counted=True),),
            unit="ops",
            empty="No tunnels",
            stacked=True,
        ),
        Lines(
            title="Open blind tunnels",
            about="Tunnels that are passed on unread: at most FORWARD_MAX_TUNNELS.",
            queries=(
                Query("sum by (instance) (anthropic_proxy_forward_tunnels{@})", "{{instance}}"),
            ),
            unit="none",
            empty="Forward proxy off",
        ),
        Lines(
            title="Bytes of blind tunnels",
            about="Bytes per second, sent and received by clients.",
            queries=(rate("anthropic_proxy_forward_bytes_total", by="direction"),),
            unit="Bps",
            empty="Forward proxy off",
        ),
    ),
)

PROCESS = Row(
    "Process",
    (
        Lines(
            title="CPU",
            about="Share of one core. A process uses one core at most. Add workers or a replica "
            "when each of the WORKERS is near 100 %.",
            queries=(
                Query(
                    "sum by (instance) (rate(process_cpu_seconds_total{@}[$__rate_interval])"
                    f" * on (job, instance) group_left () {OURS})",
                    "{{instance}}",
                ),
            ),
            unit="percentunit",
            warn=0.9,
        ),
        Lines(
            title="Memory",
            about="Resident memory of each replica.",
            queries=(
                Query(
                    f"sum by (instance) ({ours('process_resident_memory_bytes')})", "{{instance}}"
                ),
            ),
            unit="bytes",
        ),
        Lines(
            title="Event loop lag",
            about="Delay of the event loop. Every request waits that long.",
            queries=quantiles("anthropic_proxy_event_loop_lag_seconds"),
            unit="s",
            warn=0.1,
        ),
        Lines(
            title="Open files",
            about="Open file descriptors, mostly sockets. At the limit, new connections are "
            "refused.",
            queries=(
                Query(f"sum by (instance) ({ours('process_open_fds')})", "{{instance}}"),
                Query(f"min({ours('process_max_fds')})", "limit"),
            ),
            unit="none",
        ),
        Lines(
            title="Label overflow",
            about="Label values that were counted as `other`, to bound the number of series.",
            queries=(rate("anthropic_proxy_label_overflow_total", by="label"),),
            unit="ops",
        ),
        Lines(
            title="Ledger rows",
            about="Rows by result. Dropped rows mean that the disk is full, slow or not writable: "
            "see the log.",
            queries=(rate("anthropic_proxy_ledger_rows_total", by="result"),),
            unit="ops",
        ),
        Lines(
            title="Queued ledger rows",
            about="Rows that wait to be written. Near zero unless the disk is slow; above 10,000, "
            "rows are dropped.",
            queries=(
                Query("sum by (instance) (anthropic_proxy_ledger_queue_rows{@})", "{{instance}}"),
            ),
            unit="none",
        ),
        Lines(
            title="OpenTelemetry spans",
            about="Spans by result, if OTEL_* variables ask for an export. Failed: the collector "
            "did not take them. Dropped: it was too slow, and the queue full.",
            queries=(rate("anthropic_proxy_otel_spans_total", by="result"),),
            unit="ops",
        ),
        Lines(
            title="Workers",
            about="Worker processes that answer, with WORKERS above 1, and how many "
            "there should be.",
            queries=(
                Query("sum by (instance) (anthropic_proxy_worker_up{@})", "{{instance}} up"),
                Query("count by (instance) (anthropic_proxy_worker_up{@})", "{{instance}} all"),
            ),
            unit="none",
            empty="One process",
        ),
        Lines(
            title="Worker restarts",
            about="Worker processes that ended by themselves and were started again.",
            queries=(
                rate(
                    "anthropic_proxy_worker_restarts_total",
                    by="instance, worker",
                    legend="{{instance}} worker {{worker}}",
                ),
            ),
            unit="ops",
            empty="One process",
        ),
        Lines(
            title="Uptime",
            about="Time since the last start.",
            queries=(
                Query(
                    f"time() - max by (instance) ({ours('process_start_time_seconds')})",
                    "{{instance}}",
                ),
            ),
            unit="s",
        ),
        Table(
            title="Versions",
            about="Version of each replica; several during a roll-out.",
            by=("instance", "version"),
            queries=(
                Query(
                    "max by (instance, version) (anthropic_proxy_build_info{@})", column="Running"
                ),
            ),
            unit="none",
            width=8,
        ),
        Table(
            title="Configurations",
            about="All replicas must have the same hash: another hash means other scrub rules or "
            "keys.",
            by=("instance", "scrub_mode", "hash"),
            queries=(
                Query(
                    "max by (instance, scrub_mode, hash) (anthropic_proxy_config_info{@})",
                    column="Running",
                ),
            ),
            unit="none",
            width=8,
        ),
        Table(
            title="Prices",
            about="Date of the price list used for the costs.",
            by=("instance", "as_of"),
            queries=(
                Query(
                    "max by (instance, as_of) (anthropic_proxy_pricing_info{@})", column="In use"
                ),
            ),
            unit="none",
            width=8,
        ),
    ),
)
