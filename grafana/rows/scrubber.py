"""Findings of the scrubber, restored placeholders and skipped bodies."""

from grafana.dashboard import Row
from grafana.panels import Bars, Heatmap, Lines, Stat
from grafana.queries import Query, quantile, quantiles, rate, ratio, total

SCRUBBER = Row(
    "Scrubber",
    (
        Stat(
            title="Secrets found",
            about="Findings of all detectors in the selected time range.",
            queries=(total("scrub_matches_total"),),
            unit="short",
            empty="None",
        ),
        Stat(
            title="Values restored",
            about="Placeholders in responses that were replaced by the original values.",
            queries=(total("scrub_restored_total"),),
            unit="short",
            empty="None",
        ),
        Stat(
            title="Requests modified",
            about="Requests whose forwarded body differs from the received body.",
            queries=(total("bytes_modified_requests_total"),),
            unit="short",
            empty="None",
        ),
        Stat(
            title="Bodies not scanned",
            about="Bodies that could not be scanned, except requests that have no body to scan.",
            queries=(total("scrub_skipped_total", '{@, reason!="not_post"}'),),
            unit="short",
            empty="None",
            warn=1,
        ),
        Stat(
            title="Scan time (p95)",
            about="Time to scan a request body.",
            queries=(quantile(95, "anthropic_proxy_scrub_duration_seconds"),),
            unit="s",
        ),
        Stat(
            title="Scan throughput",
            about="Body bytes scanned per second.",
            queries=(rate("anthropic_proxy_scrub_bytes_total"),),
            unit="Bps",
        ),
    ),
)

SCRUBBER_IN_FULL = Row(
    "Scrubber in detail",
    (
        Bars(
            title="Findings by detector",
            about="Findings in the selected time range.",
            queries=(total("scrub_matches_total", by="detector"),),
            unit="short",
            empty="None",
        ),
        Lines(
            title="Findings over time",
            about="Findings by detector. A sudden rise may be a false positive.",
            queries=(rate("anthropic_proxy_scrub_matches_total", by="detector"),),
            unit="ops",
            empty="None",
            stacked=True,
        ),
        Lines(
            title="Restored placeholders over time",
            about="Placeholders restored in responses, by detector.",
            queries=(rate("anthropic_proxy_scrub_restored_total", by="detector"),),
            unit="ops",
            empty="None",
            stacked=True,
        ),
        Lines(
            title="Placeholders not restored",
            about="Placeholders that match no value of the request, and placeholders that were not"
            " restored, by reason.",
            queries=(
                rate("anthropic_proxy_scrub_unresolved_total", legend="unresolved"),
                rate("anthropic_proxy_scrub_restore_refused_total", by="reason"),
            ),
            unit="ops",
        ),
        Lines(
            title="Bodies not scanned, by reason",
            about="With SCRUB_ON_SKIP=pass, these bodies are forwarded unchanged.",
            queries=(rate("anthropic_proxy_scrub_skipped_total", by="reason"),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Leak receipts",
            about="Lines of SCRUB_RECEIPTS_FILE, by result.",
            queries=(rate("anthropic_proxy_scrub_receipts_total", by="result"),),
            unit="ops",
        ),
        Lines(
            title="Share of requests modified",
            about="Share of requests whose forwarded body differs from the received body.",
            queries=(
                ratio(
                    rate("anthropic_proxy_bytes_modified_requests_total").expr,
                    rate("anthropic_proxy_requests_total").expr,
                    "modified",
                ),
            ),
            unit="percentunit",
        ),
        Lines(
            title="Scan time",
            about="Time to scan a request body.",
            queries=quantiles("anthropic_proxy_scrub_duration_seconds"),
            unit="s",
        ),
        Heatmap(
            title="Scan time, distribution",
            about="Time to scan a request body. Later turns of a conversation are much faster than"
            " the first.",
            queries=(
                Query(
                    "sum by (le) (increase("
                    "anthropic_proxy_scrub_duration_seconds_bucket{@}[$__rate_interval]))",
                    "{{le}}",
                ),
            ),
            unit="s",
            width=24,
        ),
    ),
)
