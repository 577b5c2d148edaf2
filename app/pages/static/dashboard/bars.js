// A chart with a column for each day, in parts by model. The table on the page has the same figures.

import { make, place } from "./element.js";
import { format } from "./format.js";

const COLOURS = 5; // models with a colour of their own; the others share one
const REST = "rest";
const OTHERS = "Other models";
const LABEL_EVERY = 15; // days; a narrow screen shows every other label
const NO_MODEL = "no model";
const STEPS = [1, 2, 5, 10];
const TICKS = 5; // at most

const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const day = new Intl.DateTimeFormat("en", { month: "short", day: "numeric", timeZone: "UTC" });

/** Draw `of` a day's models in `figure`, in a format; returns a function of days and series. */
export function dayChart(figure, of, formatName) {
  const [plot, legend, readout] = [".days", ".legend", ".readout"].map((part) => figure.querySelector(part));
  const title = figure.querySelector("h2").textContent;
  const say = (value) => format(value, formatName);
  const unit = formatName === "money" ? "$" : "";
  let shown = [];
  let resting = "";

  plot.onpointermove = ({ target }) => {
    const at = [...plot.querySelectorAll(".day")].indexOf(target.closest(".day"));
    readout.textContent = at < 0 ? resting : described(shown[at]);
  };
  plot.onpointerleave = () => (readout.textContent = resting);

  function described({ name, total, parts }) {
    const used = parts.filter(({ value }) => value > 0);
    const models = used.length > 1 ? used.map(({ model, value }) => `${model} ${say(value)}`) : used.map(({ model }) => model);
    return [dayName(name), say(total), ...models].join(" · ");
  }

  return (days, series) => {
    shown = days.map((one) => columnOf(one, of, series));
    const highest = Math.max(...shown.map(({ total }) => total));
    const step = stepOf(highest);
    const top = Math.ceil(highest / step - 1e-9) * step || 1;
    const columns = shown.map((column, n) => columnElement(column, top, shown.length - 1 - n));
    plot.replaceChildren(...gridOf(top, step, unit), ...columns);
    legend.replaceChildren(...series.map(({ model, key }) => make("li", { data: { series: key } }, model)));
    const peak = shown.find(({ total }) => total === highest);
    resting = highest > 0 ? `highest ${say(highest)} on ${dayName(peak.name)}` : "nothing yet";
    readout.textContent = resting;
    plot.ariaLabel = `${title}, last ${days.length} days: ${resting}. The table below has all figures.`;
  };
}

/** Return a round step of a scale up to `value`, of which at most five are needed; 0 for nothing. */
export function stepOf(value) {
  if (!(value > 0)) return 0;
  const least = value / TICKS;
  const power = 10 ** Math.floor(Math.log10(least));
  return (STEPS.find((step) => step * power >= least * (1 - 1e-9)) ?? STEPS.at(-1)) * power;
}

/** Return the models that cost most, each with the key of a colour; the others together. */
export function seriesOf(days, of) {
  const sums = new Map();
  for (const { models } of days) {
    for (const record of models) sums.set(nameOf(record), (sums.get(nameOf(record)) ?? 0) + of(record));
  }
  const ranked = [...sums].sort(([, one], [, other]) => other - one);
  const series = ranked.slice(0, COLOURS).map(([model], n) => ({ model, key: n }));
  return ranked.length > COLOURS ? [...series, { model: OTHERS, key: REST }] : series;
}

const nameOf = ({ model }) => (model === null || model === "none" ? NO_MODEL : model);

function columnOf({ day: name, models }, of, series) {
  const named = new Map(models.map((record) => [nameOf(record), of(record)]));
  const own = new Set(series.filter(({ key }) => key !== REST).map(({ model }) => model));
  const others = [...named].reduce((sum, [model, value]) => (own.has(model) ? sum : sum + value), 0);
  const parts = series.map(({ model, key }) => ({ model, key, value: key === REST ? others : (named.get(model) ?? 0) }));
  return { name, parts, total: parts.reduce((sum, { value }) => sum + value, 0) };
}

function columnElement({ name, parts }, top, ago) {
  const drawn = parts.filter(({ value }) => value > 0).reverse();
  const blocks = drawn.map(({ key, value }) => place(make("div", { className: "part", data: { series: key } }), 0, value / top));
  const className = ago % (2 * LABEL_EVERY) === 0 ? "date" : "date minor";
  const label = ago % LABEL_EVERY === 0 ? [make("span", { className }, dayName(name))] : [];
  return make("div", { className: "day", data: { day: name } }, ...blocks, ...label);
}

function gridOf(top, step, unit) {
  const count = step > 0 ? Math.round(top / step) : 0;
  return Array.from({ length: count + 1 }, (_, n) => n * step).flatMap((value) => [
    place(make("span", { className: "grid" }), value / top, 0),
    place(make("span", { className: "tick" }, unit + short.format(value)), value / top, 0),
  ]);
}

const dayName = (name) => day.format(new Date(`${name}T00:00:00Z`));
