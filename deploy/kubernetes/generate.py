"""Makes the cluster's rules and dashboards from the files of the compose stack.

``make kubernetes`` runs it after a change of ``prometheus/rules`` or ``grafana/dashboards``.
kustomize reads no file outside its own folder, so they must be there.
"""

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
MONITORING = Path(__file__).parent / "overlays" / "monitoring"
HEADER = "# Made from prometheus/rules by `make kubernetes`. Do not edit.\n"


def generated() -> dict[Path, str]:
    """Return the content of every file that is made."""
    dashboards = sorted((ROOT / "grafana/dashboards").glob("*.json"))
    files = {MONITORING / "dashboards" / path.name: path.read_text("utf-8") for path in dashboards}
    return files | {MONITORING / "rules.yaml": HEADER + yaml.safe_dump(_rule(), sort_keys=False)}


def _rule() -> dict[str, Any]:
    paths = sorted((ROOT / "prometheus/rules").glob("*.yml"))
    groups = [
        group for path in paths for group in yaml.safe_load(path.read_text("utf-8"))["groups"]
    ]
    labels = {"app.kubernetes.io/name": "anthropic-proxy"}
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "anthropic-proxy", "labels": labels},
        "spec": {"groups": groups},
    }


def main() -> None:
    """Write the files."""
    for path, content in generated().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")


if __name__ == "__main__":
    main()
