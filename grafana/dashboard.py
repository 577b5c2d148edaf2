"""A dashboard: rows of panels on Grafana's grid, and the variables that filter them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from grafana.panels import COLUMNS, Panel
from grafana.queries import DATASOURCE, OURS, Json, Query

SCHEMA_VERSION = 39


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading; they flow from left to right, in lines of equal height."""

    title: str
    panels: tuple[Panel, ...]

    def json(self, numbers: Iterator[int], y: int) -> tuple[list[Json], int]:
        """Return heading and panels from line ``y`` of the grid on, and the first free line."""
        heading = {"x": 0, "y": y, "w": COLUMNS, "h": 1}
        placed: list[Json] = [
            {
                "id": next(numbers),
                "type": "row",
                "title": self.title,
                "collapsed": False,
                "gridPos": heading,
                "panels": [],
            }
        ]
        x, y, bottom = 0, y + 1, y + 1
        for panel in self.panels:
            if x + panel.width > COLUMNS:
                x, y = 0, bottom
            placed.append(panel.json(next(numbers), x, y))
            x += panel.width
            bottom = max(bottom, y + panel.height)
        return placed, bottom


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A whole dashboard; ``uid`` is its place in URLs and never changes."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]

    def json(self) -> Json:
        """Return the model that Grafana reads."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.about,
            "tags": ["anthropic-proxy"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,  # one crosshair through all panels
            "refresh": "15s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "templating": {"list": VARIABLES},
            "annotations": {"list": [_RESTARTS]},
            "links": [_SIBLINGS],
            "panels": list(self._panels()),
        }

    def _panels(self) -> Iterator[Json]:
        numbers, y = count(1), 0
        for row in self.rows:
            placed, y = row.json(numbers, y)
            yield from placed


def _choice(name: str, label: str, query: str, every: str | None = None) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": query, "refId": f"variable-{name}"},
        "refresh": 2,  # when the time range changes
        "sort": 1,
        "multi": True,
        "includeAll": True,
        **({} if every is None else {"allValue": every}),
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


# All jobs and instances are all that the queries find: ours. All models are any model.
VARIABLES: list[Json] = [
    {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus"},
    _choice("job", "Job", "label_values(anthropic_proxy_build_info, job)"),
    _choice(
        "instance",
        "Instance",
        'label_values(anthropic_proxy_build_info{job=~"$job"}, instance)',
    ),
    _choice(
        "model",
        "Model",
        'label_values(anthropic_proxy_requests_total{job=~"$job", instance=~"$instance"}, model)',
        ".*",
    ),
]

_RESTARTS: Json = {
    "name": "Restarts",
    "datasource": DATASOURCE,
    "enable": True,
    "iconColor": "purple",
    "expr": Query(
        "changes(process_start_time_seconds{@}[$__rate_interval])"
        f" * on (job, instance) group_left () {OURS} > 0"
    ).full,
    "titleFormat": "Restart of {{instance}}",
}

_SIBLINGS: Json = {
    "title": "anthropic-proxy",
    "type": "dashboards",
    "tags": ["anthropic-proxy"],
    "asDropdown": False,
    "includeVars": True,
    "keepTime": True,
    "targetBlank": False,
    "icon": "external link",
    "tooltip": "",
    "url": "",
}
