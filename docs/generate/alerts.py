"""The alerts of Prometheus' rules."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from docs.generate.markdown import table as rows_of

RULES = Path(__file__).parents[2] / "prometheus/rules"


def alerts() -> list[Mapping[str, Any]]:
    """Return every alert as its rule."""
    return [
        rule
        for file in sorted(RULES.glob("*.yml"))
        for group in yaml.safe_load(file.read_text("utf-8"))["groups"]
        for rule in group["rules"]
        if "alert" in rule
    ]


def table() -> str:
    """Return the table of alerts, each with a link to its runbook."""
    rows = [
        (
            f"[`{rule['alert']}`](#{rule['alert'].lower()})",
            rule["labels"]["severity"],
            rule.get("for", "at once"),
        )
        for rule in alerts()
    ]
    return rows_of(("Alert", "Severity", "Fires after"), rows)
