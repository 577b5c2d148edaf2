"""The paths that the proxy serves itself."""

import re
from typing import cast

from starlette.applications import Starlette
from starlette.routing import Route

from app.application import create_app
from app.settings import Settings
from docs.generate.markdown import code
from docs.generate.markdown import table as rows_of

HIDDEN = re.compile("/dashboard/(.*[./].*)?")  # files of the pages, and their paths with a slash
# What each path is; a route that is missing here has no documentation, and the table fails.
MEANINGS = {
    "/health": 'Liveness: `{"status":"ok"}` while the process serves',
    "/ready": "Readiness: 503 while the proxy drains",
    "/ca.crt": "The CA that clients must trust (PEM); 404 with a certificate of your own",
    "/prometheus": "Metrics for Prometheus, as text or OpenMetrics",
    "/metrics": "The same figures as JSON; for Prometheus when `Accept` asks for its format",
    "/metrics/schema.json": "The JSON schema of `/metrics`",
    "/metrics/stream": "`/metrics` as server-sent events, every 1.5 s",
    "/ledger/sessions": "Sessions with their totals, the one seen last first",
    "/ledger/sessions/{session}": "One session with its agents",
    "/ledger/sessions/{session}/prompts": "Its prompts with their agents",
    "/ledger/sessions/{session}/requests": "Its requests, or those of a prompt or agent",
    "/ledger/days": "Days with their models, newest first",
    "/ledger/schema.json": "The JSON schema of the ledger's answers",
    "/dashboard": "The live dashboard; files of the pages are below this path",
    "/dashboard/sessions": "Sessions: who spent it, and why",
    "/dashboard/history": "Cost and tokens of 90 days",
    "/": "Redirects to `/dashboard`, on the pages' port only",
}


def paths() -> list[str]:
    """Return the paths of the pages, each once, without their files."""
    application = create_app(Settings(_env_file=None, ledger=False))  # type: ignore[call-arg]
    pages = cast("Starlette", application.dashboard)
    routes = [route.path for route in pages.routes if isinstance(route, Route)]
    pages_only = [path for path in routes if not HIDDEN.fullmatch(path)]
    return sorted(pages_only, key=list(MEANINGS).index)


def table() -> str:
    """Return the table of paths."""
    return rows_of(("Path", "What it is"), [(code(path), MEANINGS[path]) for path in paths()])
