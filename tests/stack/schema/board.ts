// What Grafana reads, as its own schema has it, for JSON: enums are written as their values.
import type { Dashboard, DataQuery, Panel, RowPanel } from "@grafana/schema";
import type { Options as BarGauge } from "@grafana/schema/dist/types/raw/composable/bargauge/panelcfg/x/BarGaugePanelCfg_types.gen.d.ts";
import type { Options as Heatmap } from "@grafana/schema/dist/types/raw/composable/heatmap/panelcfg/x/HeatmapPanelCfg_types.gen.d.ts";
import type { Options as Stat } from "@grafana/schema/dist/types/raw/composable/stat/panelcfg/x/StatPanelCfg_types.gen.d.ts";
import type { Options as Table } from "@grafana/schema/dist/types/raw/composable/table/panelcfg/x/TablePanelCfg_types.gen.d.ts";
import type {
  FieldConfig as LinesField,
  Options as Lines,
} from "@grafana/schema/dist/types/raw/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen.d.ts";

type Written<T> = T extends string ? `${T}` : T extends object ? { [K in keyof T]: Written<T[K]> } : T;

interface Options {
  bargauge: BarGauge;
  heatmap: Partial<Heatmap>;
  stat: Stat;
  table: Partial<Table>;
  timeseries: Lines;
}

// The Prometheus plugin's query; the package does not have it.
interface PrometheusQuery extends DataQuery {
  expr: string;
  legendFormat: string;
  format: "time_series" | "table" | "heatmap";
  instant: boolean;
  range: boolean;
  exemplar: boolean;
  editorMode: "code" | "builder";
}

type Base = Omit<Panel, "type" | "options" | "targets" | "fieldConfig">;
type Fields<Custom> = Panel["fieldConfig"] & { defaults: { custom?: Custom } };

type AnyPanel = {
  [Kind in keyof Options]: Base & {
    type: Kind;
    options: Options[Kind];
    targets: PrometheusQuery[];
    fieldConfig: Fields<Kind extends "timeseries" ? LinesField : never>;
  };
}[keyof Options];

export type Board = Written<
  Omit<Dashboard, "panels" | "annotations"> & { panels: (AnyPanel | RowPanel)[]; annotations: { list: object[] } }
>;
