"""Usage of upstream's rate limits."""

from grafana.dashboard import Row
from grafana.panels import Bars, Lines, Stat, Table
from grafana.queries import Query, rate

_USED = "max by (window) (anthropic_proxy_upstream_ratelimit_utilization_ratio{@})"
_RESET = "max by (window) (anthropic_proxy_upstream_ratelimit_reset_timestamp_seconds{@})"
_LIMIT = "max by (kind) (anthropic_proxy_upstream_ratelimit_limit{@})"
_REMAINING = "min by (kind) (anthropic_proxy_upstream_ratelimit_remaining{@})"

LIMITS = Row(
    "Limits",
    (
        Bars(
            title="Window usage",
            about="Used share of the subscription windows (5 h, 7 d).",
            queries=(Query(_USED, "{{window}}"),),
            unit="percentunit",
            empty="Not stated yet",
            warn=0.9,
            limits=(0, 1),
        ),
        Stat(
            title="Time until reset",
            about="Time until each window resets. Negative: it has reset, but no response has "
            "stated the new time.",
            queries=(Query(f"{_RESET} - time()", "{{window}}"),),
            unit="dtdurations",
            empty="Not stated yet",
            width=8,
            height=8,
        ),
        Lines(
            title="Window usage over time",
            about="Slow down above 90 %. Above 100 %, upstream refuses requests.",
            queries=(Query(_USED, "{{window}}"),),
            unit="percentunit",
            empty="Not stated yet",
            warn=0.9,
        ),
    ),
)

_FULL = (
    "max by (window, bound) (anthropic_proxy_upstream_ratelimit_full_timestamp_seconds{@}) - time()"
)
_SHARE = "max by (window, request_class) (anthropic_proxy_upstream_ratelimit_share{@})"

LIMITS_IN_FULL = Row(
    "Limits in detail",
    (
        Lines(
            title="Remaining of each limit",
            about="Share of upstream's limits per minute that is left.",
            queries=(Query(f"{_REMAINING} / ({_LIMIT} > 0)", "{{kind}}"),),
            unit="percentunit",
            empty="Not stated yet",
            limits=(0, 1),
        ),
        Lines(
            title="Predicted window usage",
            about="Usage of the windows in one hour, at the rate of the last half hour.",
            queries=(
                Query(
                    "max by (window) (predict_linear("
                    "anthropic_proxy_upstream_ratelimit_utilization_ratio{@}[30m], 3600))",
                    "{{window}}",
                ),
            ),
            unit="percentunit",
            empty="Not stated yet",
            warn=1,
        ),
        Lines(
            title="Rate limited and overloaded",
            about="Responses with 429 (your limit; the proxy never retries them) and 529 (API "
            "overloaded).",
            queries=(
                rate("anthropic_proxy_requests_total", '{@, status=~"429|529"}', by="status"),
            ),
            unit="reqps",
        ),
        Table(
            title="Minute limits",
            about="Upstream's limits per minute, and what remains.",
            by=("kind",),
            queries=(Query(_LIMIT, column="Limit"), Query(_REMAINING, column="Remaining")),
            unit="short",
            empty="Not stated yet",
            width=12,
        ),
        Lines(
            title="Time until windows are full",
            about="Forecast at the present pace: estimate, earliest and latest. Nothing is shown "
            "without enough data, or where the window resets first.",
            queries=(Query(f"{_FULL} < Inf", "{{window}}, {{bound}}"),),
            unit="dtdurations",
            empty="None expected",
            width=12,
        ),
        Bars(
            title="Window usage by request class",
            about="Fraction of the present window that requests of each class have used; "
            "elsewhere: not through this proxy.",
            queries=(Query(_SHARE, "{{window}}, {{request_class}}"),),
            unit="percentunit",
            empty="Not stated yet",
            limits=(0, 1),
            width=12,
        ),
        Table(
            title="State of the windows",
            about="Latest status that upstream stated.",
            by=("window", "status"),
            queries=(
                Query(
                    "max by (window, status) (anthropic_proxy_upstream_ratelimit_status{@}) == 1",
                    column="Now",
                ),
            ),
            unit="none",
            empty="Not stated yet",
            width=12,
        ),
    ),
)
