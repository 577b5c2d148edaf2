"""Prometheus' configuration, its rules, and that every alert is proven both ways."""

import re
from pathlib import Path

import pytest

from tests.programs import require, run
from tests.stack.servers import Prometheus, wait
from tests.stack.tree import ROOT, RULE_TESTS, RULES, Json, rules, yaml_file

METRIC = re.compile(r"\b(?:anthropic_proxy|process)_[a-z0-9_]+")
RECORDED = re.compile(r"\bjob[a-z_]*:[a-z0-9_:]+")
ALERTS = rules("alert")
FIRING = 'alertstate="firing"'


def promtool(*arguments: str | Path) -> None:
    require("promtool", "prometheus")
    run("promtool", *arguments)


@pytest.mark.external
def test_promtool_accepts_the_configuration() -> None:
    promtool("check", "config", ROOT / "prometheus/prometheus.yml")


@pytest.mark.external
def test_promtool_accepts_the_rules() -> None:
    promtool("check", "rules", *RULES)


@pytest.mark.external
@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should_and_stay_silent_when_not(path: Path) -> None:
    promtool("test", "rules", path)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_is_proven_to_fire_and_not_to_fire(alert: Json) -> None:
    cases = [
        case
        for path in RULE_TESTS
        for test in yaml_file(path)["tests"]
        for case in test["promql_expr_test"]
        if re.search(_matcher(alert["alert"]), case["expr"])
    ]
    assert any(case["exp_samples"] and FIRING in case["expr"] for case in cases)
    assert any(not case["exp_samples"] for case in cases)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_says_how_urgent_it_is_and_what_to_do(alert: Json) -> None:
    assert alert["alert"].startswith("AnthropicProxy")
    assert alert["labels"]["severity"] in {"page", "ticket", "info"}
    assert len(alert["annotations"]["summary"]) < 120
    assert len(alert["annotations"]["description"]) > 100


def test_rules_read_metrics_that_the_proxy_has(metric_names: frozenset[str]) -> None:
    used = {name for rule in _rules() for name in METRIC.findall(_unrecorded(rule["expr"]))}
    assert used <= metric_names


def test_rules_and_dashboards_read_records_that_are_made() -> None:
    made = {rule["record"] for rule in rules("record")}
    sources = [rule["expr"] for rule in _rules()]
    sources += [path.read_text("utf-8") for path in (ROOT / "grafana/dashboards").glob("*.json")]
    assert {name for text in sources for name in RECORDED.findall(text)} <= made


def test_prometheus_scrapes_what_the_compose_file_calls_proxy() -> None:
    config = yaml_file("prometheus/prometheus.yml")
    services = yaml_file("docker-compose.yml")["services"]
    jobs = {job["job_name"]: job for job in config["scrape_configs"]}
    for name, service in (("anthropic-proxy", "proxy"), ("anthropic-proxy-demo", "proxy-demo")):
        (discovery,) = jobs[name]["dns_sd_configs"]
        assert discovery["names"] == [service]
        assert service in services
        assert str(discovery["port"]) == _dashboard_port(services[service])
        assert jobs[name]["metrics_path"] == "/prometheus"


@pytest.mark.parametrize("rule", rules("record"), ids=lambda rule: rule["record"])
def test_recording_rules_give_samples_on_a_real_run(scraped: Prometheus, rule: Json) -> None:
    wait(lambda: bool(scraped.query(rule["expr"])))  # none while a scrape is late


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_a_real_prometheus_evaluates_every_alert(scraped: Prometheus, alert: Json) -> None:
    scraped.query(alert["expr"])


def _rules() -> list[Json]:
    return rules("record") + ALERTS


def _unrecorded(expr: str) -> str:
    return RECORDED.sub("", expr)


def _matcher(name: str) -> str:
    burn = re.fullmatch(r"(AnthropicProxyBudgetBurn)(\d+x)", name)
    if burn is None:
        return f'alertname="{name}"'
    stem, factor = burn.groups()
    return rf'alertname="{name}"|alertname=~"{stem}\(.*{factor.removesuffix("x")}.*\)x"'


def _dashboard_port(service: Json) -> str:
    return str(service["environment"]["ANTHROPIC_PROXY_DASHBOARD_PORT"])
