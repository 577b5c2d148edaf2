"""A real Prometheus that scrapes real metrics, on loopback."""

import json
import math
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from msgspec.structs import replace
from prometheus_client import start_http_server
from prometheus_client.registry import Collector
from structlog.testing import capture_logs

from app.cache.report import CacheReport
from app.cache.verdict import Verdict
from app.exchange import Exchange, Failure, Outcome, Progress, Retry
from app.scrubber.redact.report import ScrubReport
from app.telemetry.recorder import Telemetry
from tests.ports import free_port
from tests.programs import require
from tests.stack.tree import RULES, yaml_file
from tests.telemetry.exchanges import FAILED, PLAIN, billed

DEADLINE = 240.0  # seconds for Prometheus to start and to have scraped
LIMITS = {
    "anthropic-ratelimit-requests-limit": "50",
    "anthropic-ratelimit-requests-remaining": "49",
    "anthropic-ratelimit-unified-5h-utilization": "0.42",
    "anthropic-ratelimit-unified-5h-status": "allowed",
    "anthropic-ratelimit-unified-5h-reset": "2100000000",
    "anthropic-ratelimit-unified-7d-utilization": "0.17",
    "anthropic-ratelimit-unified-7d-reset": "2100000000",
}
SCRUBBED = ScrubReport(matches={"github_token": 2}, scanned=50_000, duration=0.004, modified=True)

# One of everything that a panel shows.
MIXED: tuple[Exchange, ...] = (
    replace(
        PLAIN,
        headers=LIMITS,
        scrub=SCRUBBED,
        modified=True,
        restored={"github_token": 1},
        retries=(Retry("529", 1, recovered=True),),
        client_retry=1,
    ),
    billed(PLAIN, model="gpt-fake"),
    billed(PLAIN, usage=None, usage_missing="parse", scrub=ScrubReport(skipped="too_large")),
    replace(PLAIN, outcome=Outcome.CLIENT_ABORT),
    replace(PLAIN, cache=CacheReport(Verdict("tools_changed", expected=40_000, missed=200))),
    replace(PLAIN, streamed=False, route="count_tokens"),
    replace(FAILED, status=429, failure=Failure("upstream", "rate_limit_error", "429")),
    replace(FAILED, outcome=Outcome.PROXY_TIMEOUT),
    replace(FAILED, status=418, failure=Failure("upstream", "odd_error", "418")),
)


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def query(self, expr: str, at: float | None = None) -> list[Any]:
        """Return an instant query's series, as of now or ``at``; fails when it is refused."""
        asked = {"query": expr} | ({} if at is None else {"time": f"{at:.3f}"})
        answer = httpx.post(f"{self.url}/api/v1/query", data=asked, trust_env=False)
        document = answer.json()
        assert document["status"] == "success", f"{expr}: {document['error']}"
        return list(document["data"]["result"])

    def exemplars(self, selector: str) -> list[dict[str, str]]:
        """Return the labels of the exemplars of the last hour."""
        now = time.time()
        asked = {"query": selector, "start": f"{now - 3600:.0f}", "end": f"{now + 60:.0f}"}
        answer = httpx.post(f"{self.url}/api/v1/query_exemplars", data=asked, trust_env=False)
        return [
            exemplar["labels"]
            for series in answer.json()["data"]
            for exemplar in series["exemplars"]
        ]

    def numbers(self, expr: str, at: float | None = None) -> list[float]:
        """Return an instant query's values, without those that are none (NaN)."""
        values = [float(series["value"][1]) for series in self.query(expr, at)]
        return [value for value in values if not math.isnan(value)]

    def ready(self) -> bool:
        """Return True if it answers queries."""
        try:
            return httpx.get(f"{self.url}/-/ready", trust_env=False).is_success
        except httpx.TransportError:
            return False


@contextmanager
def exposed(registry: Collector) -> Iterator[int]:
    """Serve a registry's exposition; yields the port."""
    server, thread = start_http_server(0, "127.0.0.1", registry)
    try:
        yield int(server.server_port)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def prometheus(
    directory: Path, *targets: int, foreign: int | None = None, interval: str = "500ms"
) -> Iterator[Prometheus]:
    """Run Prometheus with the shipped rules on a port of its own, scraping the ``targets``.

    ``foreign`` is the port of a target that is no proxy, in a job of its own and in ours.
    """
    require("prometheus", "prometheus")
    config = directory / "prometheus.yml"
    text = json.dumps(_config(directory, targets, foreign, interval))
    config.write_text(text, encoding="utf-8")
    port = free_port()
    with (directory / "log").open("w") as log:
        process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={config}",
                f"--storage.tsdb.path={directory / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=exemplar-storage",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        server = Prometheus(f"http://127.0.0.1:{port}")
        wait(server.ready, process)
        yield server
    finally:
        process.terminate()
        process.wait(timeout=DEADLINE)


def record(telemetry: Telemetry, exchanges: tuple[Exchange, ...] = MIXED) -> None:
    """Let exchanges start and end, and the event loop lag."""
    telemetry.loop_lag.observe(0.002)
    with capture_logs():
        for exchange in exchanges:
            progress = Progress(exchange.route)
            telemetry.started(progress)
            telemetry.finished(progress, exchange)


def wait(
    condition: Callable[[], bool],
    process: subprocess.Popen[bytes] | None = None,
    *,
    pause: float = 0.1,
) -> None:
    """Wait, bounded, until ``condition()`` holds; ``pause`` is longer for what costs much."""
    end = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < end, "waited too long"
        assert process is None or process.poll() is None, "Prometheus ended"
        time.sleep(pause)


def _config(
    directory: Path, targets: tuple[int, ...], foreign: int | None, interval: str
) -> dict[str, Any]:
    """Return the shipped configuration at the pace of a test, with the test's targets."""
    quick = []
    for path in RULES:
        quick.append(str(directory / path.name))
        text = re.sub(r"interval: \w+", "interval: 500ms", path.read_text(encoding="utf-8"))
        (directory / path.name).write_text(text, encoding="utf-8")
    job = yaml_file("prometheus/prometheus.yml")["scrape_configs"][0]
    others = [] if foreign is None else [foreign]
    return {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": "500ms",
            "evaluation_interval": "500ms",
        },
        "rule_files": quick,
        "scrape_configs": [
            {
                "job_name": job["job_name"],
                "metrics_path": job["metrics_path"],
                "static_configs": [{"targets": _addresses(*targets, *others)}],
            },
            {"job_name": "foreign", "static_configs": [{"targets": _addresses(*others)}]},
        ],
    }


def _addresses(*ports: int) -> list[str]:
    return [f"127.0.0.1:{port}" for port in ports]
