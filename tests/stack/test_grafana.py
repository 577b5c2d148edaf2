"""The dashboards: well-formed, in step with their source, and alive on a real run."""

import json
import re
from itertools import combinations
from pathlib import Path

import pytest

from grafana.__main__ import DASHBOARDS as SOURCES
from grafana.__main__ import rendered
from tests.cases import every_case
from tests.stack.servers import Prometheus, wait
from tests.stack.tree import DASHBOARDS, Json, expressions, panels, yaml_file

EXPRESSIONS = expressions()
METRIC = re.compile(r"\b(?:anthropic_proxy|process)_[a-z0-9_]+")
WINDOW = re.compile(r"\b(\w+)\([^()]*\[([^\]]+)\]")
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

every_panel = every_case(
    "panel",
    {f"{path.stem}: {panel['title']}": panel for path in DASHBOARDS for panel in panels(path)},
)
every_dashboard = pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)


def test_the_files_are_what_their_source_makes() -> None:
    assert {path.name: path.read_text("utf-8") for path in DASHBOARDS} == {
        name: rendered(dashboard) for name, dashboard in SOURCES.items()
    }


@every_dashboard
def test_ids_are_unique_and_titles_too(path: Path) -> None:
    board = _board(path)
    ids = [panel["id"] for panel in board["panels"]]
    titles = [panel["title"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    assert len(set(titles)) == len(titles)


@every_dashboard
def test_no_panel_overlaps_another_or_the_edge(path: Path) -> None:
    places = [panel["gridPos"] for panel in _board(path)["panels"]]
    assert all(place["x"] + place["w"] <= 24 for place in places)
    assert not [(a, b) for a, b in combinations(places, 2) if _overlap(a, b)]


@every_dashboard
def test_a_dashboard_has_its_variables_and_one_crosshair(path: Path) -> None:
    board = _board(path)
    assert [entry["name"] for entry in board["templating"]["list"]] == [
        "datasource",
        "job",
        "instance",
        "model",
    ]
    assert board["graphTooltip"] == 1
    assert board["schemaVersion"] == 41
    assert board["panels"][0]["type"] == "row"


@every_panel
def test_a_panel_has_title_unit_and_the_chosen_data_source(panel: Json) -> None:
    assert panel["title"]
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["datasource"] == DATASOURCE
    assert all(target["datasource"] == DATASOURCE for target in panel["targets"])


@every_panel
def test_a_description_names_the_metrics_shown(panel: Json) -> None:
    text, _, named = panel["description"].rpartition("Metrics: ")
    assert len(text) > 10
    for target in panel["targets"]:
        for name in METRIC.findall(target["expr"]):
            assert re.sub(r"_(bucket|count|sum)$", "", name) in named


@every_panel
def test_nothing_to_show_is_said_in_words(panel: Json) -> None:
    defaults = panel["fieldConfig"]["defaults"]
    (absent,) = (entry["options"] for entry in defaults["mappings"])
    assert absent["match"] == "null+nan"
    assert absent["result"]["text"] == defaults["noValue"]
    assert defaults["noValue"]


def test_only_what_comes_with_requests_says_that_there_are_none() -> None:
    said = {
        panel["title"]: panel["fieldConfig"]["defaults"]["noValue"]
        for path in DASHBOARDS
        for panel in panels(path)
    }
    assert said["Time to first token"] == "No traffic"
    assert said["Alerts"] == "None fires"
    assert said["Bodies not scanned"] == "None"
    assert said["Cost of misses by reason"] == "No misses"


@every_panel
def test_a_line_has_a_name_that_is_no_query(panel: Json) -> None:
    named = [target["legendFormat"] != "__auto" for target in panel["targets"]]
    assert all(named) or panel["type"] in ("stat", "table")  # which show none, or columns


@every_panel
def test_windows_follow_the_resolution_of_the_screen(panel: Json) -> None:
    allowed = {
        "rate": {"$__rate_interval"},
        "increase": {"$__rate_interval", "$__range"},
        "predict_linear": {"30m"},
        "last_over_time": {"$__range", "1h"},
    }
    for target in panel["targets"]:
        for function, window in WINDOW.findall(target["expr"]):
            assert window in allowed[function]


@every_panel
def test_denominators_are_guarded(panel: Json) -> None:
    for target in panel["targets"]:
        for denominator in target["expr"].split(" / ")[1:]:
            assert denominator.startswith("(")
            assert denominator.endswith("> 0)")


def test_panels_read_metrics_that_the_proxy_has(metric_names: frozenset[str]) -> None:
    used = {name for expr in EXPRESSIONS.values() for name in METRIC.findall(_unrecorded(expr))}
    assert used <= metric_names


def test_every_metric_of_the_proxy_is_shown_somewhere(metric_names: frozenset[str]) -> None:
    shown = " ".join(EXPRESSIONS.values())
    own = {name for name in metric_names if name.startswith("anthropic_proxy_")}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in own}
    assert {name for name in families if name not in shown} == set()


@pytest.mark.parametrize("where", EXPRESSIONS)
def test_every_panel_has_data_on_a_real_run(scraped: Prometheus, where: str) -> None:
    wait(lambda: bool(scraped.numbers(EXPRESSIONS[where])))  # none while a scrape is late


def test_the_data_source_and_the_folder_are_provisioned() -> None:
    (source,) = yaml_file("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    (provider,) = yaml_file("grafana/provisioning/dashboards/anthropic-proxy.yml")["providers"]
    scrape = yaml_file("prometheus/prometheus.yml")["global"]["scrape_interval"]
    mounts = yaml_file("docker-compose.yml")["services"]["grafana"]["volumes"]
    assert source["uid"]
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["httpMethod"] == "POST"
    assert source["jsonData"]["timeInterval"] == scrape
    assert provider["type"] == "file"
    assert provider["allowUiUpdates"] is False
    assert f"./grafana/dashboards:{provider['options']['path']}:ro" in mounts


def _board(path: Path) -> Json:
    board: Json = json.loads(path.read_text(encoding="utf-8"))
    return board


def _overlap(a: Json, b: Json) -> bool:
    return bool(
        a["x"] < b["x"] + b["w"]
        and b["x"] < a["x"] + a["w"]
        and a["y"] < b["y"] + b["h"]
        and b["y"] < a["y"] + a["h"]
    )


def _unrecorded(expr: str) -> str:
    return re.sub(r"\bjob[a-z_]*:[a-z0-9_:]+", "", expr)
