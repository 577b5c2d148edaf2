"""The kinds of panels that the dashboards have, made with Grafana's own builders.

A panel is declared by its title, description, queries, unit and threshold. Its class adds the
visualization.
"""

from dataclasses import dataclass

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmaps
from grafana_foundation_sdk.models.prometheus import PromQueryFormat as Format
from grafana_foundation_sdk.models.prometheus import QueryEditorMode

from grafana.queries import Query

COLUMNS = 24  # Grafana's grid
NO_DATA = "No traffic"
DATASOURCE = models.DataSourceRef("prometheus", "${datasource}")

Builder = bargauge.Panel | heatmap.Panel | stat.Panel | table.Panel | timeseries.Panel


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """The common part of all panels. ``unit`` is a Grafana unit; ``width`` is in columns of 24."""

    title: str
    about: str
    queries: tuple[Query, ...]
    unit: str
    width: int = 8
    height: int = 8
    warn: float | None = None  # threshold, above which values are red
    limits: tuple[float, float] | None = None  # of the axis
    empty: str = NO_DATA  # what is said where there is nothing to show

    form = Format.TIME_SERIES
    instant = False

    def build(self, number: int, x: int, y: int) -> models.Panel:
        """Return the panel at its place."""
        panel = self.builder()
        panel.id(number).title(self.title).datasource(DATASOURCE)
        panel.description(f"{self.about}\n\nMetrics: {', '.join(self.metrics())}")
        panel.grid_pos(models.GridPos(x=x, y=y, w=self.width, h=self.height))
        panel.targets([self._target(query, at) for at, query in enumerate(self.queries)])
        panel.unit(self.unit).no_value(self.empty).mappings([_absent(self.empty)])
        panel.thresholds(self._thresholds())
        if self.limits is not None:
            panel.min(self.limits[0]).max(self.limits[1])
        return panel.build()

    def builder(self) -> Builder:
        """Return the builder of the panel's kind, with its options."""
        raise NotImplementedError

    def metrics(self) -> list[str]:
        """Return the names of the metrics shown."""
        return sorted(set[str]().union(*(query.metrics for query in self.queries)))

    def _target(self, query: Query, at: int) -> prometheus.Dataquery:
        target = prometheus.Dataquery().ref_id(_ref(at)).datasource(DATASOURCE)
        target.expr(query.full).legend_format(query.legend or "__auto")
        target.editor_mode(QueryEditorMode.CODE).format(self.form)
        exemplars = "_bucket" in query.expr and self.form != Format.HEATMAP
        target.exemplar(exemplars and not self.instant)
        return target.instant() if self.instant else target.range()

    def _thresholds(self) -> dashboard.ThresholdsConfig:
        steps = [models.Threshold(None, "green")]
        if self.warn is not None:
            steps.append(models.Threshold(self.warn, "red"))
        return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines(Panel):
    """Values over time; stacked if they are parts of a sum."""

    stacked: bool = False

    def builder(self) -> timeseries.Panel:
        """Show mean, maximum and last value in the legend."""
        modes, styles = options.StackingMode, options.GraphThresholdsStyleMode
        style = styles.OFF if self.warn is None else styles.DASHED
        return (
            timeseries.Panel()
            .color_scheme(dashboard.FieldColor().mode(models.FieldColorModeId.PALETTE_CLASSIC))
            .draw_style(options.GraphDrawStyle.LINE)
            .line_width(1)
            .fill_opacity(30 if self.stacked else 8)
            .show_points(options.VisibilityMode.AUTO)
            .span_nulls(span_nulls=False)
            .stacking(
                common.StackingConfig()
                .mode(modes.NORMAL if self.stacked else modes.NONE)
                .group("A")
            )
            .thresholds_style(common.GraphThresholdsStyleConfig().mode(style))
            .legend(
                common.VizLegendOptions()
                .display_mode(options.LegendDisplayMode.TABLE)
                .placement(options.LegendPlacement.BOTTOM)
                .show_legend(show_legend=True)
                .calcs(["mean", "max", "lastNotNull"])
            )
            .tooltip(
                common.VizTooltipOptions()
                .mode(options.TooltipDisplayMode.MULTI)
                .sort(options.SortOrder.DESCENDING)
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Stat(Panel):
    """The current value, coloured by its threshold."""

    width: int = 4
    height: int = 4
    shows: options.BigValueTextMode = options.BigValueTextMode.AUTO

    instant = True

    def builder(self) -> stat.Panel:
        """Show the last value without a graph."""
        return (
            stat.Panel()
            .reduce_options(_last_value())
            .color_mode(options.BigValueColorMode.VALUE)
            .graph_mode(options.BigValueGraphMode.NONE)
            .justify_mode(options.BigValueJustifyMode.AUTO)
            .orientation(options.VizOrientation.AUTO)
            .text_mode(self.shows)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars(Panel):
    """One bar per series, with its current value."""

    instant = True

    def builder(self) -> bargauge.Panel:
        """Draw horizontal bars: names are long."""
        return (
            bargauge.Panel()
            .reduce_options(_last_value())
            .display_mode(options.BarGaugeDisplayMode.BASIC)
            .orientation(options.VizOrientation.HORIZONTAL)
            .show_unfilled(show_unfilled=True)
            .legend(common.VizLegendOptions().show_legend(show_legend=False))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmap(Panel):
    """The buckets of a histogram over time."""

    form = Format.HEATMAP

    def builder(self) -> heatmap.Panel:
        """Show the buckets of the query without further calculation."""
        colours = (
            heatmap.HeatmapColorOptions()
            .mode(heatmaps.HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .steps(64)
            .exponent(0.5)
            .fill("dark-orange")
            .reverse(reverse=False)
        )
        axis = heatmap.YAxisConfig().axis_placement(options.AxisPlacement.LEFT).unit(self.unit)
        return (
            heatmap.Panel()
            .calculate(calculate=False)
            .color(colours)
            .filter_values(heatmap.FilterValueRange().le(1e-9))
            .rows_frame(heatmap.RowsHeatmapOptions().layout(options.HeatmapCellLayout.AUTO))
            .show_legend()
            .y_axis(axis)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Table(Panel):
    """One row per value of ``by``, one column per query, each with its own unit."""

    by: tuple[str, ...]
    units: tuple[tuple[str, str], ...] = ()  # column -> unit, where it is not ``unit``
    width: int = COLUMNS

    form = Format.TABLE
    instant = True

    def builder(self) -> table.Panel:
        """Join the results into one table and name its columns."""
        panel = table.Panel().show_header(show_header=True)
        panel.cell_height(options.TableCellHeight.SM)
        panel.with_transformation(models.DataTransformerConfig("merge", options={}))
        panel.with_transformation(models.DataTransformerConfig("organize", options=self._columns()))
        for column, unit in self.units:
            panel.override_by_name(column, [models.DynamicConfigValue("unit", unit)])
        return panel

    def _columns(self) -> dict[str, object]:
        single = len(self.queries) == 1
        names = {
            ("Value" if single else f"Value #{_ref(at)}"): query.column
            for at, query in enumerate(self.queries)
        }
        order = {name: at for at, name in enumerate((*self.by, *names))}
        return {"excludeByName": {"Time": True}, "indexByName": order, "renameByName": names}


def _ref(at: int) -> str:
    """Return the letter of a panel's query."""
    return chr(ord("A") + at)


def _last_value() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"]).fields("").values(values=False)


def _absent(text: str) -> models.SpecialValueMap:
    """Show ``text`` for a value that is none."""
    return models.SpecialValueMap(
        models.DashboardSpecialValueMapOptions(
            match=models.SpecialValueMatch.NULL_AND_NAN,
            result=models.ValueMappingResult(text=text, index=0),
        )
    )
