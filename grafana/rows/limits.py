"""How near the account is to upstream's limits."""

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
            title="Windows used",
            about="Share of the subscription windows (5 h, 7 d) that is used.",
            queries=(Query(_USED, "{{window}}"),),
            unit="percentunit",
            warn=0.9,
            limits=(0, 1),
        ),
        Stat(
            title="Until reset",
            about="When each window starts anew; negative: it has, but no request said so yet.",
            queries=(Query(f"{_RESET} - time()", "{{window}}"),),
            unit="dtdurations",
            width=8,
            height=8,
        ),
        Lines(
            title="Windows used over time",
            about="Over 90 % it is time to slow down; past 100 % requests are refused.",
            queries=(Query(_USED, "{{window}}"),),
            unit="percentunit",
            warn=0.9,
        ),
    ),
)

LIMITS_IN_FULL = Row(
    "Limits in full",
    (
        Lines(
            title="Remaining of each limit",
            about="Requests and tokens that upstream's minute limits still allow, as a share.",
            queries=(Query(f"{_REMAINING} / ({_LIMIT} > 0)", "{{kind}}"),),
            unit="percentunit",
            limits=(0, 1),
        ),
        Lines(
            title="Windows in an hour",
            about="Where the windows will stand at the pace of the last half hour.",
            queries=(
                Query(
                    "max by (window) (predict_linear("
                    "anthropic_proxy_upstream_ratelimit_utilization_ratio{@}[30m], 3600))",
                    "{{window}}",
                ),
            ),
            unit="percentunit",
            warn=1,
        ),
        Lines(
            title="Rate limited and overloaded",
            about="Answers 429 (yours: never retried by the proxy) and 529 (theirs).",
            queries=(
                rate("anthropic_proxy_requests_total", '{@, status=~"429|529"}', by="status"),
            ),
            unit="reqps",
        ),
        Table(
            title="Minute limits",
            about="What upstream allows, and what is left of it.",
            by=("kind",),
            queries=(Query(_LIMIT, column="Limit"), Query(_REMAINING, column="Remaining")),
            unit="short",
            width=12,
        ),
        Table(
            title="State of the windows",
            about="The status upstream gave last.",
            by=("window", "status"),
            queries=(
                Query(
                    "max by (window, status) (anthropic_proxy_upstream_ratelimit_status{@}) == 1",
                    column="Now",
                ),
            ),
            unit="none",
            width=12,
        ),
    ),
)
