"""The metrics with their types, labels and meanings."""

import time
from collections.abc import Iterator

from prometheus_client import Metric

from app.anthropic.usage import Usage
from app.exchange import Failure, Retry
from app.scrubber.redact.report import ScrubReport
from app.telemetry import instruments
from app.workers.reports import unpacked
from app.workers.service import Service
from docs.generate.markdown import code
from docs.generate.markdown import table as rows_of
from tests.telemetry.exchanges import PLAIN, billed, budgeted, record, rising, telemetry

SUFFIXES = {"counter": "_total", "info": "_info"}
# One of everything: labels are seen where there is a series.
EVERYTHING = billed(
    PLAIN,
    usage=Usage(input=1, output=500, thinking=100, server_tools={"web_search": 1}),
    usage_missing="parse",
    failure=Failure("upstream", "overloaded_error", "529"),
    retries=(Retry("529", 1, recovered=True),),
    client_retry=1,
    headers={
        "anthropic-ratelimit-requests-limit": "5",
        "anthropic-ratelimit-requests-remaining": "4",
        "anthropic-ratelimit-unified-5h-utilization": "0.5",
        "anthropic-ratelimit-unified-5h-reset": "1790000000",
        "anthropic-ratelimit-unified-5h-status": "allowed",
    },
    scrub=ScrubReport(matches={"email": 1}),
    restored={"email": 1},
)


def metrics() -> Iterator[Metric]:
    """Yield the proxy's own metrics, as they are after a request with one of everything."""
    observer = telemetry(budgets=budgeted(), labels=("repo",))
    observer.forward.decided("intercepted")  # which makes its metrics
    record(observer, *rising(), EVERYTHING, billed(EVERYTHING, model="made-up"))
    workers = Service(1, version="", clock=time.monotonic, wall=time.time)
    collected = (*observer.collect(), *unpacked(workers.own()))
    return (one for one in collected if one.name.startswith(instruments.PREFIX))


def name(metric: Metric) -> str:
    """Return a metric's name without the prefix that all have."""
    return metric.name.removeprefix(instruments.PREFIX) + SUFFIXES.get(metric.type, "")


def table() -> str:
    """Return the table of metrics."""
    rows = []
    for metric in sorted(metrics(), key=lambda metric: metric.name):
        labels = dict.fromkeys(label for sample in metric.samples for label in sample.labels)
        shown = ", ".join(code(label) for label in labels if label != "le")
        rows.append((code(name(metric)), metric.type, shown, metric.documentation))
    return rows_of(("Metric", "Type", "Labels", "Meaning"), rows)
