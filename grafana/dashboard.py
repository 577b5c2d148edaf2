"""A dashboard: rows of panels on Grafana's grid, and the variables that filter them."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models

from grafana.panels import COLUMNS, DATASOURCE, Panel
from grafana.queries import OURS, Query

TAG = "anthropic-proxy"


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under one heading; they flow from left to right, in lines of equal height."""

    title: str
    panels: tuple[Panel, ...]

    def places(self, y: int) -> Iterator[tuple[Panel, int, int]]:
        """Yield the panels with their column and line, from line ``y`` of the grid on."""
        x, bottom = 0, y
        for panel in self.panels:
            if x + panel.width > COLUMNS:
                x, y = 0, bottom
            yield panel, x, y
            x += panel.width
            bottom = max(bottom, y + panel.height)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """A whole dashboard; ``uid`` is its place in URLs and never changes."""

    uid: str
    title: str
    about: str
    rows: tuple[Row, ...]

    def build(self) -> models.Dashboard:
        """Return the model that Grafana reads."""
        built = (
            builders.Dashboard(self.title)
            .uid(self.uid)
            .description(self.about)
            .tags([TAG])
            .version(1)
            .tooltip(models.DashboardCursorSync.CROSSHAIR)
            .refresh("15s")
            .time("now-1h", "now")
            .link(_siblings())
            .build()
        )
        built.templating = models.DashboardDashboardTemplating(_variables())
        built.annotations = models.AnnotationContainer([_restarts()])
        built.panels = [*self._panels()]
        return built

    def _panels(self) -> Iterator[models.Panel | models.RowPanel]:
        numbers, y = count(1), 0
        for row in self.rows:
            heading = models.GridPos(x=0, y=y, w=COLUMNS, h=1)
            yield models.RowPanel(title=row.title, grid_pos=heading, id_val=next(numbers))
            y += 1
            bottom = y
            for panel, x, line in row.places(y):
                yield panel.build(next(numbers), x, line)
                bottom = max(bottom, line + panel.height)
            y = bottom


def _choice(name: str, label: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(DATASOURCE)
        .query({"query": query, "refId": f"variable-{name}"})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(multi=True)
        .include_all(include_all=True)
        .current(models.VariableOption(selected=True, text=["All"], value=["$__all"]))
    )


def _variables() -> list[models.VariableModel]:
    """Return the filters. All jobs and instances are those that the queries find: ours."""
    variables = [choice.build() for choice in _choices()]
    for variable in variables:  # the package writes these for every type; they are of intervals
        variable.auto = variable.auto_count = variable.auto_min = None
    return variables


def _choices() -> list[Builder[models.VariableModel]]:
    instances = 'label_values(anthropic_proxy_build_info{job=~"$job"}, instance)'
    models_seen = (
        'label_values(anthropic_proxy_requests_total{job=~"$job", instance=~"$instance"}, model)'
    )
    return [
        builders.DatasourceVariable("datasource").label("Data source").type("prometheus"),
        _choice("job", "Job", "label_values(anthropic_proxy_build_info, job)"),
        _choice("instance", "Instance", instances),
        _choice("model", "Model", models_seen).all_value(".*"),
    ]


class _Annotation(models.AnnotationQuery):
    """An annotation of a Prometheus query, whose ``titleFormat`` the package does not have."""

    title_format = ""

    def to_json(self) -> dict[str, object]:
        return {**super().to_json(), "titleFormat": self.title_format}


def _restarts() -> models.AnnotationQuery:
    changes = "changes(process_start_time_seconds{@}[$__rate_interval])"
    shown = _Annotation(
        name="Restarts",
        datasource=DATASOURCE,
        icon_color="purple",
        expr=Query(f"{changes} * on (job, instance) group_left () {OURS} > 0").full,
    )
    shown.title_format = "Restart of {{instance}}"
    return shown


def _siblings() -> builders.DashboardLink:
    """Return links to the other dashboards, with the same filters and time."""
    return (
        builders.DashboardLink("anthropic-proxy")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
        .icon("external link")
    )
