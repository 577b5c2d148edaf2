// The two time series. The axis runs from -90 s to now, so that it does not move.

import uPlot from "./uplot/uPlot.esm.js";
import { NO_DATA, format } from "./format.js";

const SPAN = 90; // seconds: 60 samples, one every 1.5 s
const FONT = "11px system-ui, sans-serif";

/** Draw `history`'s `field` in `figure` (colour: its --series); returns a function to update it. */
export function chart(figure, field) {
  const plot = new uPlot(options(figure), [[], []], figure.querySelector(".plot"));
  const fit = ([{ contentRect }]) => plot.setSize({ width: contentRect.width, height: contentRect.height });
  new ResizeObserver(fit).observe(figure.querySelector(".plot"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw(false));
  const canvas = figure.querySelector("canvas");
  canvas.role = "img";
  const title = figure.querySelector("h2").textContent;
  return (history) => {
    const latest = history.at(-1)?.time ?? 0;
    const values = history.map((sample) => sample[field]);
    plot.setData([history.map(({ time }) => time - latest), values]);
    figure.classList.toggle("blank", history.length === 0);
    canvas.ariaLabel = `${title}, last ${SPAN} seconds: ${summary(values)}`;
    showReadout(figure, plot);
  };
}

function summary(values) {
  if (values.length === 0) return NO_DATA;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const [now, peak, average] = [values.at(-1), Math.max(...values), mean].map((value) =>
    format(value, "rate"),
  );
  return `now ${now} · peak ${peak} · mean ${average}`;
}

// The sample under the pointer, else a summary of all samples.
function showReadout(figure, plot) {
  const [times, values] = plot.data;
  const at = plot.cursor.idx ?? -1;
  figure.querySelector(".readout").textContent =
    at in values ? `${format(values[at], "rate")} · ${ago(times[at])}` : summary(values);
}

function ago(time) {
  const seconds = Math.round(-time);
  return seconds === 0 ? "now" : `${seconds} s ago`;
}

function options(figure) {
  const color = (name) => getComputedStyle(figure).getPropertyValue(name).trim();
  const axis = {
    stroke: () => color("--muted"),
    font: FONT,
    ticks: { show: false },
    grid: { stroke: () => color("--line"), width: 1 },
  };
  const scale = { size: 46, space: 40, filter: measured };
  return {
    width: figure.clientWidth || 300,
    height: figure.querySelector(".plot").clientHeight,
    padding: [8, 14, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { setScale: false, x: false }, sync: { key: "dashboard" } },
    scales: { x: { time: false, range: [-SPAN, 0] }, y: { range: fromZero } },
    axes: [
      { ...axis, size: 26, grid: { show: false }, incrs: [15, 30], space: 56, values: agoLabels },
      { ...axis, ...scale, grid: { ...axis.grid, filter: measured }, values: (_, ticks) => ticks.map(tickLabel) },
    ],
    series: [
      {},
      {
        stroke: () => color("--series"),
        width: 2,
        fill: (plot) => fade(plot, color("--series")),
        points: { show: (plot) => plot.data[0].length < 2 },
      },
    ],
    hooks: { setCursor: [(plot) => showReadout(figure, plot)] },
  };
}

function fromZero(_, __, highest) {
  return [0, highest > 0 ? highest * 1.15 : 1];
}

/** Return the ticks of a scale: only 0 while nothing else was measured. */
export function measured(plot, ticks) {
  const some = plot.data[1].some((value) => value > 0);
  return some ? ticks : ticks.map((tick) => (tick === 0 ? tick : null));
}

function agoLabels(_, ticks) {
  return ticks.map((tick) => (tick === 0 ? "now" : `${tick} s`.replace("-", "−")));
}

function tickLabel(value) {
  if (value === null) return "";
  return value.toLocaleString("en", { notation: "compact", maximumFractionDigits: 2 });
}

function fade(plot, color) {
  const { top, height } = plot.bbox;
  if (!height) return "transparent";
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, `${color}55`);
  gradient.addColorStop(1, `${color}05`);
  return gradient;
}
