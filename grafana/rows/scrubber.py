"""What the scrubber found, put back and could not read."""

from grafana.dashboard import Row
from grafana.panels import Bars, Heatmap, Lines, Stat
from grafana.queries import Query, quantile, quantiles, rate, ratio, total

SCRUBBER = Row(
    "Scrubber",
    (
        Stat(
            title="Secrets found",
            about="Hits of all detectors in the time range shown.",
            queries=(total("scrub_matches_total"),),
            unit="short",
        ),
        Stat(
            title="Placeholders restored",
            about="Placeholders in answers that were replaced by the request's own values.",
            queries=(total("scrub_restored_total"),),
            unit="short",
        ),
        Stat(
            title="Bodies changed",
            about="Requests whose forwarded bytes differ from the received ones.",
            queries=(total("bytes_modified_requests_total"),),
            unit="short",
        ),
        Stat(
            title="Not searched",
            about="Bodies that could not be searched; requests without a body to search aside.",
            queries=(total("scrub_skipped_total", '{@, reason!="not_post"}'),),
            unit="short",
            warn=1,
        ),
        Stat(
            title="Time per body (p95)",
            about="How long scrubbing holds a request up.",
            queries=(quantile(95, "anthropic_proxy_scrub_duration_seconds"),),
            unit="s",
        ),
        Stat(
            title="Searched per second",
            about="Body bytes the detectors went over.",
            queries=(rate("anthropic_proxy_scrub_bytes_total"),),
            unit="Bps",
        ),
    ),
)

SCRUBBER_IN_FULL = Row(
    "Scrubber in full",
    (
        Bars(
            title="Found by detector",
            about="The time range shown.",
            queries=(total("scrub_matches_total", by="detector"),),
            unit="short",
        ),
        Lines(
            title="Found over time",
            about="Hits by detector; a new one that rises steeply may be a false positive.",
            queries=(rate("anthropic_proxy_scrub_matches_total", by="detector"),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Restored over time",
            about="Placeholders put back into answers, by detector.",
            queries=(rate("anthropic_proxy_scrub_restored_total", by="detector"),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Not restored",
            about="Placeholders in answers that stand for nothing, or where the value was not put "
            "back.",
            queries=(
                rate("anthropic_proxy_scrub_unresolved_total", legend="unresolved"),
                rate("anthropic_proxy_scrub_restore_refused_total", by="reason"),
            ),
            unit="ops",
        ),
        Lines(
            title="Not searched, by reason",
            about="With SCRUB_ON_SKIP=pass these bodies went on as they were.",
            queries=(rate("anthropic_proxy_scrub_skipped_total", by="reason"),),
            unit="ops",
            stacked=True,
        ),
        Lines(
            title="Leak receipts",
            about="Lines of SCRUB_RECEIPTS_FILE, by what became of them.",
            queries=(rate("anthropic_proxy_scrub_receipts_total", by="result"),),
            unit="ops",
        ),
        Lines(
            title="Share of requests changed",
            about="Requests whose forwarded bytes differ, of all requests.",
            queries=(
                ratio(
                    rate("anthropic_proxy_bytes_modified_requests_total").expr,
                    rate("anthropic_proxy_requests_total").expr,
                    "changed",
                ),
            ),
            unit="percentunit",
        ),
        Lines(
            title="Time per body",
            about="How long scrubbing holds a request up.",
            queries=quantiles("anthropic_proxy_scrub_duration_seconds"),
            unit="s",
        ),
        Heatmap(
            title="Time per body, all of it",
            about="Repeated turns of a conversation should be far quicker than first ones.",
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
