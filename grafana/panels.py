"""The kinds of panels, in Grafana's JSON, reduced to what the dashboards use."""

from dataclasses import dataclass

from grafana.queries import DATASOURCE, Json, Query

COLUMNS = 24  # Grafana's grid
NO_DATA = "No traffic"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What all panels share. ``unit`` is Grafana's; ``width`` is in columns of 24."""

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str
    width: int = 8
    height: int = 8
    warn: float | None = None  # a threshold, drawn in red from there on
    limits: tuple[float, float] | None = None  # of the axis

    kind = "timeseries"
    form = "time_series"
    instant = False

    def json(self, number: int, x: int, y: int) -> Json:
        """Return the panel at its place."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": f"{self.about}\n\nMetrics: {', '.join(self.metrics())}",
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [
                query.target(chr(ord("A") + at), self.form, instant=self.instant)
                for at, query in enumerate(self.queries)
            ],
            "fieldConfig": {"defaults": self.defaults(), "overrides": self.overrides()},
            "options": self.options(),
            **self.extra(),
        }

    def metrics(self) -> list[str]:
        """Return the names of the metrics shown."""
        return sorted(set[str]().union(*(query.metrics for query in self.queries)))

    def defaults(self) -> Json:
        """Return the field defaults: unit, thresholds, and words instead of NaN."""
        steps: list[Json] = [{"color": "green", "value": None}]
        if self.warn is not None:
            steps.append({"color": "red", "value": self.warn})
        absent = {"match": "null+nan", "result": {"text": NO_DATA, "index": 0}}
        bounds = {} if self.limits is None else dict(zip(("min", "max"), self.limits, strict=True))
        return {
            "unit": self.unit,
            "noValue": NO_DATA,
            "mappings": [{"type": "special", "options": absent}],
            "thresholds": {"mode": "absolute", "steps": steps},
            **bounds,
        }

    def overrides(self) -> list[Json]:
        """Return settings of single fields."""
        return []

    def options(self) -> Json:
        """Return what the panel's kind can be told."""
        raise NotImplementedError

    def extra(self) -> Json:
        """Return further keys of the panel."""
        return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines(Panel):
    """Values over time, stacked when they are parts of a whole."""

    stacked: bool = False

    def defaults(self) -> Json:
        """Add the way of drawing."""
        stacking = {"mode": "normal" if self.stacked else "none", "group": "A"}
        return {
            **Panel.defaults(self),
            "color": {"mode": "palette-classic"},
            "custom": {
                "drawStyle": "line",
                "lineWidth": 1,
                "fillOpacity": 30 if self.stacked else 8,
                "showPoints": "auto",
                "spanNulls": False,
                "stacking": stacking,
                "thresholdsStyle": {"mode": "off" if self.warn is None else "dashed"},
            },
        }

    def options(self) -> Json:
        """Show means and maxima beside the names."""
        return {
            "legend": {
                "displayMode": "table",
                "placement": "bottom",
                "showLegend": True,
                "calcs": ["mean", "max", "lastNotNull"],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat(Panel):
    """One figure, now."""

    width: int = 4
    height: int = 4
    shows: str = "auto"  # Grafana's text mode: ``name`` shows the legend in the value's place

    kind = "stat"
    instant = True

    def options(self) -> Json:
        """Show the figure, coloured by its threshold."""
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "textMode": self.shows,
            "wideLayout": True,
            "showPercentChange": False,
            "percentChangeColorMode": "standard",
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(Stat):
    """One bar per series, now."""

    width: int = 8
    height: int = 8

    kind = "bargauge"

    def options(self) -> Json:
        """Lay the bars down: names are long."""
        return {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "displayMode": "basic",
            "orientation": "horizontal",
            "showUnfilled": True,
            "valueMode": "color",
            "minVizWidth": 8,
            "minVizHeight": 16,
            "maxVizHeight": 300,
            "namePlacement": "auto",
            "sizing": "auto",
            "legend": {
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": False,
                "calcs": [],
            },
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmap(Panel):
    """How a histogram's buckets fill over time."""

    kind = "heatmap"
    form = "heatmap"

    def options(self) -> Json:
        """Show Prometheus' buckets as they are."""
        return {
            "calculate": False,
            "cellGap": 1,
            "color": {
                "mode": "scheme",
                "scheme": "Oranges",
                "steps": 64,
                "exponent": 0.5,
                "fill": "dark-orange",
                "reverse": False,
            },
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"mode": "single", "yHistogram": False, "showColorScale": False},
            "yAxis": {"axisPlacement": "left", "unit": self.unit},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Panel):
    """One row per value of ``by``, one column per query, each with its own unit."""

    by: tuple[str, ...]
    units: tuple[tuple[str, str], ...] = ()  # column -> unit, where it is not ``unit``
    width: int = COLUMNS

    kind = "table"
    form = "table"
    instant = True

    def overrides(self) -> list[Json]:
        """Give each column its unit."""
        return [
            {
                "matcher": {"id": "byName", "options": column},
                "properties": [{"id": "unit", "value": unit}],
            }
            for column, unit in self.units
        ]

    def options(self) -> Json:
        """Keep the rows low."""
        return {
            "showHeader": True,
            "cellHeight": "sm",
            "footer": {"show": False, "reducer": ["sum"]},
        }

    def extra(self) -> Json:
        """Join the answers into one table and name its columns."""
        single = len(self.queries) == 1
        names = {
            ("Value" if single else f"Value #{chr(ord('A') + at)}"): query.column
            for at, query in enumerate(self.queries)
        }
        order = {name: at for at, name in enumerate((*self.by, *names))}
        organize = {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names}
        return {
            "transformations": [
                {"id": "merge", "options": {}},
                {"id": "organize", "options": organize},
            ]
        }
