"""The documentation of settings, metrics and detectors is true."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from prometheus_client import Metric

from app.anthropic.errors import ERROR_CLASSES
from app.anthropic.usage import Usage
from app.cli.commands import COMMANDS, SERVE
from app.exchange import Failure, Retry
from app.scrubber.detect.detectors import BUILT_IN
from app.scrubber.redact.report import ScrubReport
from app.scrubber.redact.scrubber import CACHE_LIMIT
from app.settings import PREFIX, Settings, effective, variable
from app.telemetry import instruments
from tests.telemetry.exchanges import PLAIN, billed, record, telemetry

ROOT = Path(__file__).parents[1]


@pytest.fixture
def defaults(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Every variable with its default as text."""
    for name in (*os.environ, "XDG_STATE_HOME"):
        if name.upper().startswith((PREFIX, "XDG_STATE_HOME")):
            monkeypatch.delenv(name, raising=False)
    shown = effective(Settings(_env_file=None))  # type: ignore[call-arg]
    return {name: text.replace(str(Path.home()), "~") for name, text in shown.items()}


def _table(defaults: dict[str, str]) -> str:
    rows = ["| Variable | Default | Meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = defaults[variable(name)]
        shown = f"`{default}`" if default else "(empty)"
        meaning = re.sub(r"([|<])", r"\\\1", field.description or "")
        rows.append(f"| `{variable(name)}` | {shown} | {meaning} |")
    return "\n".join(rows)


def test_the_readme_lists_every_setting_with_its_default_and_meaning(
    defaults: dict[str, str],
) -> None:
    table = _table(defaults)
    assert table in (ROOT / "README.md").read_text(), f"README.md lacks this table:\n{table}"


def test_every_variable_that_the_readme_names_is_a_setting(defaults: dict[str, str]) -> None:
    named = re.findall(rf"\b{PREFIX}[A-Z0-9_]+\b", (ROOT / "README.md").read_text())
    assert set(named) == set(defaults)


def test_the_example_of_an_env_file_holds_every_setting_with_its_default(
    defaults: dict[str, str],
) -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    pairs = [
        line.removeprefix("#").partition("=") for line in lines if line.startswith("#" + PREFIX)
    ]
    # The state directory lies in the home directory, which an env file cannot name.
    expected = defaults | {PREFIX + "STATE_DIR": ""}
    assert {name: value for name, _, value in pairs} == expected
    assert len(pairs) == len(expected)


SHOWN = 16  # characters of an example: scanners of repositories take whole ones for real
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


def _metrics() -> Iterator[Metric]:
    """Return the proxy's own metrics, as they are after a request with one of everything."""
    observer = telemetry()
    record(observer, EVERYTHING, billed(EVERYTHING, model="made-up"))
    return (one for one in observer.collect() if one.name.startswith(instruments.PREFIX))


def _metrics_table() -> str:
    suffixes = {"counter": "_total", "info": "_info"}
    rows = ["| Metric | Type | Labels | Meaning |", "| --- | --- | --- | --- |"]
    for metric in sorted(_metrics(), key=lambda metric: metric.name):
        name = metric.name.removeprefix(instruments.PREFIX) + suffixes.get(metric.type, "")
        labels = dict.fromkeys(label for sample in metric.samples for label in sample.labels)
        shown = ", ".join(f"`{label}`" for label in labels if label != "le")
        rows.append(f"| `{name}` | {metric.type} | {shown} | {metric.documentation} |")
    return "\n".join(rows)


def _detectors_table() -> str:
    rows = ["| Detector | Tier | Finds, for example |", "| --- | --- | --- |"]
    for detector in BUILT_IN:
        example = detector.examples[0].partition("\n")[0]
        shown = example if len(example) <= SHOWN else f"{example[:SHOWN]}…"
        rows.append(f"| `{detector.name}` | {detector.tier} | `{shown}` |")
    return "\n".join(rows)


@pytest.mark.parametrize("name", [command.name for command in COMMANDS if command.name != SERVE])
def test_the_readme_explains_every_command(name: str) -> None:
    rows = re.findall(r"(?m)^\| `(anthropic-proxy .*?)` \|", (ROOT / "README.md").read_text())
    assert any(re.search(rf"anthropic-proxy {name}\b", row) for row in rows)


def test_the_readme_lists_every_metric_with_its_type_labels_and_meaning() -> None:
    table = _metrics_table()
    assert table in (ROOT / "README.md").read_text(), f"README.md lacks this table:\n{table}"


def test_the_readme_lists_every_detector_with_its_tier_and_an_example() -> None:
    table = _detectors_table()
    assert table in (ROOT / "README.md").read_text(), f"README.md lacks this table:\n{table}"


def test_the_limits_of_the_scrubber_are_those_that_the_readme_names() -> None:
    text = (ROOT / "README.md").read_text()
    assert f"{Settings.model_fields['scrub_max_body_size'].default // 2**20} MiB, decoded" in text
    assert f"{CACHE_LIMIT // 2**20} MiB per process at most" in text


def test_every_picture_that_the_readme_shows_exists() -> None:
    shown = re.findall(r'docs/screenshots/[^)"]+', (ROOT / "README.md").read_text())
    assert len(shown) == 3
    assert all((ROOT / picture).is_file() for picture in shown)


def test_the_guide_to_alerts_names_each_with_its_severity() -> None:
    text = (ROOT / "docs/metrics-and-alerts.md").read_text()
    documented = re.findall(r"^\| `(AnthropicProxy\w+)` \| (\w+) \|", text, re.MULTILINE)
    rules = [
        rule
        for path in (ROOT / "prometheus/rules").glob("*.yml")
        for group in yaml.safe_load(path.read_text())["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]
    assert sorted(documented) == sorted(
        (rule["alert"], rule["labels"]["severity"]) for rule in rules
    )


def test_the_guide_to_metrics_names_every_error_class() -> None:
    text = (ROOT / "docs/metrics-and-alerts.md").read_text()
    assert re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", text, re.MULTILINE) == list(
        ERROR_CLASSES
    )
