"""The proxy's way upstream, and the process itself."""

from grafana.dashboard import Row
from grafana.panels import Lines, Table
from grafana.queries import OURS, Query, ours, quantiles, rate

TOWARDS_UPSTREAM = Row(
    "Towards upstream",
    (
        Lines(
            title="Waiting for an upstream slot",
            about="Over zero for long: raise UPSTREAM_MAX_CONNECTIONS or add a replica.",
            queries=quantiles("anthropic_proxy_upstream_slot_wait_seconds"),
            unit="s",
        ),
        Lines(
            title="Open upstream streams",
            about="Streams open now over the shared HTTP/2 connections.",
            queries=(
                Query("sum by (instance) (anthropic_proxy_upstream_streams{@})", "{{instance}}"),
            ),
            unit="none",
        ),
        Lines(
            title="New upstream connections",
            about="A steady flow means that connections do not last.",
            queries=(rate("anthropic_proxy_upstream_connections_opened_total", by="instance"),),
            unit="ops",
        ),
        Lines(
            title="Retries by the proxy",
            about="Requests tried again and what came of it, and the attempts that it took.",
            queries=(
                rate("anthropic_proxy_retries_total", by="reason, result"),
                rate("anthropic_proxy_retry_attempts_total", legend="attempts"),
            ),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Retries by clients",
            about="Requests that say they are a second, third or later try.",
            queries=(rate("anthropic_proxy_client_retry_attempts_total", by="attempt"),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Secrets found",
            about="Hits of the scrubber, by detector; more on the dashboard beside this one.",
            queries=(rate("anthropic_proxy_scrub_matches_total", by="detector"),),
            unit="ops",
            stacked=True,
        ),
    ),
)

FROM_CLIENTS = Row(
    "From clients",
    (
        Lines(
            title="Open connections of clients",
            about="By port: the proxy and its pages.",
            queries=(Query("sum by (port) (anthropic_proxy_connections_open{@})", "{{port}}"),),
            unit="none",
        ),
        Lines(
            title="New connections of clients",
            about="By port and protocol.",
            queries=(rate("anthropic_proxy_connections_total", by="port, protocol"),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Request bodies in memory",
            about="Bytes kept for a retry or a scan, and bodies that could not be kept because "
            "HOLD_BUDGET was used up.",
            queries=(
                Query("sum by (instance) (anthropic_proxy_held_body_bytes{@})", "{{instance}}"),
            ),
            unit="bytes",
        ),
        Lines(
            title="Request bodies not kept",
            about="They cannot be retried: raise HOLD_BUDGET or add a replica.",
            queries=(rate("anthropic_proxy_bodies_not_held_total", by="instance"),),
            unit="ops",
        ),
        Lines(
            title="Refused connections and floods",
            about="Connections closed unserved, by reason, and connections ended because of "
            "HTTP/2 frames that carry nothing, by kind.",
            queries=(
                rate("anthropic_proxy_connections_refused_total", by="reason"),
                rate("anthropic_proxy_floods_total", by="kind"),
            ),
            unit="ops",
        ),
    ),
)

PROCESS = Row(
    "Process",
    (
        Lines(
            title="CPU",
            about="One process serves one core: near 100 % add a replica.",
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
            about="Resident set of each replica.",
            queries=(
                Query(
                    f"sum by (instance) ({ours('process_resident_memory_bytes')})", "{{instance}}"
                ),
            ),
            unit="bytes",
        ),
        Lines(
            title="Event loop lag",
            about="How late the loop runs; everything else waits that long.",
            queries=quantiles("anthropic_proxy_event_loop_lag_seconds"),
            unit="s",
            warn=0.1,
        ),
        Lines(
            title="Open files",
            about="Sockets mostly; at the limit new connections are refused.",
            queries=(
                Query(f"sum by (instance) ({ours('process_open_fds')})", "{{instance}}"),
                Query(f"min({ours('process_max_fds')})", "limit"),
            ),
            unit="none",
        ),
        Lines(
            title="Labels out of values",
            about="Values counted as `other`, so that metrics stay bounded.",
            queries=(rate("anthropic_proxy_label_overflow_total", by="label"),),
            unit="ops",
        ),
        Lines(
            title="Rows of the ledger",
            about="Dropped rows mean a disk that is full, slow or not writable: see the log.",
            queries=(rate("anthropic_proxy_ledger_rows_total", by="result"),),
            unit="ops",
        ),
        Lines(
            title="Rows that wait for the ledger",
            about="Near zero unless the disk is slow; at 10,000 further rows are dropped.",
            queries=(
                Query("sum by (instance) (anthropic_proxy_ledger_queue_rows{@})", "{{instance}}"),
            ),
            unit="none",
        ),
        Lines(
            title="Uptime",
            about="Since the last start.",
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
            about="What runs where; several during a roll-out.",
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
            about="Replicas must agree: a differing hash means differing scrub rules or keys.",
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
            about="Date of the price list behind the cost figures.",
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
