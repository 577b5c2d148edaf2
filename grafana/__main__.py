"""Write the dashboards that Grafana is provisioned with."""

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from grafana.dashboard import Dashboard
from grafana.rows.budgets import ATTRIBUTION, BUDGETS
from grafana.rows.cache import CACHE
from grafana.rows.latency import LATENCY
from grafana.rows.limits import LIMITS, LIMITS_IN_FULL
from grafana.rows.process import FROM_CLIENTS, PROCESS, TOWARDS_UPSTREAM
from grafana.rows.scrubber import SCRUBBER, SCRUBBER_IN_FULL
from grafana.rows.summary import MODELS, SUMMARY
from grafana.rows.tokens import TOKENS
from grafana.rows.traffic import TRAFFIC

FOLDER = Path(__file__).parent / "dashboards"

DASHBOARDS = {
    "overview.json": Dashboard(
        uid="anthropic-proxy-overview",
        title="anthropic-proxy: overview",
        about="Availability, latency, tokens, cost and rate limits.",
        rows=(
            SUMMARY,
            MODELS,
            TRAFFIC,
            LATENCY,
            TOKENS,
            CACHE,
            ATTRIBUTION,
            BUDGETS,
            LIMITS,
            TOWARDS_UPSTREAM,
            FROM_CLIENTS,
            PROCESS,
        ),
    ),
    "scrubber-and-limits.json": Dashboard(
        uid="anthropic-proxy-scrubber-limits",
        title="anthropic-proxy: scrubber and limits",
        about="Findings of the secret scrubber, and usage of the rate limits.",
        rows=(SCRUBBER, SCRUBBER_IN_FULL, LIMITS, LIMITS_IN_FULL),
    ),
}


def rendered(dashboard: Dashboard) -> str:
    """Return the file's text."""
    return json.dumps(dashboard.build(), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write every file."""
    for name, dashboard in DASHBOARDS.items():
        (FOLDER / name).write_text(rendered(dashboard), encoding="utf-8")


if __name__ == "__main__":
    main()
