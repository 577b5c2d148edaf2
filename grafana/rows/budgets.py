"""Who spends, and how much of the budgets is used; all at list price."""

from grafana.dashboard import Row
from grafana.panels import Bars, Lines
from grafana.queries import Query, rate

_SPENT = "max by (budget) (anthropic_proxy_budget_spent_usd{@})"
_LIMIT = "max by (budget) (anthropic_proxy_budget_limit_usd{@})"

ATTRIBUTION = Row(
    "Who spends",
    (
        Lines(
            title="Cost per hour by request class",
            about="List-price estimate, by the class that Claude Code states with "
            "CLAUDE_CODE_GATEWAY_HINT_HEADERS=1.",
            queries=(
                rate(
                    "anthropic_proxy_attributed_cost_usd_total", by="request_class", per_hour=True
                ),
            ),
            unit="currencyUSD",
            stacked=True,
        ),
        Lines(
            title="Cost per hour by agent type",
            about="List-price estimate, by the type of subagents; none: not by one.",
            queries=(
                rate("anthropic_proxy_attributed_cost_usd_total", by="agent_type", per_hour=True),
            ),
            unit="currencyUSD",
            stacked=True,
        ),
        Lines(
            title="Cost per hour by label",
            about="List-price estimate, by the values of the labels in ANTHROPIC_PROXY_LABELS; "
            "further values count as `other`.",
            queries=(rate("anthropic_proxy_label_cost_usd_total", by="value", per_hour=True),),
            unit="currencyUSD",
            empty="No labels set",
            stacked=True,
        ),
    ),
)

BUDGETS = Row(
    "Budgets",
    (
        Bars(
            title="Budgets used",
            about="Share of each budget that is used today. For sessions: of the session that has "
            "spent most.",
            queries=(Query(f"{_SPENT} / ({_LIMIT} > 0)", "{{budget}}"),),
            unit="percentunit",
            empty="No budgets set",
            warn=0.8,
            limits=(0, 1),
        ),
        Lines(
            title="Spent of each budget",
            about="US dollars at list price, from midnight on.",
            queries=(Query(_SPENT, "{{budget}}"),),
            unit="currencyUSD",
            empty="No budgets set",
        ),
        Lines(
            title="Refused and announced",
            about="Requests refused because a budget is used up, thresholds announced (50, 80, "
            "100 %), results of the webhook, and attempts without a known price.",
            queries=(
                rate(
                    "anthropic_proxy_budget_refused_requests_total",
                    by="budget",
                    legend="refused, {{budget}}",
                ),
                rate(
                    "anthropic_proxy_budget_announcements_total",
                    by="threshold",
                    legend="announced, {{threshold}}%",
                ),
                rate(
                    "anthropic_proxy_budget_webhook_total",
                    by="result",
                    legend="webhook, {{result}}",
                ),
                Query(
                    "max by (budget) (anthropic_proxy_budget_unpriced_responses{@})",
                    "unpriced, {{budget}}",
                ),
                Query(
                    "max by (budget, threshold) (anthropic_proxy_budget_exceeded{@})",
                    "{{budget}} over {{threshold}}%",
                ),
            ),
            unit="short",
            empty="No budgets set",
        ),
    ),
)
