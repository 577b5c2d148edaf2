"""The files of the stack, parsed."""

import json
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
RULES = sorted((ROOT / "prometheus/rules").glob("*.yml"))
RULE_TESTS = sorted((ROOT / "prometheus/tests").glob("*.yml"))
DASHBOARDS = sorted((ROOT / "grafana/dashboards").glob("*.json"))

Json = dict[str, Any]
Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # many times as fast, where it was built


def yaml_file(path: str | Path) -> Any:
    """Return a YAML file's document; ``path`` is below the project's root."""
    return loaded((ROOT / path).read_text(encoding="utf-8"))


def loaded(text: str) -> Any:
    """Return the document of a YAML text."""
    return yaml.load(text, Loader)  # noqa: S506 - both are safe


def rules(kind: str) -> list[Json]:
    """Return every rule of a kind, ``record`` or ``alert``."""
    return [
        rule
        for path in RULES
        for group in yaml_file(path)["groups"]
        for rule in group["rules"]
        if kind in rule
    ]


def panels(path: Path) -> list[Json]:
    """Return a dashboard's panels, rows aside."""
    board = json.loads(path.read_text(encoding="utf-8"))
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def expressions() -> dict[str, str]:
    """Return every panel's expressions as Grafana would send them, by where they stand."""
    return {
        f"{path.name}: {panel['title']} {target['refId']}": substituted(target["expr"])
        for path in DASHBOARDS
        for panel in panels(path)
        for target in panel["targets"]
    }


def substituted(expr: str) -> str:
    """Replace Grafana's variables by values."""
    values = {
        "$__rate_interval": "10m",  # longer than the tests take
        "$__range": "1h",
        "$job": ".+",
        "$instance": ".+",
        "$model": ".*",
    }
    for name, value in values.items():
        expr = expr.replace(name, value)
    return expr
