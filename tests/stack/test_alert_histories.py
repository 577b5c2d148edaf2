"""Alerts on first events, tested with the history that a real process makes.

The process starts, is scraped, something happens for the first time, it is scraped again. What
the scrapes found becomes the input of ``promtool test rules``: a series that is born with its
first event would not be there before it.
"""

import json
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from app.cache.report import CacheReport
from app.cache.verdict import Verdict
from app.exchange import Exchange, Failure, Outcome
from app.scrubber.redact.report import ScrubReport
from simulator import Simulator, Step
from tests.programs import TIME_OUT, require
from tests.proxying import MESSAGE, Running
from tests.stack.tree import RULES, rules
from tests.telemetry.exchanges import FAILED, PLAIN, billed, exposition, record, telemetry

pytestmark = pytest.mark.external

EVERY = 15  # seconds between two scrapes
QUIET = 24  # scrapes before the event
AFTER = 64  # scrapes after it
SKIPPED = replace(PLAIN, scrub=ScrubReport(skipped="too_large"))


def failed(error_type: str, reason: str) -> Exchange:
    status = int(reason) if reason.isdigit() else 502
    return replace(FAILED, status=status, failure=Failure("upstream", error_type, reason))


FIRST_EVENTS: Mapping[str, tuple[Exchange, ...]] = {
    "PrefixMismatch": (failed("prefix_mismatch", "400"),),
    "ScrubSkipped": (SKIPPED,),
    "ScrubCausesMisses": (
        replace(PLAIN, cache=CacheReport(Verdict("upstream"), received=Verdict("hit"))),
    ),
    "Unpriced": (billed(PLAIN, model="gpt-fake"),),
    "LabelOverflow": (replace(PLAIN, model="gpt-fake"),),
    "RateLimited": (failed("rate_limit_error", "429"),) * 5,
    "AuthFailures": (failed("authentication_error", "401"),) * 5,
    "StreamErrorsAfter200": (replace(PLAIN, outcome=Outcome.UPSTREAM_ERROR_EVENT),) * 3,
    "StreamAborts": (replace(PLAIN, outcome=Outcome.UPSTREAM_ABORT),) * 3,
    "UsageMissing": (replace(PLAIN, usage=None, usage_missing="parse"),) * 5,
}

Scrape = dict[str, float]


def read(text: str) -> Scrape:
    """Return the samples of an exposition by series, as a Prometheus in our job stores them."""
    found = {}
    for family in text_string_to_metric_families(text):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            labels = {"job": "anthropic-proxy", "instance": "a", **sample.labels}
            shown = ", ".join(f"{name}={json.dumps(value)}" for name, value in labels.items())
            found[f"{sample.name}{{{shown}}}"] = sample.value
    return found


def series(scrapes: list[Scrape], name: str) -> list[Mapping[str, str]]:
    """Return the history of every series that the alert ``name`` reads."""
    (expr,) = (rule["expr"] for rule in rules("alert") if rule["alert"] == name)
    read_ones = {one for scrape in scrapes for one in scrape if one.partition("{")[0] in expr}
    return [
        {"series": one, "values": " ".join(f"{scrape.get(one, '_')}" for scrape in scrapes)}
        for one in sorted(read_ones)
    ]


def fires(name: str, scrapes: list[Scrape], directory: Path) -> None:
    """Assert that the alert is silent until the event, and fires after it."""
    require("promtool", "prometheus")
    firing = f'count(ALERTS{{alertname="{name}", alertstate="firing"}})'
    ever = f"max_over_time({firing}[{AFTER * EVERY}s:{EVERY}s])"
    case = {
        "interval": f"{EVERY}s",
        "input_series": series(scrapes, name),
        "promql_expr_test": [
            {"expr": firing, "eval_time": f"{(QUIET - 1) * EVERY}s", "exp_samples": []},
            {
                "expr": f"{ever} > bool 0",
                "eval_time": f"{(QUIET + AFTER - 1) * EVERY}s",
                "exp_samples": [{"labels": "{}", "value": 1}],
            },
        ],
    }
    file = directory / "case.yml"
    rule_files = [str(path) for path in RULES if f"alert: {name}\n" in path.read_text("utf-8")]
    file.write_text(
        json.dumps({"rule_files": rule_files, "evaluation_interval": "15s", "tests": [case]})
    )
    done = subprocess.run(
        ["promtool", "test", "rules", file], capture_output=True, check=False, timeout=TIME_OUT
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


@pytest.mark.parametrize("name", FIRST_EVENTS)
def test_an_alert_fires_on_the_first_events_of_a_real_process(name: str, tmp_path: Path) -> None:
    process = telemetry()

    def scrape() -> Scrape:
        return read(exposition(process))

    quiet = scrape()
    record(process, *FIRST_EVENTS[name])
    event = scrape()

    fires(f"AnthropicProxy{name}", [quiet] * QUIET + [event] * AFTER, tmp_path)


async def test_the_first_prefix_mismatch_through_a_real_proxy_pages(
    proxy: Running, upstream: Simulator, tmp_path: Path
) -> None:
    message = "thinking block is bound to a different conversation"
    body = {"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    upstream.script(Step(status=400, body=json.dumps(body).encode()))

    async def scrape(enough: Callable[[Scrape], bool]) -> Scrape:
        async with httpx.AsyncClient(base_url=proxy.pages_url) as pages:
            headers = {"accept": "application/openmetrics-text; version=1.0.0"}
            for _ in range(100):
                found = read((await pages.get("/prometheus", headers=headers)).text)
                if enough(found):
                    return found
        raise AssertionError("the scrape never showed it")

    def mismatches(found: Scrape) -> float | None:
        counts = [count for one, count in found.items() if 'type="prefix_mismatch"' in one]
        return next(iter(counts), None)

    quiet = await scrape(bool)
    assert mismatches(quiet) == 0
    async with proxy.client() as client:
        assert (await client.post("/v1/messages", json=MESSAGE)).status_code == 400
    await proxy.ended()
    event = read(exposition(proxy.application.telemetry))
    assert mismatches(event) == 1

    fires("AnthropicProxyPrefixMismatch", [quiet] * QUIET + [event] * AFTER, tmp_path)
